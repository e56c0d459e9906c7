// SPDX-License-Identifier: Apache-2.0

// Rows of a table by token, and the sums of rows that belong to the same token.
//
// A token is a float; it is valid where it is whole and in 0..<vocabulary <= 2^24.

#pragma once

#include <stddef.h>

#pragma clang assume_nonnull begin

/// output[t] = table[tokens[t]], rows of `width` floats; a token that is not valid gives a row of NaN.
void sotto_embed(const float *tokens, size_t places, const float *table, size_t vocabulary, size_t width,
                 float *output);

/// Links the places of equal tokens. |links[t]| is the next place with t's token, or `places` where there is none;
/// links[t] is positive at the first place of a token and negative at others, at tokens that are not valid and at those
/// equal to `ignored`. `slots` has a power of two, at least 2 * places, of floats; its contents do not matter.
void sotto_link_tokens(const float *tokens, size_t places, size_t vocabulary, float ignored, float *links, float *slots,
                       size_t slot_count);

/// sums[width] = the sum of the rows at the places linked from `first` on, in their order.
void sotto_sum_linked(const float *rows, size_t width, const float *links, size_t places, size_t first, float *sums);

#pragma clang assume_nonnull end
