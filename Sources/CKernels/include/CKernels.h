// SPDX-License-Identifier: Apache-2.0

// The loops of Sotto that take more than a few hundredths of a training step.
//
// On x86-64 every loop is compiled three times (baseline, AVX2, AVX-512) and the level is picked once, when the program
// is loaded. No loop contracts or reorders floating-point operations, so all levels give the same bits: a norm or a
// rounded integer never depends on the processor. Functions ending in `_portable` are the same loops at the baseline
// level; tests compare the two.
//
// Pointers may be null where their count is zero. Inputs and outputs do not overlap unless a comment says so.

#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Elementwise

/// output[i] = tanh(input[i]), within 2 ulp; NaN stays NaN, infinities give ±1.
void sotto_tanh(const float *_Nullable input, float *_Nullable output, size_t count);
void sotto_tanh_portable(const float *_Nullable input, float *_Nullable output, size_t count);

/// inputGradient[i] = outputGradient[i] * (1 - output[i]^2).
void sotto_tanh_backward(const float *_Nullable output, const float *_Nullable output_gradient,
                         float *_Nullable input_gradient, size_t count);
void sotto_tanh_backward_portable(const float *_Nullable output, const float *_Nullable output_gradient,
                                  float *_Nullable input_gradient, size_t count);

/// output[i] = input[i] where it is positive or NaN, else 0.
void sotto_relu(const float *_Nullable input, float *_Nullable output, size_t count);
void sotto_relu_portable(const float *_Nullable input, float *_Nullable output, size_t count);

/// inputGradient[i] = output[i] <= 0 ? 0 : outputGradient[i].
void sotto_relu_backward(const float *_Nullable output, const float *_Nullable output_gradient,
                         float *_Nullable input_gradient, size_t count);
void sotto_relu_backward_portable(const float *_Nullable output, const float *_Nullable output_gradient,
                                  float *_Nullable input_gradient, size_t count);

/// Adds bias[row] to every element of a row (`per_column` 0) or bias[column] to every element of a column (1) of a
/// row-major matrix whose rows start `stride` floats apart.
void sotto_add_bias(float *_Nullable matrix, size_t rows, size_t columns, size_t stride,
                    const float *_Nullable bias, int per_column);

// Reductions in a fixed order

/// Sum of x[i]^2 in Double, in 16 lanes (i mod 16) added in one fixed tree.
double sotto_sum_of_squares(const float *_Nullable x, size_t count);
double sotto_sum_of_squares_portable(const float *_Nullable x, size_t count);

/// sums[r] = sum of row r of a dense row-major matrix, in 16 lanes added in one fixed tree.
void sotto_row_sums(const float *_Nullable matrix, size_t rows, size_t columns, float *_Nullable sums);
void sotto_row_sums_portable(const float *_Nullable matrix, size_t rows, size_t columns, float *_Nullable sums);

// Softmax cross-entropy

/// gradient = softmax(logits) - onehot(label) of one example; `label` is below `classes`. A logit that is NaN or +Inf
/// gives NaN.
void sotto_cross_entropy_backward(const float *logits, size_t classes, size_t label, float *gradient);
void sotto_cross_entropy_backward_portable(const float *logits, size_t classes, size_t label, float *gradient);

// Integer clipping: see docs/proofs/integer-clip.md

/// A sum of squares of 32-bit integers: low + 2^32 * high, exact for fewer than 2^32 terms of magnitude up to 2^30.
typedef struct {
    uint64_t low;
    uint64_t high;
} sotto_squares;

/// q[i] = x[i] * scale rounded to the nearest integer (ties to even), saturated at ±limit; returns the exact sum of
/// q[i]^2. Every x is finite, scale is finite and positive, 0 <= limit <= 2^30 is whole.
sotto_squares sotto_quantise(const float *_Nullable x, size_t count, double scale, double limit, int32_t *_Nullable q);
sotto_squares sotto_quantise_portable(const float *_Nullable x, size_t count, double scale, double limit,
                                      int32_t *_Nullable q);

/// q[i] = sign(q[i]) * floor(|q[i]| * numerator / denominator), exact; |q[i]|, numerator <= 2^30, denominator > 0.
void sotto_shrink(int32_t *_Nullable q, size_t count, uint64_t numerator, uint64_t denominator);

/// sum[i] += q[i].
void sotto_add_int32(int64_t *_Nullable sum, const int32_t *_Nullable q, size_t count);
void sotto_add_int32_portable(int64_t *_Nullable sum, const int32_t *_Nullable q, size_t count);

// Convolution and pooling of one example

/// A sliding window over an image [channels, height, width].
typedef struct {
    size_t channels, height, width;
    size_t kernel_height, kernel_width;
    size_t stride_y, stride_x;
    size_t padding_y, padding_x;
    size_t output_height, output_width;
} sotto_window;

/// patches[output_height * output_width][channels * kernel_height * kernel_width]: row p holds what the window sees at
/// output position p, zeros outside of the image.
void sotto_patches(const float *image, sotto_window window, float *patches);

/// The adjoint of `sotto_patches`: image = 0, then every patch element is added where it came from, in patch order.
void sotto_patches_adjoint(const float *patches, sotto_window window, float *image);

/// Greatest element of every window (no padding); a NaN in the window wins.
void sotto_max_pool(const float *image, sotto_window window, float *output);
void sotto_max_pool_portable(const float *image, sotto_window window, float *output);

/// The gradient of a window's maximum goes to the first element (row by row) that equals it, as in PyTorch.
void sotto_max_pool_backward(const float *image, const float *output, const float *output_gradient,
                             sotto_window window, float *image_gradient);
void sotto_max_pool_backward_portable(const float *image, const float *output, const float *output_gradient,
                                      sotto_window window, float *image_gradient);

// Products in a fixed order

/// c[rows][columns] = a[rows][inner] * b, with b [inner][columns] or, where `transposed`, [columns][inner]. Every row
/// of c is the same function of its row of a and of b, whatever the other rows are. `lda`, `ldc`: floats between rows.
void sotto_row_product(const float *a, size_t lda, const float *b, int transposed, float *c, size_t ldc, size_t rows,
                       size_t inner, size_t columns);

/// output[c][r] = input[r][c] for a dense input [rows][columns]; rows of output start `stride` floats apart.
void sotto_transpose(const float *input, size_t rows, size_t columns, float *output, size_t stride);

/// matrix[r][c] = left[r] * right[c].
void sotto_outer_product(const float *_Nullable left, size_t rows, const float *_Nullable right, size_t columns,
                         float *_Nullable matrix);

#pragma clang assume_nonnull end
