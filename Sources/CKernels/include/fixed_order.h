// SPDX-License-Identifier: Apache-2.0

// Matrix products whose bits depend on nothing but the operands: see fixed_order.c.

#pragma once

#include <stddef.h>

#pragma clang assume_nonnull begin

/// Terms that are added up from zero before they are added to the result.
#define SOTTO_FIXED_ORDER_TERMS 128

/// c[r][j] (+)= factor times the sum over k of a[r * a_row + k * a_inner] * b[k * b_stride + j].
///
/// Blocks of SOTTO_FIXED_ORDER_TERMS terms are added up from zero in the order of k or, where `swapped`, of the pairs of k
/// with the second before the first; every term by one fused multiplication and addition; and the blocks, each times `factor`
/// in one fused multiplication and addition, are added to the result one after another. `level` is at most `sotto_fixed_order_level()`; all levels give the same bits. c overlaps no
/// operand.
void sotto_fixed_order_product(const float *a, size_t a_row, size_t a_inner, const float *b, size_t b_stride, float *c,
                               size_t c_stride, size_t rows, size_t inner, size_t columns, int accumulate,
                               float factor, int swapped, int level);

/// The sum of `segments` such products of `inner` terms each, one behind another in both operands, with a factor each: the
/// same bits as one after another, the first of them not accumulated.
void sotto_fixed_order_segments(const float *a, size_t a_row, size_t a_inner, const float *b, size_t b_stride, float *c,
                                size_t c_stride, size_t rows, size_t inner, size_t columns, const float *factors,
                                size_t segments, int swapped, int level);

/// 2 on processors with AVX-512, 1 with AVX2 and FMA, else 0 (then every term is a function call: slow, and the same).
int sotto_fixed_order_level(void);

#pragma clang assume_nonnull end
