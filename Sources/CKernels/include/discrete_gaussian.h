// SPDX-License-Identifier: Apache-2.0

// Eight trials of the discrete Gaussian sampler at once. Included by CKernels.h.

#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Trials of a group.
#define SOTTO_TRIALS 8

/// What `sotto_certain_trials` did.
typedef struct {
    /// Words it used, a multiple of 2 * SOTTO_TRIALS.
    size_t words;
    /// Samples it wrote.
    size_t samples;
} sotto_trials_done;

/// Runs groups of SOTTO_TRIALS trials until fewer words or places than a group may need are left, or until a group has
/// a trial that is not decided for certain; that group is left untouched.
///
/// The law has the deviation 64 * multiple, 1 <= multiple < 2^32; trial i takes words 2i and 2i + 1.
/// docs/proofs/discrete-gaussian.md, section 5, says why the decisions taken here are right. Places after the samples
/// written may be overwritten.
///
/// `slots`: 1024 entries, threshold << 10 | alias.
sotto_trials_done sotto_certain_trials(const uint64_t *_Nullable words, size_t word_count, const uint64_t *slots,
                                       uint64_t multiple, int64_t *_Nullable out, size_t out_count);
sotto_trials_done sotto_certain_trials_portable(const uint64_t *_Nullable words, size_t word_count,
                                                const uint64_t *slots, uint64_t multiple, int64_t *_Nullable out,
                                                size_t out_count);

#pragma clang assume_nonnull end
