// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

enum { lanes = 16 };

LEVELS void sotto_row_product(const float *restrict a, size_t lda, const float *restrict b, int transposed,
                              float *restrict c, size_t ldc, size_t rows, size_t inner, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const float *left = a + r * lda;
        float *target = c + r * ldc;
        if (!transposed) {
            memset(target, 0, columns * sizeof(float));
            for (size_t k = 0; k < inner; k++) {
                float factor = left[k];
                const float *row = b + k * columns;
                for (size_t j = 0; j < columns; j++) {
                    target[j] += factor * row[j];
                }
            }
            continue;
        }
        for (size_t j = 0; j < columns; j++) {
            const float *right = b + j * inner;
            float lane[lanes] = {0};
            size_t whole = inner - inner % lanes;
            for (size_t k = 0; k < whole; k += lanes) {
                for (int l = 0; l < lanes; l++) {
                    lane[l] += left[k + l] * right[k + l];
                }
            }
            for (size_t k = whole; k < inner; k++) {
                lane[k - whole] += left[k] * right[k];
            }
            for (int width = lanes / 2; width > 0; width /= 2) {
                for (int l = 0; l < width; l++) {
                    lane[l] += lane[l + width];
                }
            }
            target[j] = lane[0];
        }
    }
}

LEVELS void sotto_outer_product(const float *restrict left, size_t rows, const float *restrict right, size_t columns,
                                float *restrict matrix) {
    for (size_t r = 0; r < rows; r++) {
        float factor = left[r];
        for (size_t c = 0; c < columns; c++) {
            matrix[r * columns + c] = factor * right[c];
        }
    }
}

LEVELS void sotto_transpose(const float *restrict input, size_t rows, size_t columns, float *restrict output,
                            size_t stride) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            output[c * stride + r] = input[r * columns + c];
        }
    }
}
