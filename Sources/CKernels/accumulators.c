// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

// Every loop here rounds float products to integers in one of two ways that give the same integers on every level:
// `nearest32` becomes one conversion instruction, `nearest64` splits off multiples of 2^31, because AVX2 and AVX-512F
// cannot convert to 64 bits. Blocks are small enough for the first-level cache.
enum { block = 512 };

static const float narrow_limit = 2147483520.0f; // 2^31 - 2^7, the greatest float below 2^31
static const float wide_limit = 0x1p62f;

/// x * scale, a NaN as 0, saturated at ±limit.
INLINE float saturated_product(float x, float scale, float limit) {
    float t = x * scale;
    t = t == t ? t : 0.0f;
    t = t < limit ? t : limit;
    return t > -limit ? t : -limit;
}

INLINE int32_t nearest32(float t) { return (int32_t)__builtin_rintf(t); }

// Adding 1.5 * 2^52 to a double rounds it to the nearest integer, ties to even, and leaves that integer in the low
// bits. `high` * 2^31 is even and the rest is exact, so rounding the rest alone rounds the whole.
INLINE int64_t nearest64(float t) {
    const double magic = 6755399441055744.0;
    double high = (double)t * 0x1p-31 + magic;
    double low = ((double)t - (high - magic) * 0x1p31) + magic;
    uint64_t zero = bits_of_double(magic);
    return (int64_t)(((bits_of_double(high) - zero) << 31) + (bits_of_double(low) - zero));
}

INLINE uint32_t magnitude32(int32_t value) { return value < 0 ? 0 - (uint32_t)value : (uint32_t)value; }

INLINE uint64_t magnitude64(int64_t value) { return value < 0 ? 0 - (uint64_t)value : (uint64_t)value; }

/// total + amount, at most 2^128 - 1.
INLINE sotto_uint128 saturating_sum(sotto_uint128 total, unsigned __int128 amount) {
    unsigned __int128 before = ((unsigned __int128)total.high << 64) | total.low;
    unsigned __int128 after = before + amount;
    after = after < before ? ~(unsigned __int128)0 : after;
    return (sotto_uint128){(uint64_t)after, (uint64_t)(after >> 64)};
}

/// total + the sum of squares of at most `block` numbers; `all` is the bitwise or of them.
INLINE sotto_uint128 add_squares(sotto_uint128 total, const uint32_t *numbers, size_t count, uint32_t all) {
    if (all >> 27 == 0) { // 2^9 squares below 2^54
        uint64_t sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += (uint64_t)numbers[i] * numbers[i];
        }
        return saturating_sum(total, sum);
    }
    for (size_t i = 0; i < count; i++) {
        total = saturating_sum(total, (uint64_t)numbers[i] * numbers[i]);
    }
    return total;
}

INLINE void accumulate_narrow_body(int32_t *restrict sum, const float *restrict x, size_t count, float scale) {
    for (size_t i = 0; i < count; i++) {
        int32_t w = nearest32(saturated_product(x[i], scale, narrow_limit));
        sum[i] = (int32_t)((uint32_t)sum[i] + (uint32_t)w);
    }
}

INLINE sotto_uint128 accumulate_narrow_measured_body(int32_t *restrict sum, const float *restrict x, size_t count,
                                                     float scale) {
    sotto_uint128 total = {0, 0};
    uint32_t magnitudes[block];
    for (size_t start = 0; start < count; start += block) {
        size_t size = count - start < block ? count - start : block;
        uint32_t all = 0;
        for (size_t i = 0; i < size; i++) {
            int32_t w = nearest32(saturated_product(x[start + i], scale, narrow_limit));
            sum[start + i] = (int32_t)((uint32_t)sum[start + i] + (uint32_t)w);
            magnitudes[i] = magnitude32(w);
            all |= magnitudes[i];
        }
        total = add_squares(total, magnitudes, size, all);
    }
    return total;
}

/// Products of a block, saturated, and the bits of the greatest magnitude.
INLINE uint32_t wide_products(const float *restrict x, size_t size, float scale, float *restrict products) {
    uint32_t greatest = 0;
    for (size_t i = 0; i < size; i++) {
        products[i] = saturated_product(x[i], scale, wide_limit);
        uint32_t bits = bits_of_float(products[i]) & 0x7FFFFFFFu;
        greatest = bits > greatest ? bits : greatest;
    }
    return greatest;
}

INLINE void accumulate_wide_body(int64_t *restrict sum, const float *restrict x, size_t count, float scale) {
    float products[block];
    for (size_t start = 0; start < count; start += block) {
        size_t size = count - start < block ? count - start : block;
        uint32_t greatest = wide_products(x + start, size, scale, products);
        if (greatest <= bits_of_float(narrow_limit)) {
            for (size_t i = 0; i < size; i++) {
                sum[start + i] = (int64_t)((uint64_t)sum[start + i] + (uint64_t)(int64_t)nearest32(products[i]));
            }
        } else {
            for (size_t i = 0; i < size; i++) {
                sum[start + i] = (int64_t)((uint64_t)sum[start + i] + (uint64_t)nearest64(products[i]));
            }
        }
    }
}

INLINE sotto_uint128 accumulate_wide_measured_body(int64_t *restrict sum, const float *restrict x, size_t count,
                                                   float scale) {
    sotto_uint128 total = {0, 0};
    float products[block];
    uint32_t magnitudes[block];
    for (size_t start = 0; start < count; start += block) {
        size_t size = count - start < block ? count - start : block;
        uint32_t greatest = wide_products(x + start, size, scale, products);
        if (greatest <= bits_of_float(narrow_limit)) {
            uint32_t all = 0;
            for (size_t i = 0; i < size; i++) {
                int32_t w = nearest32(products[i]);
                sum[start + i] = (int64_t)((uint64_t)sum[start + i] + (uint64_t)(int64_t)w);
                magnitudes[i] = magnitude32(w);
                all |= magnitudes[i];
            }
            total = add_squares(total, magnitudes, size, all);
        } else {
            for (size_t i = 0; i < size; i++) {
                int64_t w = nearest64(products[i]);
                sum[start + i] = (int64_t)((uint64_t)sum[start + i] + (uint64_t)w);
                uint64_t number = magnitude64(w);
                total = saturating_sum(total, (unsigned __int128)number * number);
            }
        }
    }
    return total;
}

LEVELS void sotto_accumulate_narrow(int32_t *sum, const float *x, size_t count, float scale) {
    accumulate_narrow_body(sum, x, count, scale);
}

void sotto_accumulate_narrow_portable(int32_t *sum, const float *x, size_t count, float scale) {
    accumulate_narrow_body(sum, x, count, scale);
}

LEVELS sotto_uint128 sotto_accumulate_narrow_measured(int32_t *sum, const float *x, size_t count, float scale) {
    return accumulate_narrow_measured_body(sum, x, count, scale);
}

sotto_uint128 sotto_accumulate_narrow_measured_portable(int32_t *sum, const float *x, size_t count, float scale) {
    return accumulate_narrow_measured_body(sum, x, count, scale);
}

LEVELS void sotto_accumulate_wide(int64_t *sum, const float *x, size_t count, float scale) {
    accumulate_wide_body(sum, x, count, scale);
}

void sotto_accumulate_wide_portable(int64_t *sum, const float *x, size_t count, float scale) {
    accumulate_wide_body(sum, x, count, scale);
}

LEVELS sotto_uint128 sotto_accumulate_wide_measured(int64_t *sum, const float *x, size_t count, float scale) {
    return accumulate_wide_measured_body(sum, x, count, scale);
}

sotto_uint128 sotto_accumulate_wide_measured_portable(int64_t *sum, const float *x, size_t count, float scale) {
    return accumulate_wide_measured_body(sum, x, count, scale);
}

void sotto_round_products(const float *x, size_t count, float scale, int wide, int64_t *w) {
    for (size_t i = 0; i < count; i++) {
        w[i] = nearest64(saturated_product(x[i], scale, wide ? wide_limit : narrow_limit));
    }
}

// Integers alone cannot differ between levels, so these have no portable twin.

LEVELS void sotto_add_int64(int64_t *sum, const int64_t *q, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] = (int64_t)((uint64_t)sum[i] + (uint64_t)q[i]);
    }
}

LEVELS void sotto_add_int64_to_narrow(int32_t *sum, const int64_t *q, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] = (int32_t)((uint32_t)sum[i] + (uint32_t)q[i]);
    }
}

LEVELS void sotto_add_int32_to_narrow(int32_t *sum, const int32_t *q, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] = (int32_t)((uint32_t)sum[i] + (uint32_t)q[i]);
    }
}
