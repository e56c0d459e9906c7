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

#include "attention.h"
#include "discrete_gaussian.h"
#include "dropout.h"
#include "embedding.h"
#include "fixed_order.h"
#include "gram.h"
#include "normalisation.h"
#include "recurrent.h"
#include "rounded_products.h"
#include "rounding.h"

#pragma clang assume_nonnull begin

// Activations, in place

// A NaN stays a NaN and an infinity gives the function's limit. Each backward function multiplies a gradient by the
// derivative, which it takes from the function's output or input as the argument's name says.

/// x[i] = x[i] where it is positive or NaN, else 0.
void sotto_relu(float *_Nullable x, size_t count);
void sotto_relu_portable(float *_Nullable x, size_t count);
/// gradient[i] = output[i] <= 0 ? 0 : gradient[i].
void sotto_relu_backward(const float *_Nullable output, float *_Nullable gradient, size_t count);
void sotto_relu_backward_portable(const float *_Nullable output, float *_Nullable gradient, size_t count);

/// x[i] = tanh(x[i]), within 2 ulp.
void sotto_tanh(float *_Nullable x, size_t count);
void sotto_tanh_portable(float *_Nullable x, size_t count);
/// gradient[i] *= 1 - output[i]^2.
void sotto_tanh_backward(const float *_Nullable output, float *_Nullable gradient, size_t count);
void sotto_tanh_backward_portable(const float *_Nullable output, float *_Nullable gradient, size_t count);

/// x[i] = 1 / (1 + e^-x[i]), within 4 ulp; 0 below -87.
void sotto_sigmoid(float *_Nullable x, size_t count);
void sotto_sigmoid_portable(float *_Nullable x, size_t count);
/// gradient[i] *= output[i] (1 - output[i]).
void sotto_sigmoid_backward(const float *_Nullable output, float *_Nullable gradient, size_t count);
void sotto_sigmoid_backward_portable(const float *_Nullable output, float *_Nullable gradient, size_t count);

/// x[i] *= Phi(x[i]), Phi the standard normal distribution function, within 6 ulp; -0 below -13.19.
void sotto_gelu(float *_Nullable x, size_t count);
void sotto_gelu_portable(float *_Nullable x, size_t count);
/// gradient[i] *= Phi(input[i]) + input[i] phi(input[i]).
void sotto_gelu_backward(const float *_Nullable input, float *_Nullable gradient, size_t count);
void sotto_gelu_backward_portable(const float *_Nullable input, float *_Nullable gradient, size_t count);

/// x[i] *= (1 + tanh(sqrt(2 / pi) (x[i] + 0.044715 x[i]^3))) / 2, within 6 ulp; -0 below -9.98.
void sotto_gelu_tanh(float *_Nullable x, size_t count);
void sotto_gelu_tanh_portable(float *_Nullable x, size_t count);
/// gradient[i] *= the derivative of `sotto_gelu_tanh` at input[i].
void sotto_gelu_tanh_backward(const float *_Nullable input, float *_Nullable gradient, size_t count);
void sotto_gelu_tanh_backward_portable(const float *_Nullable input, float *_Nullable gradient, size_t count);

/// x[i] *= 1 / (1 + e^-x[i]), within 6 ulp; -0 below -87.
void sotto_silu(float *_Nullable x, size_t count);
void sotto_silu_portable(float *_Nullable x, size_t count);
/// gradient[i] *= the derivative of `sotto_silu` at input[i].
void sotto_silu_backward(const float *_Nullable input, float *_Nullable gradient, size_t count);
void sotto_silu_backward_portable(const float *_Nullable input, float *_Nullable gradient, size_t count);

// Waiting

/// Tells the processor that the thread waits in a loop.
static inline void sotto_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

// Elementwise

/// Adds bias[row] to every element of a row (`per_column` 0) or bias[column] to every element of a column (1) of a
/// row-major matrix whose rows start `stride` floats apart.
void sotto_add_bias(float *_Nullable matrix, size_t rows, size_t columns, size_t stride,
                    const float *_Nullable bias, int per_column);

// Gradient descent

/// parameters -= rate * v with v = momentum * velocity + g, and velocity = v; without a velocity v = g. g is sum * scale:
/// in double and rounded to float for integers, in float for floats.
void sotto_descend_integers(float *_Nullable parameters, float *_Nullable velocity, const int64_t *_Nullable sum,
                            size_t count, double scale, float momentum, float rate);
void sotto_descend_integers_portable(float *_Nullable parameters, float *_Nullable velocity,
                                     const int64_t *_Nullable sum, size_t count, double scale, float momentum,
                                     float rate);
void sotto_descend_floats(float *_Nullable parameters, float *_Nullable velocity, const float *_Nullable sum,
                          size_t count, float scale, float momentum, float rate);
void sotto_descend_floats_portable(float *_Nullable parameters, float *_Nullable velocity, const float *_Nullable sum,
                                   size_t count, float scale, float momentum, float rate);

// Reductions in a fixed order

/// Sum of x[i]^2 in Double, in 32 lanes (i mod 32) added in one fixed tree.
double sotto_sum_of_squares(const float *_Nullable x, size_t count);
double sotto_sum_of_squares_portable(const float *_Nullable x, size_t count);

/// sums[r] = sum of row r of a dense row-major matrix, in 16 lanes added in one fixed tree.
void sotto_row_sums(const float *_Nullable matrix, size_t rows, size_t columns, float *_Nullable sums);
void sotto_row_sums_portable(const float *_Nullable matrix, size_t rows, size_t columns, float *_Nullable sums);

/// sums[c] = sum of column c of a dense row-major matrix, from the first row to the last.
void sotto_column_sums(const float *_Nullable matrix, size_t rows, size_t columns, float *_Nullable sums);
void sotto_column_sums_portable(const float *_Nullable matrix, size_t rows, size_t columns, float *_Nullable sums);

/// y[i] += x[i].
void sotto_add(const float *_Nullable x, float *_Nullable y, size_t count);

/// x[i] *= factor.
void sotto_scale(float *_Nullable x, float factor, size_t count);

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

/// sum[i] += q[i].
void sotto_add_int32(int64_t *_Nullable sum, const int32_t *_Nullable q, size_t count);
void sotto_add_int32_portable(int64_t *_Nullable sum, const int32_t *_Nullable q, size_t count);

// Integer sums of scaled floats: see docs/proofs/exact-clip.md
//
// w[i] is x[i] * scale, the product rounded to float, to the nearest integer (ties to even), saturated at ±(2^31 - 2^7)
// in a narrow sum and ±2^62 in a wide one; a NaN counts as 0. Sums wrap around. A negated scale subtracts exactly what
// the scale adds.

/// low + 2^64 * high.
typedef struct {
    uint64_t low;
    uint64_t high;
} sotto_uint128;

/// sum[i] += w[i].
void sotto_accumulate_narrow(int32_t *_Nullable sum, const float *_Nullable x, size_t count, float scale);
void sotto_accumulate_narrow_portable(int32_t *_Nullable sum, const float *_Nullable x, size_t count, float scale);
void sotto_accumulate_wide(int64_t *_Nullable sum, const float *_Nullable x, size_t count, float scale);
void sotto_accumulate_wide_portable(int64_t *_Nullable sum, const float *_Nullable x, size_t count, float scale);

/// sum[i] += w[i]; returns the exact sum of w[i]^2, or 2^128 - 1 where it is greater.
sotto_uint128 sotto_accumulate_narrow_measured(int32_t *_Nullable sum, const float *_Nullable x, size_t count,
                                               float scale);
sotto_uint128 sotto_accumulate_narrow_measured_portable(int32_t *_Nullable sum, const float *_Nullable x, size_t count,
                                                        float scale);
sotto_uint128 sotto_accumulate_wide_measured(int64_t *_Nullable sum, const float *_Nullable x, size_t count,
                                             float scale);
sotto_uint128 sotto_accumulate_wide_measured_portable(int64_t *_Nullable sum, const float *_Nullable x, size_t count,
                                                      float scale);

/// w, as 64-bit integers, of a wide or a narrow sum.
void sotto_round_products(const float *_Nullable x, size_t count, float scale, int wide, int64_t *_Nullable w);

/// sum[i] += q[i], wrapping around.
void sotto_add_int64(int64_t *_Nullable sum, const int64_t *_Nullable q, size_t count);
void sotto_add_int64_to_narrow(int32_t *_Nullable sum, const int64_t *_Nullable q, size_t count);
void sotto_add_int32_to_narrow(int32_t *_Nullable sum, const int32_t *_Nullable q, size_t count);

// Windows over one example's image

/// A window that slides over an image [height][width][channels]; it sees zeros outside of the image. Tap (ky, kx) at
/// output place (oy, ox) is at row oy * stride_y + ky * dilation_y - padding_y, and so across. A group is
/// channels / groups neighbouring channels.
typedef struct {
    size_t channels, height, width;
    size_t kernel_height, kernel_width;
    size_t stride_y, stride_x;
    size_t padding_y, padding_x;
    size_t dilation_y, dilation_x;
    size_t groups;
    size_t output_height, output_width;
} sotto_window;

/// patches[count][kernel_height][kernel_width][channels / groups]: row r holds what the window sees of `group` at
/// output position first + r, row by row.
void sotto_patches(const float *image, sotto_window window, size_t first, size_t count, size_t group,
                   float *_Nullable patches);
void sotto_patches_portable(const float *image, sotto_window window, size_t first, size_t count, size_t group,
                            float *_Nullable patches);

/// The adjoint of `sotto_patches`: every patch element is added where it came from, position after position.
void sotto_add_patches(const float *_Nullable patches, sotto_window window, size_t first, size_t count, size_t group,
                       float *image);
void sotto_add_patches_portable(const float *_Nullable patches, sotto_window window, size_t first, size_t count,
                                size_t group, float *image);

// Pools of one example's image, [output_height][output_width][channels], every channel apart; no groups. Backward
// functions overwrite the image's gradient.

/// output = the greatest element that each window sees, a NaN before all; argument = the bits of its uint32_t index in
/// the image. Of equals the first in row order wins, of several NaNs the last. Every window sees an element, and the
/// image has fewer than 2^31.
void sotto_max_pool(const float *image, sotto_window window, float *output, float *argument);
void sotto_max_pool_portable(const float *image, sotto_window window, float *output, float *argument);

/// The low 16 bits of every argument.
void sotto_pack_places(const float *argument, size_t count, uint16_t *out);
void sotto_pack_places_portable(const float *argument, size_t count, uint16_t *out);

/// The arguments again. No element that a window sees is 2^16 or more behind the first that it sees.
void sotto_unpack_places(const uint16_t *places, sotto_window window, float *argument);
void sotto_unpack_places_portable(const uint16_t *places, sotto_window window, float *argument);

/// image_gradient[argument[i]] += output_gradient[i] for every i whose argument is in window i / channels.
void sotto_max_pool_backward(const float *argument, const float *output_gradient, sotto_window window,
                             float *image_gradient);
void sotto_max_pool_backward_portable(const float *argument, const float *output_gradient, sotto_window window,
                                      float *image_gradient);

/// output = the sum of the elements that each window sees, in row order, divided by its taps or, unless
/// `counts_padding`, by the elements that it sees (at least one).
void sotto_average_pool(const float *image, sotto_window window, int counts_padding, float *output);
void sotto_average_pool_portable(const float *image, sotto_window window, int counts_padding, float *output);
void sotto_average_pool_backward(const float *output_gradient, sotto_window window, int counts_padding,
                                 float *image_gradient);
void sotto_average_pool_backward_portable(const float *output_gradient, sotto_window window, int counts_padding,
                                          float *image_gradient);

/// Bins that cover an image [height][width][channels]: bin i of n along an axis of s elements is
/// floor(i s / n) ..< ceil((i + 1) s / n).
typedef struct {
    size_t channels, height, width;
    size_t output_height, output_width;
} sotto_bins;

/// output = the average of every bin, its elements added in row order.
void sotto_adaptive_average_pool(const float *image, sotto_bins bins, float *output);
void sotto_adaptive_average_pool_portable(const float *image, sotto_bins bins, float *output);
void sotto_adaptive_average_pool_backward(const float *output_gradient, sotto_bins bins, float *image_gradient);
void sotto_adaptive_average_pool_backward_portable(const float *output_gradient, sotto_bins bins,
                                                   float *image_gradient);

// Parts of products

/// output[c][r] = input[r][c]; rows of input start `input_stride` floats apart, those of output `stride`.
void sotto_transpose(const float *input, size_t input_stride, size_t rows, size_t columns, float *output,
                     size_t stride);

/// output[r][c] = input[r][c] * factors[r / places], and 0 where that factor is 0, whatever the input; rows start
/// `input_stride` and `output_stride` floats apart. Output is the input, or apart from it.
void sotto_scaled_rows(const float *_Nonnull input, size_t input_stride, const float *_Nullable factors, size_t places,
                       float *_Nonnull output, size_t output_stride, size_t rows, size_t columns);

/// matrix[r][c] = left[r] * right[c].
void sotto_outer_product(const float *_Nullable left, size_t rows, const float *_Nullable right, size_t columns,
                         float *_Nullable matrix);

#pragma clang assume_nonnull end
