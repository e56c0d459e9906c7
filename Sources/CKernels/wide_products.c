// SPDX-License-Identifier: Apache-2.0

// Products that are added up in double: the product of two floats is exact there, so fused or not is the same.

#include "levels.h"

#include "include/rounded_products.h"

enum {
    /// Terms, rows and columns at once.
    terms = 64,
    row_block = 32,
    column_block = 64,
    vector = 8,
};

typedef double doubles8 __attribute__((vector_size(64), aligned(8)));

/// Some terms of some columns, as doubles.
INLINE void pack(sotto_operand b, size_t k, size_t depth, size_t j, size_t columns, double *panel, int operands) {
    float row[column_block];
    for (size_t i = 0; i < depth; i++) {
        const float *from = (const float *)b.base + (k + i) * b.row + j;
        if (!b.ready) {
            sotto_round_operands(from, columns, row, columns, 1, columns, operands);
            from = row;
        }
        for (size_t x = 0; x < column_block; x++) {
            panel[i * column_block + x] = x < columns ? (double)from[x] : 0;
        }
    }
}

/// sums[0...64] += the terms of one row.
INLINE void add_row(const float *a, size_t depth, const double *panel, double *sums) {
    for (size_t half = 0; half < column_block; half += 4 * vector) {
        doubles8 sum[4];
        memcpy(sum, sums + half, sizeof sum);
        for (size_t k = 0; k < depth; k++) {
            double x = a[k];
            doubles8 factor = {x, x, x, x, x, x, x, x};
            for (int v = 0; v < 4; v++) {
                sum[v] += factor * *(const doubles8 *)(panel + k * column_block + half + (size_t)v * vector);
            }
        }
        memcpy(sums + half, sum, sizeof sum);
    }
}

LEVELS void sotto_wide_product(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                               size_t columns, int accumulate, float factor, int operands) {
    double panel[terms * column_block], sums[row_block * column_block];
    float left[terms], rounded[terms];
    for (size_t i = 0; i < rows; i += row_block) {
        size_t down = rows - i < row_block ? rows - i : row_block;
        for (size_t j = 0; j < columns; j += column_block) {
            size_t across = columns - j < column_block ? columns - j : column_block;
            memset(sums, 0, sizeof sums);
            for (size_t k = 0; k < inner; k += terms) {
                size_t depth = inner - k < terms ? inner - k : terms;
                pack(b, k, depth, j, across, panel, operands);
                for (size_t r = 0; r < down; r++) {
                    const float *from = (const float *)a.base + (i + r) * a.row + k * a.column;
                    for (size_t t = 0; t < depth; t++) {
                        left[t] = from[t * a.column];
                    }
                    sotto_round_operands(left, depth, rounded, depth, 1, depth, a.ready ? SOTTO_OPERANDS_FP32 : operands);
                    add_row(rounded, depth, panel, sums + r * column_block);
                }
            }
            for (size_t r = 0; r < down; r++) {
                for (size_t x = 0; x < across; x++) {
                    float *to = c + (i + r) * c_stride + j + x;
                    double scaled = factor * sums[r * column_block + x];
                    *to = (float)(accumulate ? *to + scaled : scaled);
                }
            }
        }
    }
}
