// SPDX-License-Identifier: Apache-2.0

// What every file of loops includes first.
//
// A loop is written once as an INLINE body and exported twice: under its own name with LEVELS, and as `_portable`.
// FP_CONTRACT OFF forbids fused multiply-add, the one thing that would make levels differ in their bits.

#pragma once

#include "include/CKernels.h"

#include <string.h>

#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__) && defined(__clang__)
#define LEVELS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LEVELS
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

INLINE uint32_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

INLINE uint64_t bits_of_double(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/// e^(x + low) within 2 ulp for -87 <= x <= 88 and |low| at most an ulp of x (Cephes expf: range reduction by ln 2 in
/// two parts, degree-5 polynomial); a NaN stays a NaN. Adding 1.5 * 2^23 rounds x / ln 2 to the nearest integer and
/// leaves it in the low bits, so nothing is converted that might not fit.
INLINE float exponential_of_sum(float x, float low) {
    const float magic = 12582912.0f;
    float shifted = x * 1.44269504088896341f + magic;
    float n = shifted - magic;
    float r = (x - n * 0.693359375f) - n * -2.12194440e-4f + low;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    return p * float_of_bits((bits_of_float(shifted) << 23) + 0x3F800000u);
}

/// e^x within 2 ulp for -87 <= x <= 88; a NaN stays a NaN.
INLINE float exponential(float x) { return exponential_of_sum(x, 0.0f); }
