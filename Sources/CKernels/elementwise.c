// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

LEVELS void sotto_add_bias(float *restrict matrix, size_t rows, size_t columns, size_t stride,
                           const float *restrict bias, int per_column) {
    for (size_t r = 0; r < rows; r++) {
        float *row = matrix + r * stride;
        if (per_column) {
            for (size_t c = 0; c < columns; c++) {
                row[c] += bias[c];
            }
        } else {
            float value = bias[r];
            for (size_t c = 0; c < columns; c++) {
                row[c] += value;
            }
        }
    }
}
