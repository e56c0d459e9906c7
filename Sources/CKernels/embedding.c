// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

/// Whether a token is valid, and then which it is.
INLINE int valid(float token, size_t vocabulary, uint32_t *number) {
    if (!(token >= 0.0f && token < (float)vocabulary)) {
        return 0;
    }
    *number = (uint32_t)token;
    return (float)*number == token;
}

void sotto_embed(const float *tokens, size_t places, const float *table, size_t vocabulary, size_t width,
                 float *output) {
    for (size_t t = 0; t < places; t++) {
        float *row = output + t * width;
        uint32_t number;
        if (valid(tokens[t], vocabulary, &number)) {
            memcpy(row, table + number * width, width * sizeof(float));
            continue;
        }
        for (size_t j = 0; j < width; j++) {
            row[j] = float_of_bits(0x7FC00000u);
        }
    }
}

// The slots are a hash table with linear probing from a token to the last place that was seen with it, plus one.
// Places are visited from the last to the first, so that links lead forward.
void sotto_link_tokens(const float *tokens, size_t places, size_t vocabulary, float ignored, float *links, float *slots,
                       size_t slot_count) {
    memset(slots, 0, slot_count * sizeof(float));
    for (size_t t = places; t-- > 0;) {
        links[t] = -(float)places;
        uint32_t number;
        if (tokens[t] == ignored || !valid(tokens[t], vocabulary, &number)) {
            continue;
        }
        size_t slot = (((uint64_t)number * 0x9E3779B97F4A7C15u) >> 32) & (slot_count - 1);
        while (slots[slot] != 0.0f && tokens[(size_t)slots[slot] - 1] != tokens[t]) {
            slot = (slot + 1) & (slot_count - 1);
        }
        links[t] = (float)places;
        if (slots[slot] != 0.0f) {
            size_t next = (size_t)slots[slot] - 1;
            links[next] = -links[next];
            links[t] = (float)next;
        }
        slots[slot] = (float)(t + 1);
    }
}

LEVELS void sotto_sum_linked(const float *restrict rows, size_t width, const float *restrict links, size_t places,
                             size_t first, float *restrict sums) {
    memcpy(sums, rows + first * width, width * sizeof(float));
    for (size_t t = (size_t)links[first]; t < places; t = (size_t)-links[t]) {
        for (size_t j = 0; j < width; j++) {
            sums[j] += rows[t * width + j];
        }
    }
}
