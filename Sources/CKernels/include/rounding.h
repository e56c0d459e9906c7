// SPDX-License-Identifier: Apache-2.0

// Rounding of floats to formats of fewer bits: see rounding.c.

#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Formats: sign, exponent bits, fraction bits.
enum {
    /// 1, 8, 10.
    SOTTO_TF32 = 0,
    /// 1, 8, 7.
    SOTTO_BF16 = 1,
    /// 1, 5, 10: IEEE 754 binary16, with subnormals.
    SOTTO_FP16 = 2,
};

/// out[i] = the nearest number of the format, ties to even; beyond the largest one, and a half step, infinity. A NaN stays
/// a NaN of its sign. `out` may be `in`.
void sotto_round(float *out, const float *in, size_t count, int format);
void sotto_round_portable(float *out, const float *in, size_t count, int format);

/// out[i] = the number of the format next to in[i] towards zero.
void sotto_truncate(float *out, const float *in, size_t count, int format);
void sotto_truncate_portable(float *out, const float *in, size_t count, int format);

/// out[i] = one of the two neighbours of in[i] in the format, by the low bits of words[i]: that away from zero with the
/// probability that keeps the mean, up to 2^-16 of a step where the format is subnormal. Beyond the largest one, infinity.
void sotto_round_stochastic(float *out, const float *in, const uint32_t *words, size_t count, int format);
void sotto_round_stochastic_portable(float *out, const float *in, const uint32_t *words, size_t count, int format);

/// The 16 bits of in[i] rounded to BF16 or FP16, and back.
void sotto_pack16(uint16_t *out, const float *in, size_t count, int format);
void sotto_pack16_portable(uint16_t *out, const float *in, size_t count, int format);
void sotto_unpack16(float *out, const uint16_t *in, size_t count, int format);
void sotto_unpack16_portable(float *out, const uint16_t *in, size_t count, int format);

#pragma clang assume_nonnull end
