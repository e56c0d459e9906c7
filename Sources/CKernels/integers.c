// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

// Adding 1.5 * 2^52 to a double of magnitude up to 2^31 rounds it to the nearest integer, ties to even, and leaves that
// integer in two's complement in the low 32 bits. It needs no conversion instruction and is the same on every level.
INLINE sotto_squares quantise_body(const float *restrict x, size_t count, double scale, double limit,
                                   int32_t *restrict q) {
    sotto_squares sum = {0, 0};
    for (size_t i = 0; i < count; i++) {
        double t = (double)x[i] * scale;
        t = t > limit ? limit : t;
        t = t < -limit ? -limit : t;
        int32_t value = (int32_t)(uint32_t)bits_of_double(t + 6755399441055744.0);
        q[i] = value;
        uint64_t square = (uint64_t)((int64_t)value * (int64_t)value);
        sum.low += square & 0xFFFFFFFFu;
        sum.high += square >> 32;
    }
    return sum;
}

LEVELS sotto_squares sotto_quantise(const float *x, size_t count, double scale, double limit, int32_t *q) {
    return quantise_body(x, count, scale, limit, q);
}

sotto_squares sotto_quantise_portable(const float *x, size_t count, double scale, double limit, int32_t *q) {
    return quantise_body(x, count, scale, limit, q);
}

void sotto_shrink(int32_t *q, size_t count, uint64_t numerator, uint64_t denominator) {
    for (size_t i = 0; i < count; i++) {
        int64_t value = q[i];
        uint64_t magnitude = (uint64_t)(value < 0 ? -value : value);
        int64_t smaller = (int64_t)(magnitude * numerator / denominator);
        q[i] = (int32_t)(value < 0 ? -smaller : smaller);
    }
}

INLINE void add_int32_body(int64_t *restrict sum, const int32_t *restrict q, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += q[i];
    }
}

LEVELS void sotto_add_int32(int64_t *sum, const int32_t *q, size_t count) { add_int32_body(sum, q, count); }

void sotto_add_int32_portable(int64_t *sum, const int32_t *q, size_t count) { add_int32_body(sum, q, count); }
