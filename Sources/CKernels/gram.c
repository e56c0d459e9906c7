// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

#include <math.h>

enum { lanes = 8 };

INLINE double tree(const double *lane) {
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

LEVELS void sotto_widen_add(const float *restrict x, double *restrict sum, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += x[i];
    }
}

LEVELS double sotto_dot_double(const double *restrict a, const double *restrict b, size_t count) {
    double lane[lanes] = {0};
    size_t whole = count - count % lanes;
    for (size_t i = 0; i < whole; i += lanes) {
        for (int j = 0; j < lanes; j++) {
            lane[j] += a[i + j] * b[i + j];
        }
    }
    for (size_t i = whole; i < count; i++) {
        lane[i - whole] += a[i] * b[i];
    }
    return tree(lane);
}

INLINE double squares(const float *restrict x, size_t count) {
    double lane[lanes] = {0};
    size_t whole = count - count % lanes;
    for (size_t i = 0; i < whole; i += lanes) {
        for (int j = 0; j < lanes; j++) {
            double value = x[i + j];
            lane[j] += value * value;
        }
    }
    for (size_t i = whole; i < count; i++) {
        double value = x[i];
        lane[i - whole] += value * value;
    }
    return tree(lane);
}

LEVELS double sotto_mass(const float *errors, size_t errors_stride, size_t rows, const float *inputs,
                         size_t inputs_stride, size_t columns, size_t places, double margin) {
    double mass = 0;
    for (size_t t = 0; t < places; t++) {
        double error = sqrt(squares(errors + t * errors_stride, rows)) + margin;
        mass += error * (sqrt(squares(inputs + t * inputs_stride, columns)) + margin);
    }
    return mass;
}

LEVELS uint64_t sotto_checksum(const float *x, size_t count, uint64_t seed) {
    // Every element is multiplied by an odd number of its own, so that no change of one element can go unseen.
    uint64_t sum = seed;
    uint64_t factor = 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < count; i++) {
        sum += (uint64_t)bits_of_float(x[i]) * (factor + 2 * (uint64_t)i);
    }
    return sum;
}
