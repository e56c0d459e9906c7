// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

// 1.5 * 2^52: added to an integer below 2^51 in magnitude, as bits, it makes the double whose fraction is that integer.
#define MAGIC_BITS INT64_C(0x4338000000000000)
#define MAGIC 6755399441055744.0

INLINE double double_of_bits(int64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/// Exact for |x| < 2^51; vectorises where a conversion of 64-bit integers is no instruction.
INLINE double double_of_small(int64_t x) {
    return double_of_bits((int64_t)((uint64_t)x + (uint64_t)MAGIC_BITS)) - MAGIC;
}

INLINE int all_small(const int64_t *sum, size_t count) {
    uint64_t high = 0;
    for (size_t i = 0; i < count; i++) {
        high |= ((uint64_t)sum[i] + (UINT64_C(1) << 51)) >> 52;
    }
    return high == 0;
}

INLINE void descend(float *restrict parameters, float *restrict velocity, const int64_t *restrict sum, size_t count,
                    double scale, float momentum, float rate, int small) {
    for (size_t i = 0; i < count; i++) {
        float next = (float)((small ? double_of_small(sum[i]) : (double)sum[i]) * scale);
        if (velocity) {
            next = momentum * velocity[i] + next;
            velocity[i] = next;
        }
        parameters[i] -= rate * next;
    }
}

INLINE void descend_by_integers(float *restrict parameters, float *restrict velocity, const int64_t *restrict sum,
                                size_t count, double scale, float momentum, float rate) {
    // A loop of its own for each case: none of them branches inside.
    if (all_small(sum, count)) {
        if (velocity) {
            descend(parameters, velocity, sum, count, scale, momentum, rate, 1);
        } else {
            descend(parameters, NULL, sum, count, scale, momentum, rate, 1);
        }
    } else {
        descend(parameters, velocity, sum, count, scale, momentum, rate, 0);
    }
}

INLINE void descend_by_floats(float *restrict parameters, float *restrict velocity, const float *restrict sum,
                              size_t count, float scale, float momentum, float rate) {
    if (velocity) {
        for (size_t i = 0; i < count; i++) {
            float next = momentum * velocity[i] + sum[i] * scale;
            velocity[i] = next;
            parameters[i] -= rate * next;
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            parameters[i] -= rate * (sum[i] * scale);
        }
    }
}

LEVELS void sotto_descend_integers(float *parameters, float *velocity, const int64_t *sum, size_t count, double scale,
                                   float momentum, float rate) {
    descend_by_integers(parameters, velocity, sum, count, scale, momentum, rate);
}

void sotto_descend_integers_portable(float *parameters, float *velocity, const int64_t *sum, size_t count,
                                     double scale, float momentum, float rate) {
    descend_by_integers(parameters, velocity, sum, count, scale, momentum, rate);
}

LEVELS void sotto_descend_floats(float *parameters, float *velocity, const float *sum, size_t count, float scale,
                                 float momentum, float rate) {
    descend_by_floats(parameters, velocity, sum, count, scale, momentum, rate);
}

void sotto_descend_floats_portable(float *parameters, float *velocity, const float *sum, size_t count, float scale,
                                   float momentum, float rate) {
    descend_by_floats(parameters, velocity, sum, count, scale, momentum, rate);
}
