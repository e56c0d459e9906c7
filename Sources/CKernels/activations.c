// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

INLINE float magnitude_of(float x) { return float_of_bits(bits_of_float(x) & 0x7FFFFFFFu); }

/// `x` where it is at most `limit` or a NaN, else `limit`.
INLINE float bounded(float x, float limit) { return x > limit ? limit : x; }

INLINE void relu_body(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        x[i] = x[i] <= 0.0f ? 0.0f : x[i];
    }
}

INLINE void relu_backward_body(const float *restrict output, float *restrict gradient, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t kept = output[i] <= 0.0f ? 0 : 0xFFFFFFFFu;
        gradient[i] = float_of_bits(bits_of_float(gradient[i]) & kept);
    }
}

INLINE void tanh_body(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float magnitude = magnitude_of(x[i]);
        // tanh is 1 to the last bit from 9.02 on.
        float far = 1.0f - 2.0f / (exponential(2.0f * bounded(magnitude, 10.0f)) + 1.0f);
        // Cephes tanhf: odd polynomial below 0.625, where 1 - 2 / (e^2x + 1) would cancel.
        float z = magnitude * magnitude;
        float p = -5.70498872745e-3f;
        p = p * z + 2.06390887954e-2f;
        p = p * z - 5.37397155531e-2f;
        p = p * z + 1.33314422036e-1f;
        p = p * z - 3.33332819422e-1f;
        float near = p * z * magnitude + magnitude;
        float positive = magnitude < 0.625f ? near : far;
        x[i] = float_of_bits(bits_of_float(positive) | (bits_of_float(x[i]) & 0x80000000u));
    }
}

INLINE void tanh_backward_body(const float *restrict output, float *restrict gradient, size_t count) {
    for (size_t i = 0; i < count; i++) {
        gradient[i] *= 1.0f - output[i] * output[i];
    }
}

// The others are gates, or an input times its gate: s(x) with s(-x) = 1 - s(x), falling to 0 on the left. Only the
// falling side is computed, where relative accuracy can be had; the other side is 1 less that.

/// s(-t) and s'(t) of a gate at 0 <= t <= its limit, where e^-87 bounds it.
typedef struct {
    float tail;
    float slope;
} gate;

static const float logistic_limit = 87.0f;

INLINE gate logistic_gate(float t) {
    float e = exponential(-t);
    float whole = 1.0f / (1.0f + e);
    float tail = e * whole;
    return (gate){tail, tail * whole};
}

static const float gelu_tanh_limit = 9.98f;

/// (1 + tanh(w / 2)) / 2 is the logistic function of w = sqrt(8 / pi) (t + 0.044715 t^3), here with an error far below
/// an ulp, which e^-w would multiply by w.
INLINE gate gelu_tanh_gate(float t) {
    double square = (double)t * t;
    double w = t * (1.5957691216057308 + 0.071354816272600254 * square);
    float high = (float)w;
    float e = exponential_of_sum(-high, (float)(high - w));
    float whole = 1.0f / (1.0f + e);
    float tail = e * whole;
    float steepness = (float)(1.5957691216057308 + 3.0 * 0.071354816272600254 * square);
    return (gate){tail, tail * whole * steepness};
}

static const float gelu_limit = 13.19f;

/// Phi(-t) = e^(-t^2 / 2) r(t) and phi(t) = e^(-t^2 / 2) / sqrt(2 pi). (1 + t) r(t) is between 0.39 and 0.53, and a
/// polynomial of degree 9 in (t - 5) / (t + 5) by Chebyshev interpolation on 0...13.19 gives it to 1.2e-7 of itself.
INLINE gate gelu_gate(float t) {
    double w = 0.5 * ((double)t * t);
    float high = (float)w;
    float e = exponential_of_sum(-high, (float)(high - w));
    float v = (t - 5.0f) / (t + 5.0f);
    float p = -6.03306456e-4f;
    p = p * v - 2.13732477e-3f;
    p = p * v + 6.61575049e-3f;
    p = p * v - 1.49582736e-2f;
    p = p * v + 2.45637409e-2f;
    p = p * v - 2.64307130e-2f;
    p = p * v + 9.99725703e-3f;
    p = p * v + 3.10318023e-2f;
    p = p * v - 9.15521234e-2f;
    p = p * v + 4.61515814e-1f;
    return (gate){e * (p / (1.0f + t)), e * 0.398942280f};
}

INLINE void sigmoid_body(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float t = magnitude_of(x[i]);
        float tail = t > logistic_limit ? 0.0f : logistic_gate(bounded(t, logistic_limit)).tail;
        x[i] = x[i] < 0.0f ? tail : 1.0f - tail;
    }
}

INLINE void sigmoid_backward_body(const float *restrict output, float *restrict gradient, size_t count) {
    for (size_t i = 0; i < count; i++) {
        gradient[i] *= output[i] * (1.0f - output[i]);
    }
}

/// x s(x) is -t s(-t) on the left and x - t s(-t) on the right.
INLINE void gated_body(float *x, size_t count, gate (*gate_at)(float), float limit) {
    for (size_t i = 0; i < count; i++) {
        float t = magnitude_of(x[i]);
        float inner = bounded(t, limit);
        float tail = t > limit ? 0.0f : inner * gate_at(inner).tail;
        x[i] = x[i] < 0.0f ? -tail : x[i] - tail;
    }
}

/// The derivative s(x) + x s'(x) is d = s(-t) - t s'(t) on the left and 1 - d on the right.
INLINE void gated_backward_body(const float *restrict input, float *restrict gradient, size_t count,
                                gate (*gate_at)(float), float limit) {
    for (size_t i = 0; i < count; i++) {
        float t = magnitude_of(input[i]);
        float inner = bounded(t, limit);
        gate at = gate_at(inner);
        float left = t > limit ? 0.0f : at.tail - inner * at.slope;
        gradient[i] *= input[i] < 0.0f ? left : 1.0f - left;
    }
}

INLINE void gelu_body(float *x, size_t count) { gated_body(x, count, gelu_gate, gelu_limit); }

INLINE void gelu_backward_body(const float *input, float *gradient, size_t count) {
    gated_backward_body(input, gradient, count, gelu_gate, gelu_limit);
}

INLINE void gelu_tanh_body(float *x, size_t count) { gated_body(x, count, gelu_tanh_gate, gelu_tanh_limit); }

INLINE void gelu_tanh_backward_body(const float *input, float *gradient, size_t count) {
    gated_backward_body(input, gradient, count, gelu_tanh_gate, gelu_tanh_limit);
}

INLINE void silu_body(float *x, size_t count) { gated_body(x, count, logistic_gate, logistic_limit); }

INLINE void silu_backward_body(const float *input, float *gradient, size_t count) {
    gated_backward_body(input, gradient, count, logistic_gate, logistic_limit);
}

#define EXPORT(name)                                                                                                   \
    LEVELS void sotto_##name(float *x, size_t count) { name##_body(x, count); }                                        \
    void sotto_##name##_portable(float *x, size_t count) { name##_body(x, count); }                                    \
    LEVELS void sotto_##name##_backward(const float *kept, float *gradient, size_t count) {                            \
        name##_backward_body(kept, gradient, count);                                                                   \
    }                                                                                                                  \
    void sotto_##name##_backward_portable(const float *kept, float *gradient, size_t count) {                          \
        name##_backward_body(kept, gradient, count);                                                                   \
    }

EXPORT(relu)
EXPORT(tanh)
EXPORT(sigmoid)
EXPORT(gelu)
EXPORT(gelu_tanh)
EXPORT(silu)
