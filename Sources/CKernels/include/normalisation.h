// SPDX-License-Identifier: Apache-2.0

// Normalisation of one example's values. Included by CKernels.h.

#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Normalisation

// Statistics are taken in Double over differences from one of the normalised values, so that a mean far from zero does
// not cancel: for n values, none of which is further from the mean than sqrt(n) standard deviations, the variance's
// relative error is below 4 n (n + 8) 2^-53.

/// How the values of one example, a dense matrix [rows][columns], are normalised.
typedef enum {
    /// Every row by itself; a weight and a bias for every column.
    sotto_norm_row,
    /// `groups` blocks of neighbouring rows; a weight and a bias for every row.
    sotto_norm_row_groups,
    /// `groups` blocks of neighbouring columns; a weight and a bias for every column.
    sotto_norm_column_groups,
} sotto_norm_layout;

typedef struct {
    sotto_norm_layout layout;
    size_t rows, columns;
    /// Divides the rows or columns; not read for `sotto_norm_row`.
    size_t groups;
    /// Whether the mean is subtracted, as always for groups of columns; else the mean square is the variance.
    int centred;
    /// Positive.
    double epsilon;
} sotto_norm;

/// y = n weight + bias with n = (x - mean) / sqrt(variance + epsilon), and three floats for every row or group: its
/// mean in two parts, and 1 / sqrt(variance + epsilon).
void sotto_normalise(const float *x, sotto_norm norm, const float *weight, const float *bias, float *y, float *state);
void sotto_normalise_portable(const float *x, sotto_norm norm, const float *weight, const float *bias, float *y,
                              float *state);

/// dx = the gradient by x, given the gradient dy by y. `scratch`: 2 * groups floats; not used for rows.
void sotto_normalise_backward(const float *x, const float *state, const float *dy, sotto_norm norm,
                              const float *weight, float *dx, float *_Nullable scratch);
void sotto_normalise_backward_portable(const float *x, const float *state, const float *dy, sotto_norm norm,
                                       const float *weight, float *dx, float *_Nullable scratch);

/// The gradients by weight and bias, each summed in Double.
void sotto_normalise_parameters(const float *x, const float *state, const float *dy, sotto_norm norm, float *dweight,
                                float *dbias);
void sotto_normalise_parameters_portable(const float *x, const float *state, const float *dy, sotto_norm norm,
                                         float *dweight, float *dbias);

#pragma clang assume_nonnull end
