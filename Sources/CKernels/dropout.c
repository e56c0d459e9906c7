// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

enum { words = 8 };

static const uint64_t golden = 0x9E3779B97F4A7C15u;

INLINE uint64_t finalise(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/// The draws 2 * words * block and following.
INLINE void draw(uint64_t state, uint64_t block, uint32_t *restrict draws) {
    for (uint64_t i = 0; i < words; i++) {
        uint64_t word = finalise(state + (block * words + i + 1) * golden);
        draws[2 * i] = (uint32_t)word;
        draws[2 * i + 1] = (uint32_t)(word >> 32);
    }
}

INLINE float dropped(float x, uint32_t draw, uint32_t threshold, float scale) {
    // Selection, so that a NaN can be dropped too.
    uint32_t kept = draw < threshold ? 0 : 0xFFFFFFFFu;
    return float_of_bits(bits_of_float(x * scale) & kept);
}

INLINE void dropout_body(float *x, size_t count, uint64_t seed, uint64_t stream, uint32_t threshold, float scale) {
    uint64_t state = finalise(seed + finalise(stream + golden));
    uint32_t draws[2 * words];
    size_t whole = count - count % (2 * words);
    for (size_t i = 0; i < whole; i += 2 * words) {
        draw(state, i / (2 * words), draws);
        for (size_t j = 0; j < 2 * words; j++) {
            x[i + j] = dropped(x[i + j], draws[j], threshold, scale);
        }
    }
    if (whole < count) {
        draw(state, whole / (2 * words), draws);
        for (size_t i = whole; i < count; i++) {
            x[i] = dropped(x[i], draws[i - whole], threshold, scale);
        }
    }
}

LEVELS void sotto_dropout(float *x, size_t count, uint64_t seed, uint64_t stream, uint32_t threshold, float scale) {
    dropout_body(x, count, seed, stream, threshold, scale);
}

void sotto_dropout_portable(float *x, size_t count, uint64_t seed, uint64_t stream, uint32_t threshold, float scale) {
    dropout_body(x, count, seed, stream, threshold, scale);
}
