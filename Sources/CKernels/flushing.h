// SPDX-License-Identifier: Apache-2.0

// Subnormal operands and results as zeros, as BF16 dot products take them, for the functions that are called between the
// two; these must not be inlined, since a compiler may move arithmetic across a change of the mode.

#pragma once

#include "levels.h"

#if defined(__x86_64__)
#include <xmmintrin.h>

typedef unsigned int float_mode;

INLINE float_mode begin_flushing(void) {
    float_mode mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040);
    return mode;
}

INLINE void end_flushing(float_mode mode) { _mm_setcsr(mode); }

#elif defined(__aarch64__)

typedef uint64_t float_mode;

INLINE float_mode begin_flushing(void) {
    float_mode mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | UINT64_C(1) << 24));
    return mode;
}

INLINE void end_flushing(float_mode mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }

#else
#error "this processor's way to flush subnormal numbers is not known"
#endif
