// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

#include <string.h>

LEVELS void sotto_outer_product(const float *restrict left, size_t rows, const float *restrict right, size_t columns,
                                float *restrict matrix) {
    for (size_t r = 0; r < rows; r++) {
        float factor = left[r];
        for (size_t c = 0; c < columns; c++) {
            matrix[r * columns + c] = factor * right[c];
        }
    }
}

LEVELS void sotto_transpose(const float *restrict input, size_t input_stride, size_t rows, size_t columns,
                            float *restrict output, size_t stride) {
    enum { block = 16 };
    for (size_t r = 0; r < rows; r += block) {
        size_t height = rows - r < block ? rows - r : block;
        for (size_t c = 0; c < columns; c += block) {
            size_t width = columns - c < block ? columns - c : block;
            if (height == block && width == block) {
                for (size_t i = 0; i < block; i++) {
                    for (size_t j = 0; j < block; j++) {
                        output[(c + i) * stride + r + j] = input[(r + j) * input_stride + c + i];
                    }
                }
                continue;
            }
            for (size_t i = 0; i < width; i++) {
                for (size_t j = 0; j < height; j++) {
                    output[(c + i) * stride + r + j] = input[(r + j) * input_stride + c + i];
                }
            }
        }
    }
}

INLINE void scale_row(const float *restrict from, float factor, float *restrict to, size_t columns) {
    for (size_t c = 0; c < columns; c++) {
        to[c] = from[c] * factor;
    }
}

LEVELS void sotto_scaled_rows(const float *input, size_t input_stride, const float *factors, size_t places,
                              float *output, size_t output_stride, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float factor = factors[r / places];
        const float *from = input + r * input_stride;
        float *to = output + r * output_stride;
        if (factor == 0) {
            memset(to, 0, columns * sizeof *to);
        } else if (to != from) {
            scale_row(from, factor, to, columns);
        } else {
            for (size_t c = 0; c < columns; c++) {
                to[c] *= factor;
            }
        }
    }
}
