// SPDX-License-Identifier: Apache-2.0

// Matrix products of operands of fewer bits: see rounded_products.c, bfloat_dot.c and wide_products.c.

#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// What operands are rounded to before they are multiplied.
enum {
    /// Nothing.
    SOTTO_OPERANDS_FP32 = 0,
    SOTTO_OPERANDS_TF32 = 1,
    /// Towards zero.
    SOTTO_OPERANDS_TF32_TRUNCATED = 2,
    /// To nearest, subnormal floats as zero; sums and results that would be subnormal are zero too.
    SOTTO_OPERANDS_BF16 = 3,
    SOTTO_OPERANDS_FP16 = 4,
};

/// A matrix: element [i][j] is at base + i * row + j * column, and one of the two strides is 1.
typedef struct {
    /// Floats or, for the right operand of sotto_dot_product, pairs of BF16.
    const void *base;
    size_t row, column;
    /// Whether the values are numbers of the format already, or pairs.
    int ready;
} sotto_operand;

/// to[i][j] = from[i][j] as an operand; `to` may be `from`.
void sotto_round_operands(const float *from, size_t from_stride, float *to, size_t to_stride, size_t rows,
                          size_t columns, int operands);
void sotto_round_operands_portable(const float *from, size_t from_stride, float *to, size_t to_stride, size_t rows,
                                   size_t columns, int operands);

/// c (+)= factor a b, rounded operands and the order of sums of sotto_fixed_order_product; for BF16 the swapped order, which gives
/// the bits of sotto_dot_product. b's columns are next to one another. All levels give the same bits.
void sotto_rounded_product(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                           size_t columns, int accumulate, float factor, int operands, int level);

/// c (+)= factor a b, rounded operands, all terms added up in double in the order of k; the sum times the factor, and c's
/// element where `accumulate`, are added in double and rounded to float once. b's columns are next to one another.
void sotto_wide_product(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                        size_t columns, int accumulate, float factor, int operands);

/// Whether the processor has dot products of BF16 pairs.
int sotto_has_bf16_dot(void);

/// The same as sotto_rounded_product for SOTTO_OPERANDS_BF16, by dot products. b is ready as sotto_pair_rows leaves it.
void sotto_dot_product(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                       size_t columns, int accumulate, float factor);

/// The sum of `segments` products of `inner` terms each with a factor each, not more than sotto_most_segments(inner): the same
/// bits as by sotto_rounded_product one after another, the first of them not accumulated. a is stored the other way round,
/// [segment][term][row]; b is ready, [segment][term][column].
void sotto_rounded_segments(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                            size_t columns, const float *factors, size_t segments, int operands, int level);
size_t sotto_most_segments(size_t inner);

/// The same by dot products: b is as sotto_pair_rows leaves it for every segment, one right behind another.
void sotto_dot_segments(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                        size_t columns, const float *factors, size_t segments);

/// pairs[k / 2][j] = b[k][j] in the low and b[k + 1][j], zero beyond the last row, in the high 16 bits, both as BF16;
/// `stride` pairs from row to row, zeros from `columns` to the next multiple of 16.
void sotto_pair_rows(sotto_operand b, size_t inner, size_t columns, uint32_t *pairs, size_t stride);

#pragma clang assume_nonnull end
