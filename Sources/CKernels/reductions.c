// SPDX-License-Identifier: Apache-2.0

#include "lanes.h"

INLINE double sum_of_squares_body(const float *restrict x, size_t count) {
    // Twice as many lanes as elsewhere: fewer would wait for one another's additions.
    enum { wide = 2 * lanes };
    double lane[wide] = {0};
    size_t whole = count - count % wide;
    for (size_t i = 0; i < whole; i += wide) {
        for (int j = 0; j < wide; j++) {
            double value = x[i + j];
            lane[j] += value * value;
        }
    }
    for (size_t i = whole; i < count; i++) {
        double value = x[i];
        lane[i - whole] += value * value;
    }
    for (int j = 0; j < lanes; j++) {
        lane[j] += lane[j + lanes];
    }
    return double_tree(lane);
}

LEVELS double sotto_sum_of_squares(const float *x, size_t count) { return sum_of_squares_body(x, count); }

double sotto_sum_of_squares_portable(const float *x, size_t count) { return sum_of_squares_body(x, count); }

INLINE void row_sums_body(const float *restrict matrix, size_t rows, size_t columns, float *restrict sums) {
    size_t whole = columns - columns % lanes;
    for (size_t r = 0; r < rows; r++) {
        const float *row = matrix + r * columns;
        float lane[lanes] = {0};
        for (size_t i = 0; i < whole; i += lanes) {
            for (int j = 0; j < lanes; j++) {
                lane[j] += row[i + j];
            }
        }
        for (size_t i = whole; i < columns; i++) {
            lane[i - whole] += row[i];
        }
        sums[r] = float_tree(lane);
    }
}

LEVELS void sotto_row_sums(const float *matrix, size_t rows, size_t columns, float *sums) {
    row_sums_body(matrix, rows, columns, sums);
}

void sotto_row_sums_portable(const float *matrix, size_t rows, size_t columns, float *sums) {
    row_sums_body(matrix, rows, columns, sums);
}

INLINE void cross_entropy_backward_body(const float *restrict logits, size_t classes, size_t label,
                                        float *restrict gradient) {
    float greatest = logits[0];
    for (size_t c = 1; c < classes; c++) {
        greatest = logits[c] > greatest ? logits[c] : greatest;
    }
    for (size_t c = 0; c < classes; c++) {
        float x = logits[c] - greatest;
        float e = exponential(x < -87.0f ? -87.0f : x);
        gradient[c] = x < -87.0f ? 0.0f : e;
    }
    double total = 0;
    for (size_t c = 0; c < classes; c++) {
        total += gradient[c];
    }
    float inverse = (float)(1.0 / total);
    for (size_t c = 0; c < classes; c++) {
        gradient[c] *= inverse;
    }
    gradient[label] -= 1.0f;
}

LEVELS void sotto_cross_entropy_backward(const float *logits, size_t classes, size_t label, float *gradient) {
    cross_entropy_backward_body(logits, classes, label, gradient);
}

void sotto_cross_entropy_backward_portable(const float *logits, size_t classes, size_t label, float *gradient) {
    cross_entropy_backward_body(logits, classes, label, gradient);
}

INLINE void column_sums_body(const float *restrict matrix, size_t rows, size_t columns, float *restrict sums) {
    memset(sums, 0, columns * sizeof(float));
    for (size_t r = 0; r < rows; r++) {
        const float *row = matrix + r * columns;
        for (size_t c = 0; c < columns; c++) {
            sums[c] += row[c];
        }
    }
}

LEVELS void sotto_column_sums(const float *matrix, size_t rows, size_t columns, float *sums) {
    column_sums_body(matrix, rows, columns, sums);
}

void sotto_column_sums_portable(const float *matrix, size_t rows, size_t columns, float *sums) {
    column_sums_body(matrix, rows, columns, sums);
}

LEVELS void sotto_add(const float *restrict x, float *restrict y, size_t count) {
    for (size_t i = 0; i < count; i++) {
        y[i] += x[i];
    }
}

LEVELS void sotto_scale(float *restrict x, float factor, size_t count) {
    for (size_t i = 0; i < count; i++) {
        x[i] *= factor;
    }
}
