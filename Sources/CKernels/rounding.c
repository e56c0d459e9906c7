// SPDX-License-Identifier: Apache-2.0

#include "rounding_bits.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// One loop for each format, so that none branches inside.
#define EACH_FORMAT(LOOP)         \
    switch (format) {             \
    case SOTTO_TF32:              \
        LOOP(SOTTO_TF32) break;   \
    case SOTTO_BF16:              \
        LOOP(SOTTO_BF16) break;   \
    default:                      \
        LOOP(SOTTO_FP16) break;   \
    }

// `out` may be `in`, and nothing else of it: every element is read before it is written.
#define EACH_ELEMENT _Pragma("clang loop vectorize(assume_safety)") for (size_t i = 0; i < count; i++)

#define ROUND_LOOP(FORMAT)                                                             \
    EACH_ELEMENT {                                                                     \
        uint32_t bits = bits_of_float(in[i]);                                          \
        out[i] = float_of_bits((bits & SIGN) | nearest(bits & ~SIGN, FORMAT));         \
    }
#define TRUNCATE_LOOP(FORMAT)                                                          \
    EACH_ELEMENT {                                                                     \
        uint32_t bits = bits_of_float(in[i]);                                          \
        out[i] = float_of_bits((bits & SIGN) | towards_zero(bits & ~SIGN, FORMAT));    \
    }
#define STOCHASTIC_LOOP(FORMAT)                                                        \
    EACH_ELEMENT {                                                                     \
        uint32_t bits = bits_of_float(in[i]);                                          \
        out[i] = float_of_bits((bits & SIGN) | stochastic(bits & ~SIGN, words[i], FORMAT)); \
    }
#define PACK_LOOP(FORMAT)                                                              \
    for (size_t i = 0; i < count; i++) {                                               \
        uint32_t bits = bits_of_float(in[i]);                                          \
        out[i] = (uint16_t)((bits >> 16 & 0x8000) | packed(nearest(bits & ~SIGN, FORMAT), FORMAT)); \
    }
#define UNPACK_LOOP(FORMAT)                                                            \
    for (size_t i = 0; i < count; i++) {                                               \
        uint32_t half = in[i];                                                         \
        out[i] = float_of_bits((half & 0x8000) << 16 | unpacked(half & 0x7FFF, FORMAT)); \
    }

INLINE void round_all(float *out, const float *in, size_t count, int format) { EACH_FORMAT(ROUND_LOOP) }

INLINE void truncate_all(float *out, const float *in, size_t count, int format) { EACH_FORMAT(TRUNCATE_LOOP) }

INLINE void round_all_stochastic(float *out, const float *in, const uint32_t *words, size_t count, int format) {
    EACH_FORMAT(STOCHASTIC_LOOP)
}

INLINE void pack_all(uint16_t *restrict out, const float *restrict in, size_t count, int format) {
    if (format == SOTTO_BF16) {
        PACK_LOOP(SOTTO_BF16)
    } else {
        PACK_LOOP(SOTTO_FP16)
    }
}

INLINE void unpack_all(float *restrict out, const uint16_t *restrict in, size_t count, int format) {
    if (format == SOTTO_BF16) {
        UNPACK_LOOP(SOTTO_BF16)
    } else {
        UNPACK_LOOP(SOTTO_FP16)
    }
}

LEVELS void sotto_round(float *out, const float *in, size_t count, int format) { round_all(out, in, count, format); }

void sotto_round_portable(float *out, const float *in, size_t count, int format) { round_all(out, in, count, format); }

LEVELS void sotto_truncate(float *out, const float *in, size_t count, int format) {
    truncate_all(out, in, count, format);
}

void sotto_truncate_portable(float *out, const float *in, size_t count, int format) {
    truncate_all(out, in, count, format);
}

LEVELS void sotto_round_stochastic(float *out, const float *in, const uint32_t *words, size_t count, int format) {
    round_all_stochastic(out, in, words, count, format);
}

void sotto_round_stochastic_portable(float *out, const float *in, const uint32_t *words, size_t count, int format) {
    round_all_stochastic(out, in, words, count, format);
}

LEVELS static void pack_any(uint16_t *out, const float *in, size_t count, int format) {
    pack_all(out, in, count, format);
}

LEVELS static void unpack_any(float *out, const uint16_t *in, size_t count, int format) {
    unpack_all(out, in, count, format);
}

#if defined(__x86_64__) && defined(__clang__)

// The processor's conversions to and from FP16 give the same bits; what is left over is done by the loops.

__attribute__((target("avx2,f16c"))) static size_t pack_halves(uint16_t *out, const float *in, size_t count) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128((__m128i *)(out + i), half);
    }
    return i;
}

__attribute__((target("avx2,f16c"))) static size_t unpack_halves(float *out, const uint16_t *in, size_t count) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(in + i))));
    }
    return i;
}

static int has_halves(int format) {
    return format == SOTTO_FP16 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
}

#else

static size_t pack_halves(uint16_t *out, const float *in, size_t count) { return 0; }

static size_t unpack_halves(float *out, const uint16_t *in, size_t count) { return 0; }

static int has_halves(int format) { return 0; }

#endif

void sotto_pack16(uint16_t *out, const float *in, size_t count, int format) {
    size_t done = has_halves(format) ? pack_halves(out, in, count) : 0;
    pack_any(out + done, in + done, count - done, format);
}

void sotto_pack16_portable(uint16_t *out, const float *in, size_t count, int format) {
    pack_all(out, in, count, format);
}

void sotto_unpack16(float *out, const uint16_t *in, size_t count, int format) {
    size_t done = has_halves(format) ? unpack_halves(out, in, count) : 0;
    unpack_any(out + done, in + done, count - done, format);
}

void sotto_unpack16_portable(float *out, const uint16_t *in, size_t count, int format) {
    unpack_all(out, in, count, format);
}
