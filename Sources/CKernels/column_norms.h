// SPDX-License-Identifier: Apache-2.0

// Normalisation of groups of columns, and sums over columns. Columns are taken in blocks of 16, one lane a column, from
// the first row to the last.

#pragma once

#include "statistics.h"

/// The sums over all rows of dy and of dy * n for `width` columns; statistics are those of the row where `by_row`, else
/// `block[j]`.
INLINE void column_sums(const float *restrict x, const float *restrict dy, sotto_norm norm, size_t width,
                        const float *state, int by_row, const statistics *block, double *restrict plain,
                        double *restrict along) {
    float high[lanes], low[lanes], scale[lanes];
    double sums[lanes] = {0}, products[lanes] = {0};
    for (size_t j = 0; j < width && !by_row; j++) {
        high[j] = block[j].high;
        low[j] = block[j].low;
        scale[j] = block[j].scale;
    }
    for (size_t r = 0; r < norm.rows; r++) {
        const float *from = x + r * norm.columns, *errors = dy + r * norm.columns;
        statistics own = by_row ? load(state, r) : (statistics){0};
        for (size_t j = 0; j < width; j++) {
            statistics s = by_row ? own : (statistics){high[j], low[j], scale[j]};
            sums[j] += errors[j];
            products[j] += errors[j] * normal(from[j], s);
        }
    }
    for (size_t j = 0; j < width; j++) {
        plain[j] = sums[j];
        along[j] = products[j];
    }
}

/// The same, compiled for whole blocks and for the rest.
INLINE void block_sums(const float *x, const float *dy, sotto_norm norm, size_t width, const float *state, int by_row,
                       const statistics *block, double *plain, double *along) {
    if (width == lanes) {
        column_sums(x, dy, norm, lanes, state, by_row, block, plain, along);
    } else {
        column_sums(x, dy, norm, width, state, by_row, block, plain, along);
    }
}

INLINE size_t block_width(size_t columns, size_t first) { return columns - first < lanes ? columns - first : lanes; }

INLINE void load_block(const float *state, sotto_norm norm, size_t first, size_t width, statistics *block) {
    size_t group_columns = norm.columns / norm.groups;
    for (size_t j = 0; j < width; j++) {
        block[j] = load(state, (first + j) / group_columns);
    }
}

INLINE void column_parameters(const float *x, const float *state, const float *dy, sotto_norm norm, int by_row,
                              float *restrict dweight, float *restrict dbias) {
    double plain[lanes], along[lanes];
    statistics block[lanes];
    for (size_t first = 0; first < norm.columns; first += lanes) {
        size_t width = block_width(norm.columns, first);
        if (!by_row) {
            load_block(state, norm, first, width, block);
        }
        block_sums(x + first, dy + first, norm, width, state, by_row, block, plain, along);
        for (size_t j = 0; j < width; j++) {
            dweight[first + j] = (float)along[j];
            dbias[first + j] = (float)plain[j];
        }
    }
}

/// Mean and sum of squared differences from it of every column.
INLINE void column_moments(const float *restrict x, sotto_norm norm, size_t width, double *restrict mean,
                           double *restrict squares) {
    double shift[lanes], first[lanes] = {0}, second[lanes] = {0};
    for (size_t j = 0; j < width; j++) {
        shift[j] = x[j];
    }
    for (size_t r = 0; r < norm.rows; r++) {
        for (size_t j = 0; j < width; j++) {
            double d = x[r * norm.columns + j] - shift[j];
            first[j] += d;
            second[j] += d * d;
        }
    }
    for (size_t j = 0; j < width; j++) {
        double offset = first[j] / (double)norm.rows;
        mean[j] = shift[j] + offset;
        squares[j] = second[j] - offset * first[j];
    }
}

/// Columns are joined to groups one after another (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
/// for computing sample variances", 1979).
INLINE void group_statistics(const float *x, sotto_norm norm, float *state) {
    size_t group_columns = norm.columns / norm.groups;
    double mean[lanes], squares[lanes];
    double joined_mean = 0, joined_squares = 0;
    for (size_t first = 0; first < norm.columns; first += lanes) {
        size_t width = block_width(norm.columns, first);
        if (width == lanes) {
            column_moments(x + first, norm, lanes, mean, squares);
        } else {
            column_moments(x + first, norm, width, mean, squares);
        }
        for (size_t j = 0; j < width; j++) {
            size_t before = (first + j) % group_columns;
            double d = before == 0 ? 0 : mean[j] - joined_mean;
            joined_mean = before == 0 ? mean[j] : joined_mean + d / (double)(before + 1);
            double spread = d * d * (double)(norm.rows * before) / (double)(before + 1);
            joined_squares = (before == 0 ? 0 : joined_squares) + squares[j] + spread;
            if (before + 1 == group_columns) {
                double variance = joined_squares / (double)(norm.rows * group_columns);
                store(joined_mean, variance, norm.epsilon, state, (first + j) / group_columns);
            }
        }
    }
}

/// y = n weight + bias of `width` columns.
INLINE void normalise_block(const float *restrict x, sotto_norm norm, size_t width, const statistics *block,
                            const float *weight, const float *bias, float *restrict y) {
    float high[lanes], low[lanes], scale[lanes], w[lanes], b[lanes];
    for (size_t j = 0; j < width; j++) {
        high[j] = block[j].high;
        low[j] = block[j].low;
        scale[j] = block[j].scale;
        w[j] = weight[j];
        b[j] = bias[j];
    }
    for (size_t r = 0; r < norm.rows; r++) {
        for (size_t j = 0; j < width; j++) {
            size_t i = r * norm.columns + j;
            y[i] = normal(x[i], (statistics){high[j], low[j], scale[j]}) * w[j] + b[j];
        }
    }
}

INLINE void normalise_columns(const float *x, sotto_norm norm, const float *weight, const float *bias, float *y,
                              float *state) {
    group_statistics(x, norm, state);
    statistics block[lanes];
    for (size_t first = 0; first < norm.columns; first += lanes) {
        size_t width = block_width(norm.columns, first);
        load_block(state, norm, first, width, block);
        if (width == lanes) {
            normalise_block(x + first, norm, lanes, block, weight + first, bias + first, y + first);
        } else {
            normalise_block(x + first, norm, width, block, weight + first, bias + first, y + first);
        }
    }
}

/// The means over every group of dy * weight and of dy * weight * n, in pairs.
INLINE void group_means(const float *x, const float *state, const float *dy, sotto_norm norm, const float *weight,
                        float *means) {
    size_t group_columns = norm.columns / norm.groups;
    double count = (double)(norm.rows * group_columns);
    double plain[lanes], along[lanes], a = 0, b = 0;
    statistics block[lanes];
    for (size_t first = 0; first < norm.columns; first += lanes) {
        size_t width = block_width(norm.columns, first);
        load_block(state, norm, first, width, block);
        block_sums(x + first, dy + first, norm, width, state, 0, block, plain, along);
        for (size_t j = 0; j < width; j++) {
            a += weight[first + j] * plain[j];
            b += weight[first + j] * along[j];
            if ((first + j + 1) % group_columns == 0) {
                size_t group = (first + j) / group_columns;
                means[2 * group] = (float)(a / count);
                means[2 * group + 1] = (float)(b / count);
                a = 0;
                b = 0;
            }
        }
    }
}

INLINE void block_backward(const float *restrict x, const float *restrict dy, sotto_norm norm, size_t first,
                           size_t width, const statistics *block, const float *weight, const float *means,
                           float *restrict dx) {
    size_t group_columns = norm.columns / norm.groups;
    float high[lanes], low[lanes], scale[lanes], w[lanes], a[lanes], b[lanes];
    for (size_t j = 0; j < width; j++) {
        size_t group = (first + j) / group_columns;
        high[j] = block[j].high;
        low[j] = block[j].low;
        scale[j] = block[j].scale;
        w[j] = weight[first + j];
        a[j] = means[2 * group];
        b[j] = means[2 * group + 1];
    }
    for (size_t r = 0; r < norm.rows; r++) {
        for (size_t j = 0; j < width; j++) {
            size_t i = r * norm.columns + first + j;
            float n = normal(x[i], (statistics){high[j], low[j], scale[j]});
            dx[i] = ((dy[i] * w[j] - a[j]) - n * b[j]) * scale[j];
        }
    }
}

INLINE void normalise_columns_backward(const float *x, const float *state, const float *dy, sotto_norm norm,
                                       const float *weight, float *dx, float *means) {
    group_means(x, state, dy, norm, weight, means);
    statistics block[lanes];
    for (size_t first = 0; first < norm.columns; first += lanes) {
        size_t width = block_width(norm.columns, first);
        load_block(state, norm, first, width, block);
        if (width == lanes) {
            block_backward(x, dy, norm, first, lanes, block, weight, means, dx);
        } else {
            block_backward(x, dy, norm, first, width, block, weight, means, dx);
        }
    }
}
