// SPDX-License-Identifier: Apache-2.0

// What a normalisation keeps of the values that it normalises together.

#pragma once

#include "lanes.h"

#include <math.h>

/// What is subtracted, in two parts, and what is multiplied with.
typedef struct {
    float high, low, scale;
} statistics;

INLINE statistics load(const float *state, size_t group) {
    return (statistics){state[3 * group], state[3 * group + 1], state[3 * group + 2]};
}

INLINE statistics store(double mean, double variance, double epsilon, float *state, size_t group) {
    float high = (float)mean;
    // Rounding may leave a variance just below zero; a NaN stays one.
    double bounded = variance < 0 ? 0 : variance;
    statistics s = {high, (float)(mean - high), (float)(1.0 / sqrt(bounded + epsilon))};
    state[3 * group] = s.high;
    state[3 * group + 1] = s.low;
    state[3 * group + 2] = s.scale;
    return s;
}

INLINE float normal(float x, statistics s) { return ((x - s.high) - s.low) * s.scale; }
