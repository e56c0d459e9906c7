// SPDX-License-Identifier: Apache-2.0

// The part of self-attention between its products: one head of one example.

#pragma once

#include <stddef.h>

#pragma clang assume_nonnull begin

/// scores[t] = softmax(scale * scores[t]) for each of `places` rows of `places` floats, in place; `scale` is positive.
/// Where `causal`, row t is made of its first t + 1 elements and the others become 0. A row in which a score that
/// counts is NaN or +Inf, or all are -Inf, becomes NaN there.
void sotto_attention_softmax(float *scores, size_t places, float scale, int causal);
void sotto_attention_softmax_portable(float *scores, size_t places, float scale, int causal);

/// The adjoint, in place: gradient[t][s] = scale * p[t][s] * (gradient[t][s] - sum over u of p[t][u] * gradient[t][u]),
/// and 0 where s does not count.
void sotto_attention_softmax_backward(const float *probabilities, float *gradient, size_t places, float scale,
                                      int causal);
void sotto_attention_softmax_backward_portable(const float *probabilities, float *gradient, size_t places, float scale,
                                               int causal);

#pragma clang assume_nonnull end
