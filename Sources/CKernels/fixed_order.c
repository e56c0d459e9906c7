// SPDX-License-Identifier: Apache-2.0

// Matrix products in which every element of the result is a sum in one order: blocks of `inner_block` terms are added up
// from 0, every term by one fused multiplication and addition, and the blocks, times a factor, are added to the result one
// after another.
// So a row's bits do not depend on how many rows there are, where it is among them, or which processor computes it. Tiles
// of the result stay in registers; what a level changes is only how large they are.
//
// The swapped order, in which the second of two terms comes before the first, is that of processors with dot products of
// BF16 pairs; there a last single term has a zero beside it.

#include "levels.h"

typedef float lanes16 __attribute__((vector_size(64), aligned(4)));

enum {
    /// Columns of one vector.
    vector = 16,
    /// Terms of a block: the order of the sums is made of it, and a panel of so many rows stays in the first cache.
    inner_block = SOTTO_FIXED_ORDER_TERMS,
    /// The most columns of a tile.
    widest = 2 * vector,
};

/// One operand and the result, at some tile; a[row][inner] is at a + row * a_row + inner * a_inner.
typedef struct {
    const float *a;
    size_t a_row, a_inner;
    const float *b;
    size_t b_stride;
    float *c;
    size_t c_stride;
    size_t inner;
    int accumulate;
    float factor;
} tile_operands;

/// Adds term k to every sum of a tile.
INLINE void add_term(const float *const *a, size_t at, const float *row, int rows, int vectors, lanes16 sum[8][2]) {
    lanes16 b[2];
    for (int v = 0; v < vectors; v++) {
        b[v] = *(const lanes16 *)(row + v * vector);
    }
    for (int r = 0; r < rows; r++) {
        float x = a[r][at];
        lanes16 factor = {x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
        for (int v = 0; v < vectors; v++) {
            sum[r][v] = __builtin_elementwise_fma(factor, b[v], sum[r][v]);
        }
    }
}

/// Adds a term of two zeros, which only makes a zero sum positive.
INLINE void add_zero_term(int rows, int vectors, lanes16 sum[8][2]) {
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) {
            sum[r][v] = __builtin_elementwise_fma((lanes16){0}, (lanes16){0}, sum[r][v]);
        }
    }
}

INLINE void tile_body(tile_operands p, int rows, int vectors, int swapped) {
    lanes16 sum[8][2];
    const float *a[8];
    for (int r = 0; r < rows; r++) {
        a[r] = p.a + r * p.a_row;
        for (int v = 0; v < vectors; v++) {
            sum[r][v] = (lanes16){0};
        }
    }
    const float *row = p.b;
    size_t k = 0, at = 0;
    if (swapped) {
        for (; k + 2 <= p.inner; k += 2, at += 2 * p.a_inner, row += 2 * p.b_stride) {
            add_term(a, at + p.a_inner, row + p.b_stride, rows, vectors, sum);
            add_term(a, at, row, rows, vectors, sum);
        }
        if (k < p.inner) {
            add_zero_term(rows, vectors, sum);
        }
    }
    for (; k < p.inner; k++, at += p.a_inner, row += p.b_stride) {
        add_term(a, at, row, rows, vectors, sum);
    }
    float f = p.factor;
    lanes16 factor = {f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, f};
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) {
            lanes16 *c = (lanes16 *)(p.c + r * p.c_stride + v * vector);
            *c = p.accumulate ? __builtin_elementwise_fma(factor, sum[r][v], *c) : factor * sum[r][v];
        }
    }
}

INLINE void rows_body(tile_operands p, size_t rows, int block, int vectors, int swapped) {
    while (rows > 0) {
        size_t step = rows < (size_t)block ? rows : (size_t)block;
        switch (step) {
        case 8: tile_body(p, 8, vectors, swapped); break;
        case 7: tile_body(p, 7, vectors, swapped); break;
        case 6: tile_body(p, 6, vectors, swapped); break;
        case 5: tile_body(p, 5, vectors, swapped); break;
        case 4: tile_body(p, 4, vectors, swapped); break;
        case 3: tile_body(p, 3, vectors, swapped); break;
        case 2: tile_body(p, 2, vectors, swapped); break;
        default: tile_body(p, 1, vectors, swapped); break;
        }
        p.a += step * p.a_row;
        p.c += step * p.c_stride;
        rows -= step;
    }
}

/// Copies fewer than 16 floats: a call would take longer than the copy.
INLINE void copy_few(float *restrict to, const float *restrict from, size_t count) {
    if (count >= 8) {
        memcpy(to, from, 8 * sizeof(float));
        memcpy(to + count - 8, from + count - 8, 8 * sizeof(float));
    } else if (count >= 4) {
        memcpy(to, from, 4 * sizeof(float));
        memcpy(to + count - 4, from + count - 4, 4 * sizeof(float));
    } else {
        for (size_t i = 0; i < count; i++) {
            to[i] = from[i];
        }
    }
}

/// Columns that do not fill a vector: by way of a panel and a result of full width, whose rest is zero and forgotten.
INLINE void narrow_body(tile_operands p, size_t rows, size_t columns, int block, int swapped) {
    float panel[inner_block * vector];
    float result[8 * vector];
    for (size_t k = 0; k < p.inner; k++) {
        for (size_t j = 0; j < vector; j++) {
            panel[k * vector + j] = j < columns ? p.b[k * p.b_stride + j] : 0;
        }
    }
    for (size_t row = 0; row < rows; row += (size_t)block) {
        size_t step = rows - row < (size_t)block ? rows - row : (size_t)block;
        tile_operands q = p;
        q.a = p.a + row * p.a_row;
        q.b = panel;
        q.b_stride = vector;
        q.c = result;
        q.c_stride = vector;
        float *c = p.c + row * p.c_stride;
        if (p.accumulate) {
            memset(result, 0, sizeof result);
            for (size_t r = 0; r < step; r++) {
                copy_few(result + r * vector, c + r * p.c_stride, columns);
            }
        }
        rows_body(q, step, block, 1, swapped);
        for (size_t r = 0; r < step; r++) {
            copy_few(c + r * p.c_stride, result + r * vector, columns);
        }
    }
}

INLINE void wide_body(tile_operands p, size_t rows, int packs, int block, int vectors, int swapped) {
    float panel[inner_block * widest];
    if (packs) {
        size_t width = (size_t)vectors * vector;
        for (size_t k = 0; k < p.inner; k++) {
            memcpy(panel + k * width, p.b + k * p.b_stride, width * sizeof(float));
        }
        p.b = panel;
        p.b_stride = width;
    }
    rows_body(p, rows, block, vectors, swapped);
}

INLINE void product_body(tile_operands all, size_t rows, size_t columns, int block, int vectors, int swapped) {
    // A panel is worth copying where its rows lie on many pages and are read often.
    int packs = all.b_stride >= 512 && all.inner >= 64 && rows >= 24;
    for (size_t k = 0; k < all.inner; k += inner_block) {
        tile_operands p = all;
        p.inner = all.inner - k < inner_block ? all.inner - k : inner_block;
        p.a = all.a + k * all.a_inner;
        p.accumulate = all.accumulate || k > 0;
        size_t j = 0;
        size_t width = (size_t)vectors * vector;
        for (; j + width <= columns; j += width) {
            p.b = all.b + k * all.b_stride + j;
            p.c = all.c + j;
            wide_body(p, rows, packs, block, vectors, swapped);
        }
        for (; j + vector <= columns; j += vector) {
            p.b = all.b + k * all.b_stride + j;
            p.c = all.c + j;
            wide_body(p, rows, packs, block, 1, swapped);
        }
        if (j < columns) {
            p.b = all.b + k * all.b_stride + j;
            p.c = all.c + j;
            narrow_body(p, rows, columns - j, block, swapped);
        }
    }
}

/// Tiles of sums of products, each with a factor: `segments` products of `inner` terms each, one behind another in both
/// operands. The sum so far stays in registers, so tiles are half as tall.
INLINE void segmented_tile(tile_operands p, const float *factors, size_t segments, int rows, int vectors, int swapped) {
    lanes16 total[4][2];
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) {
            total[r][v] = (lanes16){0};
        }
    }
    const float *a[4];
    for (int r = 0; r < rows; r++) {
        a[r] = p.a + r * p.a_row;
    }
    const float *row = p.b;
    size_t at = 0;
    for (size_t s = 0; s < segments; s++) {
        float f = factors[s];
        lanes16 factor = {f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, f};
        for (size_t first = 0; first < p.inner; first += inner_block) {
            size_t depth = p.inner - first < inner_block ? p.inner - first : inner_block;
            lanes16 sum[8][2];
            for (int r = 0; r < rows; r++) {
                for (int v = 0; v < vectors; v++) {
                    sum[r][v] = (lanes16){0};
                }
            }
            size_t k = 0;
            if (swapped) {
                for (; k + 2 <= depth; k += 2, at += 2 * p.a_inner, row += 2 * p.b_stride) {
                    add_term(a, at + p.a_inner, row + p.b_stride, rows, vectors, sum);
                    add_term(a, at, row, rows, vectors, sum);
                }
                if (k < depth) {
                    add_zero_term(rows, vectors, sum);
                }
            }
            for (; k < depth; k++, at += p.a_inner, row += p.b_stride) {
                add_term(a, at, row, rows, vectors, sum);
            }
            for (int r = 0; r < rows; r++) {
                for (int v = 0; v < vectors; v++) {
                    total[r][v] = s + first > 0 ? __builtin_elementwise_fma(factor, sum[r][v], total[r][v]) : factor * sum[r][v];
                }
            }
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) {
            *(lanes16 *)(p.c + r * p.c_stride + v * vector) = total[r][v];
        }
    }
}

INLINE void segmented_rows(tile_operands p, const float *factors, size_t segments, size_t rows, int vectors, int swapped) {
    for (; rows >= 4; rows -= 4, p.a += 4 * p.a_row, p.c += 4 * p.c_stride) {
        segmented_tile(p, factors, segments, 4, vectors, swapped);
    }
    for (; rows > 0; rows--, p.a += p.a_row, p.c += p.c_stride) {
        segmented_tile(p, factors, segments, 1, vectors, swapped);
    }
}

INLINE void segmented_body(tile_operands p, const float *factors, size_t segments, size_t rows, size_t columns, int vectors,
                           int swapped) {
    size_t width = (size_t)vectors * vector, j = 0;
    for (; j + width <= columns; j += width, p.b += width, p.c += width) {
        segmented_rows(p, factors, segments, rows, vectors, swapped);
    }
    for (; j + vector <= columns; j += vector, p.b += vector, p.c += vector) {
        segmented_rows(p, factors, segments, rows, 1, swapped);
    }
    if (j == columns) {
        return;
    }
    // Columns that do not fill a vector: segment after segment by way of the result.
    for (size_t s = 0; s < segments; s++) {
        tile_operands one = p;
        one.a = p.a + s * p.inner * p.a_inner;
        one.b = p.b + s * p.inner * p.b_stride;
        one.accumulate = s > 0;
        one.factor = factors[s];
        product_body(one, rows, columns - j, 2, 1, swapped);
    }
}

static void product_portable(tile_operands p, size_t rows, size_t columns) { product_body(p, rows, columns, 2, 1, 0); }

static void swapped_portable(tile_operands p, size_t rows, size_t columns) { product_body(p, rows, columns, 2, 1, 1); }

static void segmented_portable(tile_operands p, const float *factors, size_t segments, size_t rows, size_t columns,
                               int swapped) {
    if (swapped) {
        segmented_body(p, factors, segments, rows, columns, 1, 1);
    } else {
        segmented_body(p, factors, segments, rows, columns, 1, 0);
    }
}

#if defined(__x86_64__) && defined(__clang__)
__attribute__((target("avx512f"))) static void product_avx512(tile_operands p, size_t rows, size_t columns) {
    product_body(p, rows, columns, 8, 2, 0);
}

__attribute__((target("avx512f"))) static void swapped_avx512(tile_operands p, size_t rows, size_t columns) {
    product_body(p, rows, columns, 8, 2, 1);
}

__attribute__((target("avx2,fma"))) static void product_avx2(tile_operands p, size_t rows, size_t columns) {
    product_body(p, rows, columns, 6, 1, 0);
}

__attribute__((target("avx2,fma"))) static void swapped_avx2(tile_operands p, size_t rows, size_t columns) {
    product_body(p, rows, columns, 6, 1, 1);
}

__attribute__((target("avx512f"))) static void segmented_avx512(tile_operands p, const float *factors, size_t segments,
                                                                size_t rows, size_t columns, int swapped) {
    if (swapped) {
        segmented_body(p, factors, segments, rows, columns, 2, 1);
    } else {
        segmented_body(p, factors, segments, rows, columns, 2, 0);
    }
}

__attribute__((target("avx2,fma"))) static void segmented_avx2(tile_operands p, const float *factors, size_t segments,
                                                               size_t rows, size_t columns, int swapped) {
    if (swapped) {
        segmented_body(p, factors, segments, rows, columns, 1, 1);
    } else {
        segmented_body(p, factors, segments, rows, columns, 1, 0);
    }
}

int sotto_fixed_order_level(void) {
    return __builtin_cpu_supports("avx512f") ? 2 : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 1 : 0;
}
#else
int sotto_fixed_order_level(void) { return 0; }
#endif

void sotto_fixed_order_product(const float *a, size_t a_row, size_t a_inner, const float *b, size_t b_stride, float *c,
                               size_t c_stride, size_t rows, size_t inner, size_t columns, int accumulate,
                               float factor, int swapped, int level) {
    tile_operands p = {a, a_row, a_inner, b, b_stride, c, c_stride, inner, accumulate, factor};
    if (inner == 0 && !accumulate) {
        for (size_t r = 0; r < rows; r++) {
            memset(c + r * c_stride, 0, columns * sizeof(float));
        }
    }
#if defined(__x86_64__) && defined(__clang__)
    if (level >= 2) {
        (swapped ? swapped_avx512 : product_avx512)(p, rows, columns);
        return;
    }
    if (level == 1) {
        (swapped ? swapped_avx2 : product_avx2)(p, rows, columns);
        return;
    }
#endif
    (swapped ? swapped_portable : product_portable)(p, rows, columns);
}

void sotto_fixed_order_segments(const float *a, size_t a_row, size_t a_inner, const float *b, size_t b_stride, float *c,
                                size_t c_stride, size_t rows, size_t inner, size_t columns, const float *factors,
                                size_t segments, int swapped, int level) {
    tile_operands p = {a, a_row, a_inner, b, b_stride, c, c_stride, inner, 0, 1};
#if defined(__x86_64__) && defined(__clang__)
    if (level >= 2) {
        segmented_avx512(p, factors, segments, rows, columns, swapped);
        return;
    }
    if (level == 1) {
        segmented_avx2(p, factors, segments, rows, columns, swapped);
        return;
    }
#endif
    segmented_portable(p, factors, segments, rows, columns, swapped);
}
