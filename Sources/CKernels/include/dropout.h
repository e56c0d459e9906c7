// SPDX-License-Identifier: Apache-2.0

// Dropout by a public mask. Included by CKernels.h.

#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// x[i] = draw i < threshold ? 0 : x[i] * scale, where draws 2k and 2k + 1 are the lower and the upper half of word k
/// of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), which starts at a state hashed from `seed` and `stream`.
void sotto_dropout(float *_Nullable x, size_t count, uint64_t seed, uint64_t stream, uint32_t threshold, float scale);
void sotto_dropout_portable(float *_Nullable x, size_t count, uint64_t seed, uint64_t stream, uint32_t threshold,
                            float scale);

#pragma clang assume_nonnull end
