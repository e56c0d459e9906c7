// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

INLINE void tanh_body(const float *restrict input, float *restrict output, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float x = input[i];
        float magnitude = float_of_bits(bits_of_float(x) & 0x7FFFFFFFu);
        // tanh is 1 to the last bit from 9.02 on; the comparison is false for a NaN, which so passes through.
        float bounded = magnitude > 10.0f ? 10.0f : magnitude;
        float far = 1.0f - 2.0f / (exponential(2.0f * bounded) + 1.0f);
        // Cephes tanhf: odd polynomial below 0.625, where 1 - 2 / (e^2x + 1) would cancel.
        float z = magnitude * magnitude;
        float p = -5.70498872745e-3f;
        p = p * z + 2.06390887954e-2f;
        p = p * z - 5.37397155531e-2f;
        p = p * z + 1.33314422036e-1f;
        p = p * z - 3.33332819422e-1f;
        float near = p * z * magnitude + magnitude;
        float positive = magnitude < 0.625f ? near : far;
        output[i] = float_of_bits(bits_of_float(positive) | (bits_of_float(x) & 0x80000000u));
    }
}

LEVELS void sotto_tanh(const float *input, float *output, size_t count) { tanh_body(input, output, count); }

void sotto_tanh_portable(const float *input, float *output, size_t count) { tanh_body(input, output, count); }

INLINE void tanh_backward_body(const float *restrict output, const float *restrict output_gradient,
                               float *restrict input_gradient, size_t count) {
    for (size_t i = 0; i < count; i++) {
        input_gradient[i] = output_gradient[i] * (1.0f - output[i] * output[i]);
    }
}

LEVELS void sotto_tanh_backward(const float *output, const float *output_gradient, float *input_gradient,
                                size_t count) {
    tanh_backward_body(output, output_gradient, input_gradient, count);
}

void sotto_tanh_backward_portable(const float *output, const float *output_gradient, float *input_gradient,
                                  size_t count) {
    tanh_backward_body(output, output_gradient, input_gradient, count);
}

INLINE void relu_body(const float *restrict input, float *restrict output, size_t count) {
    for (size_t i = 0; i < count; i++) {
        output[i] = input[i] <= 0.0f ? 0.0f : input[i];
    }
}

LEVELS void sotto_relu(const float *input, float *output, size_t count) { relu_body(input, output, count); }

void sotto_relu_portable(const float *input, float *output, size_t count) { relu_body(input, output, count); }

INLINE void relu_backward_body(const float *restrict output, const float *restrict output_gradient,
                               float *restrict input_gradient, size_t count) {
    for (size_t i = 0; i < count; i++) {
        input_gradient[i] = output[i] <= 0.0f ? 0.0f : output_gradient[i];
    }
}

LEVELS void sotto_relu_backward(const float *output, const float *output_gradient, float *input_gradient,
                                size_t count) {
    relu_backward_body(output, output_gradient, input_gradient, count);
}

void sotto_relu_backward_portable(const float *output, const float *output_gradient, float *input_gradient,
                                  size_t count) {
    relu_backward_body(output, output_gradient, input_gradient, count);
}

LEVELS void sotto_add_bias(float *restrict matrix, size_t rows, size_t columns, size_t stride,
                           const float *restrict bias, int per_column) {
    for (size_t r = 0; r < rows; r++) {
        float *row = matrix + r * stride;
        if (per_column) {
            for (size_t c = 0; c < columns; c++) {
                row[c] += bias[c];
            }
        } else {
            float value = bias[r];
            for (size_t c = 0; c < columns; c++) {
                row[c] += value;
            }
        }
    }
}
