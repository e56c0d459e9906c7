// SPDX-License-Identifier: Apache-2.0

// Products whose operands are rounded while they are packed: blocks of both, as floats of the format, go through
// sotto_fixed_order_product. An operand that is ready is not packed.

#include "flushing.h"
#include "rounding_bits.h"

#include "include/fixed_order.h"
#include "include/rounded_products.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
    /// Terms, rows of a and columns of b that are packed at once.
    terms = SOTTO_FIXED_ORDER_TERMS,
    row_block = 64,
    column_block = 128,
};

/// x as an operand.
INLINE float rounded(float x, int operands) {
    uint32_t bits = bits_of_float(x), magnitude = bits & ~SIGN;
    switch (operands) {
    case SOTTO_OPERANDS_TF32: magnitude = nearest(magnitude, SOTTO_TF32); break;
    case SOTTO_OPERANDS_TF32_TRUNCATED: magnitude = towards_zero(magnitude, SOTTO_TF32); break;
    case SOTTO_OPERANDS_BF16: magnitude = nearest(magnitude < LEAST_NORMAL ? 0 : magnitude, SOTTO_BF16); break;
    case SOTTO_OPERANDS_FP16: magnitude = nearest(magnitude, SOTTO_FP16); break;
    default: break;
    }
    return float_of_bits((bits & SIGN) | magnitude);
}

/// Rows of floats and where they go as operands; strides in floats.
typedef struct {
    const float *from;
    size_t from_stride;
    float *to;
    size_t to_stride, rows, columns;
} rows_to_round;

INLINE void round_rows(rows_to_round p, int operands) {
    for (size_t i = 0; i < p.rows; i++) {
        const float *from = p.from + i * p.from_stride;
        float *to = p.to + i * p.to_stride;
        // Rows are short, and what does not fill an unrolled loop would be done one by one; `to` is `from` or apart.
#pragma clang loop vectorize(assume_safety) interleave(disable) unroll(disable)
        for (size_t j = 0; j < p.columns; j++) {
            to[j] = rounded(from[j], operands);
        }
    }
}

LEVELS static void round_any(rows_to_round p, int operands) {
    // One loop for each format, so that none branches inside.
    switch (operands) {
    case SOTTO_OPERANDS_TF32: round_rows(p, SOTTO_OPERANDS_TF32); break;
    case SOTTO_OPERANDS_TF32_TRUNCATED: round_rows(p, SOTTO_OPERANDS_TF32_TRUNCATED); break;
    case SOTTO_OPERANDS_BF16: round_rows(p, SOTTO_OPERANDS_BF16); break;
    case SOTTO_OPERANDS_FP16: round_rows(p, SOTTO_OPERANDS_FP16); break;
    default: round_rows(p, SOTTO_OPERANDS_FP32); break;
    }
}

#if defined(__x86_64__) && defined(__clang__)

/// To FP16 and back by the processor's conversions, which give the same bits.
__attribute__((target("avx512f"))) static void round_halves(rows_to_round p) {
    for (size_t i = 0; i < p.rows; i++) {
        const float *from = p.from + i * p.from_stride;
        float *to = p.to + i * p.to_stride;
        for (size_t j = 0; j < p.columns; j += 16) {
            size_t rest = p.columns - j;
            __mmask16 mask = (__mmask16)(rest >= 16 ? 0xFFFF : (1u << rest) - 1);
            __m256i half = _mm512_cvtps_ph(_mm512_maskz_loadu_ps(mask, from + j), _MM_FROUND_TO_NEAREST_INT);
            _mm512_mask_storeu_ps(to + j, mask, _mm512_cvtph_ps(half));
        }
    }
}

__attribute__((target("avx2,f16c"))) static void round_halves_f16c(rows_to_round p) {
    for (size_t i = 0; i < p.rows; i++) {
        const float *from = p.from + i * p.from_stride;
        float *to = p.to + i * p.to_stride;
        size_t j = 0;
        for (; j + 8 <= p.columns; j += 8) {
            __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(from + j), _MM_FROUND_TO_NEAREST_INT);
            _mm256_storeu_ps(to + j, _mm256_cvtph_ps(half));
        }
        for (; j < p.columns; j++) {
            to[j] = rounded(from[j], SOTTO_OPERANDS_FP16);
        }
    }
}

static void round_all(rows_to_round p, int operands) {
    if (operands == SOTTO_OPERANDS_FP16 && __builtin_cpu_supports("avx512f")) {
        round_halves(p);
    } else if (operands == SOTTO_OPERANDS_FP16 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c")) {
        round_halves_f16c(p);
    } else {
        round_any(p, operands);
    }
}

#else

static void round_all(rows_to_round p, int operands) { round_any(p, operands); }

#endif

void sotto_round_operands(const float *from, size_t from_stride, float *to, size_t to_stride, size_t rows,
                          size_t columns, int operands) {
    round_all((rows_to_round){from, from_stride, to, to_stride, rows, columns}, operands);
}

void sotto_round_operands_portable(const float *from, size_t from_stride, float *to, size_t to_stride, size_t rows,
                                   size_t columns, int operands) {
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            to[i * to_stride + j] = rounded(from[i * from_stride + j], operands);
        }
    }
}

/// Some rows and terms of a matrix of floats as they are multiplied: in place, or rounded in `panel`.
///
/// A panel's rows are `width` floats apart or, of a matrix that is stored the other way round, its columns `height`.
static sotto_operand as_multiplied(sotto_operand all, size_t row, size_t rows, size_t column, size_t columns, float *panel,
                                   size_t width, size_t height, int operands) {
    const float *base = (const float *)all.base + row * all.row + column * all.column;
    if (all.ready) {
        return (sotto_operand){base, all.row, all.column, 1};
    }
    if (all.column == 1) {
        round_all((rows_to_round){base, all.row, panel, width, rows, columns}, operands);
        return (sotto_operand){panel, width, 1, 1};
    }
    round_all((rows_to_round){base, all.column, panel, height, columns, rows}, operands);
    return (sotto_operand){panel, 1, height, 1};
}

__attribute__((noinline)) static void multiply(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows,
                                               size_t inner, size_t columns, int accumulate, float factor,
                                               int operands, int level) {
    float left[row_block * terms];
    float right[terms * column_block];
    size_t height = a.ready ? rows : row_block, width = b.ready ? columns : column_block;
    for (size_t k = 0; k < inner; k += terms) {
        size_t depth = inner - k < terms ? inner - k : terms;
        for (size_t j = 0; j < columns; j += width) {
            size_t across = columns - j < width ? columns - j : width;
            sotto_operand second = as_multiplied(b, k, depth, j, across, right, column_block, 0, operands);
            for (size_t i = 0; i < rows; i += height) {
                size_t down = rows - i < height ? rows - i : height;
                sotto_operand first = as_multiplied(a, i, down, k, depth, left, terms, row_block, operands);
                sotto_fixed_order_product(first.base, first.row, first.column, second.base, second.row,
                                          c + i * c_stride + j, c_stride, down, depth, across, accumulate || k > 0,
                                          factor, operands == SOTTO_OPERANDS_BF16, level);
            }
        }
    }
}

void sotto_rounded_product(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                           size_t columns, int accumulate, float factor, int operands, int level) {
    if (operands != SOTTO_OPERANDS_BF16) {
        multiply(a, b, c, c_stride, rows, inner, columns, accumulate, factor, operands, level);
        return;
    }
    float_mode mode = begin_flushing();
    multiply(a, b, c, c_stride, rows, inner, columns, accumulate, factor, operands, level);
    end_flushing(mode);
}

enum {
    /// Terms of all segments that a panel of a has room for.
    most_terms = 1024,
    /// Rows at once.
    segment_rows = 16,
};

size_t sotto_most_segments(size_t inner) { return inner > most_terms ? 0 : most_terms / (inner + inner % 2); }

__attribute__((noinline)) static void multiply_segments(sotto_operand a, sotto_operand b, float *c, size_t c_stride,
                                                        size_t rows, size_t inner, size_t columns, const float *factors,
                                                        size_t segments, int operands, int level) {
    float panel[most_terms * segment_rows];
    for (size_t i = 0; i < rows; i += segment_rows) {
        size_t down = rows - i < segment_rows ? rows - i : segment_rows;
        sotto_operand first = as_multiplied(a, i, down, 0, segments * inner, panel, 0, segment_rows, operands);
        sotto_fixed_order_segments(first.base, first.row, first.column, b.base, b.row, c + i * c_stride, c_stride, down,
                                   inner, columns, factors, segments, operands == SOTTO_OPERANDS_BF16, level);
    }
}

void sotto_rounded_segments(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                            size_t columns, const float *factors, size_t segments, int operands, int level) {
    if (operands != SOTTO_OPERANDS_BF16) {
        multiply_segments(a, b, c, c_stride, rows, inner, columns, factors, segments, operands, level);
        return;
    }
    float_mode mode = begin_flushing();
    multiply_segments(a, b, c, c_stride, rows, inner, columns, factors, segments, operands, level);
    end_flushing(mode);
}
