// SPDX-License-Identifier: Apache-2.0

// Normalisation of groups of rows, which lie in memory without gaps and are summed in lanes.

#pragma once

#include "statistics.h"

INLINE statistics row_statistics(const float *restrict x, size_t count, sotto_norm norm, float *state, size_t group) {
    double shift = norm.centred ? x[0] : 0.0;
    double first[lanes] = {0}, second[lanes] = {0};
    size_t whole = count - count % lanes;
    for (size_t i = 0; i < whole; i += lanes) {
        for (int j = 0; j < lanes; j++) {
            double d = x[i + j] - shift;
            first[j] += d;
            second[j] += d * d;
        }
    }
    for (size_t i = whole; i < count; i++) {
        double d = x[i] - shift;
        first[i - whole] += d;
        second[i - whole] += d * d;
    }
    double offset = norm.centred ? double_tree(first) / (double)count : 0.0;
    double square = double_tree(second) / (double)count;
    return store(shift + offset, square - offset * offset, norm.epsilon, state, group);
}

INLINE void normalise_rows(const float *restrict x, sotto_norm norm, size_t group_rows, int by_column,
                           const float *restrict weight, const float *restrict bias, float *restrict y, float *state) {
    size_t columns = norm.columns;
    for (size_t first = 0; first < norm.rows; first += group_rows) {
        statistics s = row_statistics(x + first * columns, group_rows * columns, norm, state, first / group_rows);
        for (size_t r = first; r < first + group_rows; r++) {
            const float *from = x + r * columns;
            float *to = y + r * columns;
            for (size_t c = 0; c < columns; c++) {
                size_t at = by_column ? c : r;
                to[c] = normal(from[c], s) * weight[at] + bias[at];
            }
        }
    }
}

/// Adds dy * weight and dy * weight * n of one row to the lanes.
INLINE void add_row(const float *restrict x, const float *restrict dy, size_t columns, statistics s,
                    const float *restrict weight, size_t row, int by_column, double *restrict plain,
                    double *restrict along) {
    size_t whole = columns - columns % lanes;
    for (size_t i = 0; i < whole; i += lanes) {
        for (int j = 0; j < lanes; j++) {
            float g = dy[i + j] * weight[by_column ? i + j : row];
            plain[j] += g;
            along[j] += g * normal(x[i + j], s);
        }
    }
    for (size_t i = whole; i < columns; i++) {
        float g = dy[i] * weight[by_column ? i : row];
        plain[i - whole] += g;
        along[i - whole] += g * normal(x[i], s);
    }
}

INLINE void normalise_rows_backward(const float *restrict x, const float *state, const float *restrict dy,
                                    sotto_norm norm, size_t group_rows, int by_column, const float *restrict weight,
                                    float *restrict dx) {
    size_t columns = norm.columns;
    double count = (double)(group_rows * columns);
    for (size_t first = 0; first < norm.rows; first += group_rows) {
        statistics s = load(state, first / group_rows);
        double plain[lanes] = {0}, along[lanes] = {0};
        for (size_t r = first; r < first + group_rows; r++) {
            add_row(x + r * columns, dy + r * columns, columns, s, weight, r, by_column, plain, along);
        }
        float a = norm.centred ? (float)(double_tree(plain) / count) : 0.0f;
        float b = (float)(double_tree(along) / count);
        for (size_t r = first; r < first + group_rows; r++) {
            for (size_t c = 0; c < columns; c++) {
                float g = dy[r * columns + c] * weight[by_column ? c : r];
                dx[r * columns + c] = ((g - a) - normal(x[r * columns + c], s) * b) * s.scale;
            }
        }
    }
}

INLINE void row_parameters(const float *restrict x, const float *state, const float *restrict dy, sotto_norm norm,
                           size_t group_rows, float *restrict dweight, float *restrict dbias) {
    const float one = 1.0f;
    size_t columns = norm.columns;
    for (size_t r = 0; r < norm.rows; r++) {
        double plain[lanes] = {0}, along[lanes] = {0};
        statistics s = load(state, r / group_rows);
        add_row(x + r * columns, dy + r * columns, columns, s, &one, 0, 0, plain, along);
        dbias[r] = (float)double_tree(plain);
        dweight[r] = (float)double_tree(along);
    }
}
