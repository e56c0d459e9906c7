// SPDX-License-Identifier: Apache-2.0

// Products of BF16 operands by the processor's dot products of pairs (AVX-512 BF16). VDPBF16PS adds the product of the
// second elements of two pairs and then that of the first, each rounded to nearest, subnormals as zeros (Intel, Software
// Developer's Manual, volume 2); a product of two BF16 numbers is exact in a float, so this is a fused multiplication and
// addition, and sotto_rounded_product gives the same bits.

#include "flushing.h"

#include "include/fixed_order.h"
#include "include/rounded_products.h"

#if defined(__x86_64__) && defined(__clang__)

#include <immintrin.h>

#define DOT __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define DOT_INLINE static inline __attribute__((always_inline)) DOT

enum {
    vector = 16,
    /// Pairs of terms, rows of a and columns of b that are packed at once.
    pairs = SOTTO_FIXED_ORDER_TERMS / 2,
    row_block = 64,
    column_block = 128,
    /// Rows of a tile.
    tall = 8,
};

int sotto_has_bf16_dot(void) {
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

DOT_INLINE __mmask16 first(size_t count) { return (__mmask16)(count >= 16 ? 0xFFFF : (1u << count) - 1); }

/// The BF16 numbers of two vectors, each of `low` beside its one of `high`.
DOT_INLINE __m512i zipped(__m512 low, __m512 high) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                           5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/// Pairs of neighbouring rows, element by element, `count` of them and zeros up to a multiple of 16.
DOT_INLINE void zip_rows(const float *low, const float *high, size_t count, uint32_t *out) {
    for (size_t j = 0; j < count; j += vector) {
        __mmask16 mask = first(count - j);
        __m512 above = high ? _mm512_maskz_loadu_ps(mask, high + j) : _mm512_setzero_ps();
        _mm512_storeu_si512(out + j, zipped(_mm512_maskz_loadu_ps(mask, low + j), above));
    }
}

/// Up to 32 neighbouring elements in pairs, zeros beyond `count`.
DOT_INLINE __m512i pairs_of(const float *row, size_t count) {
    __m512 low = _mm512_maskz_loadu_ps(first(count), row);
    __m512 high = count > vector ? _mm512_maskz_loadu_ps(first(count - vector), row + vector) : _mm512_setzero_ps();
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/// A row's neighbouring elements in pairs, a zero beside a last single one.
DOT_INLINE void pair_row(const float *row, size_t count, uint32_t *out) {
    size_t j = 0;
    for (; j + 2 * vector <= count; j += 2 * vector) {
        __m512bh both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(row + j + vector), _mm512_loadu_ps(row + j));
        _mm512_storeu_si512(out + j / 2, (__m512i)both);
    }
    if (j < count) {
        _mm512_mask_storeu_epi32(out + j / 2, first((count - j + 1) / 2), pairs_of(row + j, count - j));
    }
}

/// Turns a matrix of 16 x 16 round: by halves of 8, 4, 2 and 1, each exchanged with the other half of the row that is as
/// far away.
DOT_INLINE void turn(__m512i rows[vector]) {
    for (int half = 8; half > 0; half /= 2) {
        int low[vector], high[vector];
        for (int i = 0; i < vector; i++) {
            low[i] = i & half ? (i - half) + vector : i;
            high[i] = i & half ? i + vector : i + half;
        }
        __m512i take_low = _mm512_loadu_si512(low), take_high = _mm512_loadu_si512(high);
        for (int i = 0; i < vector; i++) {
            if ((i & half) == 0) {
                __m512i a = rows[i], b = rows[i + half];
                rows[i] = _mm512_permutex2var_epi32(a, take_low, b);
                rows[i + half] = _mm512_permutex2var_epi32(a, take_high, b);
            }
        }
    }
}

/// Packs some rows and terms of a as pairs: [row_block][pairs] or, where a is stored the other way round and this gives 1,
/// [pairs][row_block].
DOT_INLINE int pack_rows(sotto_operand a, size_t row, size_t rows, size_t term, size_t terms, uint32_t *panel) {
    const float *base = (const float *)a.base + row * a.row + term * a.column;
    if (a.column == 1) {
        for (size_t i = 0; i < rows; i++) {
            pair_row(base + i * a.row, terms, panel + i * pairs);
        }
        return 0;
    }
    for (size_t k = 0; k < terms; k += 2) {
        const float *low = base + k * a.column;
        zip_rows(low, k + 1 < terms ? low + a.column : NULL, rows, panel + k / 2 * row_block);
    }
    return 1;
}

/// A tile of the result, and what it is made of.
typedef struct {
    const uint32_t *a, *b;
    size_t b_stride;
    float *c;
    size_t c_stride;
    /// Pairs of terms.
    size_t count;
    /// Columns of the last vector.
    __mmask16 last;
    int accumulate;
    float factor;
} tile_operands;

DOT_INLINE void tile(tile_operands p, int rows, int vectors, int turned) {
    __m512 sum[tall][2];
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) {
            sum[r][v] = _mm512_setzero_ps();
        }
    }
    const uint32_t *b = p.b, *a = p.a;
    for (size_t k = 0; k < p.count; k++, b += p.b_stride, a += turned ? row_block : 1) {
        __m512bh right[2];
        for (int v = 0; v < vectors; v++) {
            right[v] = (__m512bh)_mm512_loadu_si512(b + v * vector);
        }
        for (int r = 0; r < rows; r++) {
            __m512bh left = (__m512bh)_mm512_set1_epi32((int)a[turned ? r : r * pairs]);
            for (int v = 0; v < vectors; v++) {
                sum[r][v] = _mm512_dpbf16_ps(sum[r][v], left, right[v]);
            }
        }
    }
    __m512 factor = _mm512_set1_ps(p.factor);
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) {
            __mmask16 mask = v == vectors - 1 ? p.last : 0xFFFF;
            float *to = p.c + (size_t)r * p.c_stride + (size_t)v * vector;
            __m512 before = p.accumulate ? _mm512_maskz_loadu_ps(mask, to) : _mm512_setzero_ps();
            _mm512_mask_storeu_ps(to, mask, p.accumulate ? _mm512_fmadd_ps(factor, sum[r][v], before)
                                                          : _mm512_mul_ps(factor, sum[r][v]));
        }
    }
}

DOT_INLINE void all_rows(tile_operands p, size_t rows, int vectors, int turned) {
    while (rows > 0) {
        size_t step = rows < tall ? rows : tall;
        switch (step) {
        case 8: tile(p, 8, vectors, turned); break;
        case 7: tile(p, 7, vectors, turned); break;
        case 6: tile(p, 6, vectors, turned); break;
        case 5: tile(p, 5, vectors, turned); break;
        case 4: tile(p, 4, vectors, turned); break;
        case 3: tile(p, 3, vectors, turned); break;
        case 2: tile(p, 2, vectors, turned); break;
        default: tile(p, 1, vectors, turned); break;
        }
        p.a += step * (turned ? 1 : pairs);
        p.c += step * p.c_stride;
        rows -= step;
    }
}

/// Packed blocks of both operands.
DOT_INLINE void block(tile_operands p, size_t rows, size_t columns, int turned) {
    for (size_t j = 0; j < columns; j += 2 * vector, p.b += 2 * vector, p.c += 2 * vector) {
        size_t rest = columns - j;
        if (rest > vector) {
            p.last = first(rest - vector);
            all_rows(p, rows, 2, turned);
        } else {
            p.last = first(rest);
            all_rows(p, rows, 1, turned);
        }
    }
}

DOT __attribute__((noinline)) static void multiply(sotto_operand a, sotto_operand b, float *c, size_t c_stride,
                                                   size_t rows, size_t inner, size_t columns, int accumulate,
                                                   float factor) {
    uint32_t left[row_block * pairs] __attribute__((aligned(64)));
    uint32_t right[pairs * column_block] __attribute__((aligned(64)));
    size_t width = b.ready ? columns : column_block;
    for (size_t k = 0; k < inner; k += 2 * pairs) {
        size_t depth = inner - k < 2 * pairs ? inner - k : 2 * pairs;
        for (size_t j = 0; j < columns; j += width) {
            size_t across = columns - j < width ? columns - j : width;
            const uint32_t *second = b.ready ? (const uint32_t *)b.base + k / 2 * b.row + j : right;
            size_t stride = b.ready ? b.row : column_block;
            if (!b.ready) {
                for (size_t t = 0; t < depth; t += 2) {
                    const float *low = (const float *)b.base + (k + t) * b.row + j;
                    zip_rows(low, t + 1 < depth ? low + b.row : NULL, across, right + t / 2 * column_block);
                }
            }
            for (size_t i = 0; i < rows; i += row_block) {
                size_t down = rows - i < row_block ? rows - i : row_block;
                int turned = pack_rows(a, i, down, k, depth, left);
                tile_operands p = {left, second, stride, c + i * c_stride + j, c_stride, (depth + 1) / 2, 0,
                                   accumulate || k > 0, factor};
                if (turned) {
                    block(p, down, across, 1);
                } else {
                    block(p, down, across, 0);
                }
            }
        }
    }
}

enum {
    /// Pairs of all segments that a panel of a has room for, and its rows.
    most_pairs = 512,
    segment_rows = 16,
};

/// A tile of the sum of several products with a factor each, which stays in registers: `count` pairs of terms each, one
/// behind another in both operands, a in [pair][segment_rows].
DOT_INLINE void segmented_tile(tile_operands p, const float *factors, size_t segments, int rows, int vectors) {
    __m512 total[4][2];
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) {
            total[r][v] = _mm512_setzero_ps();
        }
    }
    const uint32_t *b = p.b, *a = p.a;
    for (size_t s = 0; s < segments; s++) {
        __m512 factor = _mm512_set1_ps(factors[s]);
        for (size_t done = 0; done < p.count; done += pairs) {
            size_t depth = p.count - done < pairs ? p.count - done : pairs;
            __m512 sum[4][2];
            for (int r = 0; r < rows; r++) {
                for (int v = 0; v < vectors; v++) {
                    sum[r][v] = _mm512_setzero_ps();
                }
            }
            for (size_t k = 0; k < depth; k++, b += p.b_stride, a += segment_rows) {
                __m512bh right[2];
                for (int v = 0; v < vectors; v++) {
                    right[v] = (__m512bh)_mm512_loadu_si512(b + v * vector);
                }
                for (int r = 0; r < rows; r++) {
                    __m512bh left = (__m512bh)_mm512_set1_epi32((int)a[r]);
                    for (int v = 0; v < vectors; v++) {
                        sum[r][v] = _mm512_dpbf16_ps(sum[r][v], left, right[v]);
                    }
                }
            }
            for (int r = 0; r < rows; r++) {
                for (int v = 0; v < vectors; v++) {
                    total[r][v] = s + done > 0 ? _mm512_fmadd_ps(factor, sum[r][v], total[r][v])
                                               : _mm512_mul_ps(factor, sum[r][v]);
                }
            }
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) {
            __mmask16 mask = v == vectors - 1 ? p.last : 0xFFFF;
            _mm512_mask_storeu_ps(p.c + (size_t)r * p.c_stride + (size_t)v * vector, mask, total[r][v]);
        }
    }
}

DOT_INLINE void segmented_rows(tile_operands p, const float *factors, size_t segments, size_t rows, int vectors) {
    for (; rows >= 4; rows -= 4, p.a += 4, p.c += 4 * p.c_stride) {
        segmented_tile(p, factors, segments, 4, vectors);
    }
    for (; rows > 0; rows--, p.a++, p.c += p.c_stride) {
        segmented_tile(p, factors, segments, 1, vectors);
    }
}

DOT __attribute__((noinline)) static void multiply_segments(sotto_operand a, sotto_operand b, float *c, size_t c_stride,
                                                            size_t rows, size_t inner, size_t columns,
                                                            const float *factors, size_t segments) {
    uint32_t panel[most_pairs * segment_rows] __attribute__((aligned(64)));
    size_t depth = (inner + 1) / 2;
    for (size_t i = 0; i < rows; i += segment_rows) {
        size_t down = rows - i < segment_rows ? rows - i : segment_rows;
        for (size_t s = 0; s < segments; s++) {
            for (size_t k = 0; k < inner; k += 2) {
                const float *low = (const float *)a.base + i + (s * inner + k) * a.column;
                zip_rows(low, k + 1 < inner ? low + a.column : NULL, down, panel + (s * depth + k / 2) * segment_rows);
            }
        }
        for (size_t j = 0; j < columns; j += 2 * vector) {
            size_t rest = columns - j;
            tile_operands p = {panel, (const uint32_t *)b.base + j, b.row, c + i * c_stride + j, c_stride, depth,
                               rest > vector ? first(rest - vector) : first(rest), 0, 1};
            if (rest > vector) {
                segmented_rows(p, factors, segments, down, 2);
            } else {
                segmented_rows(p, factors, segments, down, 1);
            }
        }
    }
}

void sotto_dot_segments(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                        size_t columns, const float *factors, size_t segments) {
    float_mode mode = begin_flushing();
    multiply_segments(a, b, c, c_stride, rows, inner, columns, factors, segments);
    end_flushing(mode);
}

void sotto_dot_product(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                       size_t columns, int accumulate, float factor) {
    float_mode mode = begin_flushing();
    multiply(a, b, c, c_stride, rows, inner, columns, accumulate, factor);
    end_flushing(mode);
}

DOT static void pair_stored_rows(sotto_operand b, size_t inner, size_t columns, uint32_t *out, size_t stride) {
    if (b.column == 1) {
        for (size_t k = 0; k < inner; k += 2) {
            const float *low = (const float *)b.base + k * b.row;
            zip_rows(low, k + 1 < inner ? low + b.row : NULL, columns, out + k / 2 * stride);
        }
        return;
    }
    // Stored the other way round, pairs are neighbours: sixteen columns at a time are made row by row and turned round.
    size_t depth = (inner + 1) / 2;
    for (size_t j = 0; j < columns; j += vector) {
        size_t across = columns - j < vector ? columns - j : vector;
        for (size_t k = 0; k < depth; k += vector) {
            size_t down = depth - k < vector ? depth - k : vector;
            size_t terms = inner - 2 * k < 2 * vector ? inner - 2 * k : 2 * vector;
            __m512i rows[vector];
            for (size_t x = 0; x < vector; x++) {
                rows[x] = x < across ? pairs_of((const float *)b.base + (j + x) * b.column + 2 * k, terms)
                                     : _mm512_setzero_si512();
            }
            turn(rows);
            for (size_t y = 0; y < down; y++) {
                _mm512_storeu_si512(out + (k + y) * stride + j, rows[y]);
            }
        }
    }
}

void sotto_pair_rows(sotto_operand b, size_t inner, size_t columns, uint32_t *out, size_t stride) {
    pair_stored_rows(b, inner, columns, out, stride);
}

#else

// Nobody calls these where sotto_has_bf16_dot says no.
int sotto_has_bf16_dot(void) { return 0; }

void sotto_dot_product(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                       size_t columns, int accumulate, float factor) {
    __builtin_trap();
}

void sotto_pair_rows(sotto_operand b, size_t inner, size_t columns, uint32_t *out, size_t stride) { __builtin_trap(); }

void sotto_dot_segments(sotto_operand a, sotto_operand b, float *c, size_t c_stride, size_t rows, size_t inner,
                        size_t columns, const float *factors, size_t segments) {
    __builtin_trap();
}

#endif
