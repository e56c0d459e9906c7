// SPDX-License-Identifier: Apache-2.0

// One place of recurrent layers, without their products; gates lie in PyTorch's order.

#pragma once

#include <stddef.h>

#pragma clang assume_nonnull begin

/// A matrix, one row an example, whose rows begin `stride` floats apart; absent where `first` is null.
typedef struct {
    float *_Nullable first;
    size_t stride;
} sotto_rows;

/// What an LSTM has at one place: gates [4 * hidden] i, f, g, o; its cells and its states, [hidden]; the cells of the
/// place before, absent at the first.
typedef struct {
    size_t examples, hidden;
    sotto_rows gates, cells, previous_cells;
} sotto_lstm_place;

/// Gates hold the products of the input and become activations; `products` [4 * hidden] are those of the previous
/// state, absent at the first place. `bias` [2][4 * hidden] is absent or the two biases. Writes cells and states.
void sotto_lstm_forward(sotto_lstm_place place, sotto_rows products, const float *_Nullable bias, sotto_rows states);
void sotto_lstm_forward_portable(sotto_lstm_place place, sotto_rows products, const float *_Nullable bias,
                                 sotto_rows states);

/// Gates hold activations and become the gradients by what they were before their functions. The gradient by the states
/// is `given` + `products`; `carry` is the one by the cells, from later places, and becomes the one by the cells
/// before. `row` [hidden] is scratch.
void sotto_lstm_backward(sotto_lstm_place place, sotto_rows given, sotto_rows products, sotto_rows carry, float *row);
void sotto_lstm_backward_portable(sotto_lstm_place place, sotto_rows given, sotto_rows products, sotto_rows carry,
                                  float *row);

/// What a GRU has at one place: gates [3 * hidden] r, z, n; the part of n that r multiplies, [hidden]; the states of
/// the place before, absent at the first.
typedef struct {
    size_t examples, hidden;
    sotto_rows gates, inner, previous_states;
} sotto_gru_place;

/// Gates hold the products of the input and become activations; `products` [3 * hidden] are those of the previous
/// state, absent at the first place. `bias` [2][3 * hidden] is absent or the two biases. Writes inner and states.
void sotto_gru_forward(sotto_gru_place place, sotto_rows products, const float *_Nullable bias, sotto_rows states);
void sotto_gru_forward_portable(sotto_gru_place place, sotto_rows products, const float *_Nullable bias,
                                sotto_rows states);

/// Gates hold activations and become the gradients by the input's products; `inner` becomes the gradient by itself, and
/// `errors` [3 * hidden] those by the previous state's products. The gradient by the states is `given` + `products` +
/// `carry`; `carry` becomes what of it goes to the previous state directly.
void sotto_gru_backward(sotto_gru_place place, sotto_rows given, sotto_rows products, sotto_rows carry,
                        sotto_rows errors);
void sotto_gru_backward_portable(sotto_gru_place place, sotto_rows given, sotto_rows products, sotto_rows carry,
                                 sotto_rows errors);

#pragma clang assume_nonnull end
