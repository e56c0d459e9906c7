// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

#include <math.h>

enum { lanes = 8 };

INLINE float greater(float a, float b) { return a > b ? a : b; }

/// The greatest element; a NaN may be passed over.
INLINE float greatest_of(const float *x, size_t count) {
    float lane[lanes];
    for (int j = 0; j < lanes; j++) {
        lane[j] = x[0];
    }
    size_t whole = count - count % lanes;
    for (size_t i = 0; i < whole; i += lanes) {
        for (int j = 0; j < lanes; j++) {
            lane[j] = greater(lane[j], x[i + j]);
        }
    }
    float a = greater(greater(lane[0], lane[4]), greater(lane[2], lane[6]));
    float b = greater(greater(lane[1], lane[5]), greater(lane[3], lane[7]));
    float greatest = greater(a, b);
    for (size_t i = whole; i < count; i++) {
        greatest = greater(greatest, x[i]);
    }
    return greatest;
}

INLINE float sum_of_lanes(const float *lane) {
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

INLINE float sum_of(const float *x, size_t count) {
    float lane[lanes] = {0};
    size_t whole = count - count % lanes;
    for (size_t i = 0; i < whole; i += lanes) {
        for (int j = 0; j < lanes; j++) {
            lane[j] += x[i + j];
        }
    }
    float sum = sum_of_lanes(lane);
    for (size_t i = whole; i < count; i++) {
        sum += x[i];
    }
    return sum;
}

INLINE float dot_of(const float *x, const float *y, size_t count) {
    float lane[lanes] = {0};
    size_t whole = count - count % lanes;
    for (size_t i = 0; i < whole; i += lanes) {
        for (int j = 0; j < lanes; j++) {
            lane[j] += x[i + j] * y[i + j];
        }
    }
    float sum = sum_of_lanes(lane);
    for (size_t i = whole; i < count; i++) {
        sum += x[i] * y[i];
    }
    return sum;
}

/// e^x, 0 below -87.
INLINE float falling_exponential(float x) {
    float e = exponential(x < -87.0f ? -87.0f : x);
    return x < -87.0f ? 0.0f : e;
}

INLINE void softmax_body(float *scores, size_t places, float scale, int causal) {
    for (size_t t = 0; t < places; t++) {
        float *row = scores + t * places;
        size_t count = causal ? t + 1 : places;
        float greatest = greatest_of(row, count);
        for (size_t s = 0; s < count; s++) {
            row[s] = scale * (row[s] - greatest);
        }
        for (size_t s = count; s < places; s++) {
            row[s] = -INFINITY;
        }
    }
    // All rows at once, because a row may be short.
    for (size_t i = 0; i < places * places; i++) {
        scores[i] = falling_exponential(scores[i]);
    }
    for (size_t t = 0; t < places; t++) {
        float *row = scores + t * places;
        size_t count = causal ? t + 1 : places;
        float inverse = 1.0f / sum_of(row, count);
        for (size_t s = 0; s < count; s++) {
            row[s] *= inverse;
        }
    }
}

INLINE void softmax_backward_body(const float *restrict probabilities, float *restrict gradient, size_t places,
                                  float scale, int causal) {
    for (size_t t = 0; t < places; t++) {
        const float *p = probabilities + t * places;
        float *row = gradient + t * places;
        size_t count = causal ? t + 1 : places;
        float mean = dot_of(p, row, count);
        for (size_t s = 0; s < count; s++) {
            row[s] = scale * (p[s] * (row[s] - mean));
        }
        memset(row + count, 0, (places - count) * sizeof(float));
    }
}

LEVELS void sotto_attention_softmax(float *scores, size_t places, float scale, int causal) {
    softmax_body(scores, places, scale, causal);
}

void sotto_attention_softmax_portable(float *scores, size_t places, float scale, int causal) {
    softmax_body(scores, places, scale, causal);
}

LEVELS void sotto_attention_softmax_backward(const float *probabilities, float *gradient, size_t places, float scale,
                                             int causal) {
    softmax_backward_body(probabilities, gradient, places, scale, causal);
}

void sotto_attention_softmax_backward_portable(const float *probabilities, float *gradient, size_t places, float scale,
                                               int causal) {
    softmax_backward_body(probabilities, gradient, places, scale, causal);
}
