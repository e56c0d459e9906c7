// SPDX-License-Identifier: Apache-2.0

// Rounding one magnitude to a format: what rounding.c exports as loops and products do while they pack.

#pragma once

#include "levels.h"

#include "include/rounding.h"

// All on the bits: a float's magnitude is ordered as an integer, and a carry out of the fraction is the next exponent.

#define SIGN UINT32_C(0x80000000)
#define INFINITE UINT32_C(0x7F800000)
#define QUIET UINT32_C(0x00400000)
/// 2^-126, the least normal float.
#define LEAST_NORMAL UINT32_C(0x00800000)
/// 2^-14, the least normal number of FP16.
#define HALF_NORMAL UINT32_C(0x38800000)
/// 65504, the largest number of FP16.
#define HALF_LARGEST UINT32_C(0x477FE000)

/// The fraction bits that the format drops.
INLINE uint32_t dropped(int format) { return format == SOTTO_BF16 ? 16 : 13; }

/// The magnitude with its dropped bits cleared, `add` having been added to them; a NaN keeps its leading bits.
INLINE uint32_t cut(uint32_t magnitude, uint32_t add, uint32_t bits) {
    uint32_t mask = ~((UINT32_C(1) << bits) - 1);
    // An infinity is left by itself: all it drops is zero, and what is added is less than that.
    return (magnitude > INFINITE ? magnitude | QUIET : magnitude + add) & mask;
}

INLINE uint32_t limited(uint32_t magnitude) {
    return magnitude > HALF_LARGEST && magnitude < INFINITE ? INFINITE : magnitude;
}

INLINE uint32_t nearest(uint32_t magnitude, int format) {
    uint32_t bits = dropped(format);
    uint32_t half = (UINT32_C(1) << (bits - 1)) - 1;
    uint32_t rounded = cut(magnitude, half + ((magnitude >> bits) & 1), bits);
    if (format != SOTTO_FP16) {
        return rounded;
    }
    // Below 2^-14 the step is 2^-24, that of floats from 1/2 to 1: adding 1/2 rounds, taking it away is exact.
    float raised = float_of_bits(magnitude) + 0.5f;
    uint32_t small = bits_of_float(raised - 0.5f);
    return magnitude < HALF_NORMAL ? small : limited(rounded);
}

INLINE uint32_t towards_zero(uint32_t magnitude, int format) {
    uint32_t rounded = cut(magnitude, 0, dropped(format));
    if (format != SOTTO_FP16) {
        return rounded;
    }
    // Floats below 2^-14 times 2^24 are below 2^10: the integer part is exact.
    float scaled = magnitude < HALF_NORMAL ? float_of_bits(magnitude) * 0x1p24f : 0;
    uint32_t small = bits_of_float((float)(int32_t)scaled * 0x1p-24f);
    uint32_t large = rounded > HALF_LARGEST && rounded < INFINITE ? HALF_LARGEST : rounded;
    return magnitude < HALF_NORMAL ? small : large;
}

INLINE uint32_t stochastic(uint32_t magnitude, uint32_t word, int format) {
    uint32_t bits = dropped(format);
    uint32_t rounded = cut(magnitude, word & ((UINT32_C(1) << bits) - 1), bits);
    if (format != SOTTO_FP16) {
        return rounded;
    }
    float scaled = magnitude < HALF_NORMAL ? float_of_bits(magnitude) * 0x1p40f : 0;
    int32_t steps = ((int32_t)scaled + (int32_t)(word & 0xFFFF)) >> 16;
    uint32_t small = bits_of_float((float)steps * 0x1p-24f);
    return magnitude < HALF_NORMAL ? small : limited(rounded);
}

/// The 16 bits of a magnitude that the format has.
INLINE uint16_t packed(uint32_t magnitude, int format) {
    if (format == SOTTO_BF16) {
        return (uint16_t)(magnitude >> 16);
    }
    // The exponent's bias falls from 127 to 15; infinities and NaNs keep all its bits.
    uint32_t normal = magnitude >= INFINITE ? 0x7C00 + ((magnitude & 0x7FFFFF) >> 13) : (magnitude - 0x38000000) >> 13;
    uint32_t small = (uint32_t)(int32_t)((magnitude < HALF_NORMAL ? float_of_bits(magnitude) : 0) * 0x1p24f);
    return (uint16_t)(magnitude < HALF_NORMAL ? small : normal);
}

INLINE uint32_t unpacked(uint32_t half, int format) {
    if (format == SOTTO_BF16) {
        return half << 16;
    }
    uint32_t normal = (half >= 0x7C00 ? INFINITE - (UINT32_C(0x7C00) << 13) : UINT32_C(0x38000000)) + (half << 13);
    return half < 0x0400 ? bits_of_float((float)(int32_t)half * 0x1p-24f) : normal;
}
