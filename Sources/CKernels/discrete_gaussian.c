// SPDX-License-Identifier: Apache-2.0

// The quick decision of docs/proofs/discrete-gaussian.md, section 5, for eight trials at once. No branch depends on a
// trial's words before all eight are decided; where one of them is not, the caller takes the group again.

#include "levels.h"

enum {
    trials = SOTTO_TRIALS,
    alias_bits = 10,
    fraction_bits = 53,
    /// From units of 2^-52 to units of 2^-64.
    units_shift = 12,
};

typedef uint64_t words8 __attribute__((vector_size(64), aligned(8)));
/// Comparisons give these: -1 where they hold, else 0.
typedef int64_t lanes8 __attribute__((vector_size(64), aligned(8)));
typedef double doubles8 __attribute__((vector_size(64)));

static const uint64_t low_half = 0xFFFFFFFFu;
/// The bits of the Double 2^52: with an integer below 2^52 in its mantissa it is the Double 2^52 + that integer.
static const uint64_t two_to_52 = 0x4330000000000000u;
/// The bits of the Double 1: those of 1 + v, less these, are v in units of 2^-52, rounded, for 0 <= v < 1.
static const uint64_t one = 0x3FF0000000000000u;

/// Writes the samples of a group and returns how many they are, or -1 where a trial is not certain.
INLINE int group_body(const uint64_t *words, const uint64_t *slots, uint64_t multiple, double inverse, int64_t *out) {
    words8 a = *(const words8 *)words;
    words8 b = *(const words8 *)(words + trials);
    words8 first = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
    words8 second = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);

    words8 slot = first >> 54;
    words8 entry = {slots[slot[0]], slots[slot[1]], slots[slot[2]], slots[slot[3]],
                    slots[slot[4]], slots[slot[5]], slots[slot[6]], slots[slot[7]]};
    // Both are below 2^54, so the difference's sign tells which is smaller.
    lanes8 difference = (lanes8)((first & (((uint64_t)1 << fraction_bits) - 1)) - (entry >> alias_bits));
    words8 keeps_slot = (words8)(difference >> 63);
    words8 alias = entry & (((uint64_t)1 << alias_bits) - 1);
    words8 x = alias ^ ((alias ^ slot) & keeps_slot);

    // y * 2^64 + remainder = second * multiple, by halves of second (proof, section 5, "Product").
    words8 factor = (words8){0} + (multiple & low_half);
    words8 low = (second & low_half) * factor;
    words8 high = (second >> 32) * factor + (low >> 32);
    words8 y = high >> 32;
    words8 remainder = high << 32 | (low & low_half);

    // Proof, section 5, "Conversion", and q and s there.
    doubles8 ratio = ((doubles8)(y | two_to_52) - 0x1p52) * inverse;
    doubles8 twice = (doubles8)((x + x) | two_to_52) - 0x1p52;
    doubles8 exponent = ratio * (ratio + twice) * 0x1p-13;
    words8 scaled = ((words8)(exponent + 1.0) - one) << units_shift;

    // Accepted: remainder + scaled + margin does not overflow (proof, section 5, "Accept").
    lanes8 accepted = ~remainder >= scaled + (multiple + (1 << 13));
    lanes8 is_known = difference != 0;
    words8 magnitude = x * factor + y;
    words8 is_negative = first >> fraction_bits & 1;
    lanes8 is_sample = (magnitude | (is_negative ^ 1)) != 0;
    words8 sample = (magnitude ^ (0 - is_negative)) + is_negative;
    if (__builtin_reduce_and(accepted & is_known & is_sample)) {
        *(words8 *)out = sample;
        return trials;
    }

    // Rejected: the fraction is too large for any t near exponent, and y is known (proof, section 5, "Reject").
    words8 distance = 0 - remainder;
    words8 square = ((words8)(exponent * exponent * 0.5 + 1.0) - one) << units_shift;
    lanes8 rejected = (distance >= (words8){0} + multiple) & (distance + square + (1 << 14) <= scaled);
    // Proof, section 5, "Group".
    if (!__builtin_reduce_and((accepted | rejected) & is_known)) {
        return -1;
    }
    lanes8 kept = accepted & is_sample;
    int count = 0;
    for (int i = 0; i < trials; i++) {
        out[count] = (int64_t)sample[i];
        count -= (int)kept[i];
    }
    return count;
}

INLINE sotto_trials_done trials_body(const uint64_t *words, size_t word_count, const uint64_t *slots, uint64_t multiple,
                                     int64_t *out, size_t out_count) {
    sotto_trials_done done = {0, 0};
    double inverse = 1.0 / (double)multiple;
    while (word_count - done.words >= 2 * trials && out_count - done.samples >= trials) {
        int samples = group_body(words + done.words, slots, multiple, inverse, out + done.samples);
        if (samples < 0) {
            break;
        }
        done.words += 2 * trials;
        done.samples += (size_t)samples;
    }
    return done;
}

LEVELS sotto_trials_done sotto_certain_trials(const uint64_t *words, size_t word_count, const uint64_t *slots,
                                              uint64_t multiple, int64_t *out, size_t out_count) {
    return trials_body(words, word_count, slots, multiple, out, out_count);
}

sotto_trials_done sotto_certain_trials_portable(const uint64_t *words, size_t word_count, const uint64_t *slots,
                                                uint64_t multiple, int64_t *out, size_t out_count) {
    return trials_body(words, word_count, slots, multiple, out, out_count);
}
