// SPDX-License-Identifier: Apache-2.0

// Norms of sums of outer products, from their operands.

#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// sum[i] += x[i].
void sotto_widen_add(const float *x, double *sum, size_t count);

/// The sum of a[i] * b[i], in 8 lanes added in one fixed tree.
double sotto_dot_double(const double *a, const double *b, size_t count);

/// The sum over places t of (|errors[t]| + margin) * (|inputs[t]| + margin); rows start `errors_stride` and `inputs_stride` floats apart.
double sotto_mass(const float *errors, size_t errors_stride, size_t rows, const float *inputs, size_t inputs_stride,
                  size_t columns, size_t places, double margin);

/// A checksum of the bits of x: any change of one element changes it.
uint64_t sotto_checksum(const float *x, size_t count, uint64_t seed);

#pragma clang assume_nonnull end
