// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

typedef void (*function)(float *x, size_t count);

INLINE float *row_of(sotto_rows rows, size_t example) {
    return rows.first ? rows.first + example * rows.stride : NULL;
}

INLINE void add(float *restrict sum, const float *restrict x, size_t count) {
    for (size_t j = 0; j < count; j++) {
        sum[j] += x[j];
    }
}

INLINE void add_both(float *restrict sum, const float *restrict x, const float *restrict y, size_t count) {
    for (size_t j = 0; j < count; j++) {
        sum[j] += x[j] + y[j];
    }
}

// LSTM: c = f c' + i g, h = o tanh(c).

INLINE void cell(const float *restrict i, const float *restrict f, const float *restrict g,
                 const float *restrict before, float *restrict c, size_t count) {
    for (size_t j = 0; j < count; j++) {
        c[j] = i[j] * g[j];
    }
    if (before) {
        for (size_t j = 0; j < count; j++) {
            c[j] += f[j] * before[j];
        }
    }
}

INLINE void lstm_forward_body(sotto_lstm_place place, sotto_rows products, const float *bias, sotto_rows states,
                              function sigmoid, function tanh) {
    size_t hidden = place.hidden;
    for (size_t example = 0; example < place.examples; example++) {
        float *gates = row_of(place.gates, example);
        const float *product = row_of(products, example);
        if (product) {
            add(gates, product, 4 * hidden);
        }
        if (bias) {
            add_both(gates, bias, bias + 4 * hidden, 4 * hidden);
        }
        sigmoid(gates, 2 * hidden);
        tanh(gates + 2 * hidden, hidden);
        sigmoid(gates + 3 * hidden, hidden);
        float *c = row_of(place.cells, example);
        cell(gates, gates + hidden, gates + 2 * hidden, row_of(place.previous_cells, example), c, hidden);
        float *h = row_of(states, example);
        memcpy(h, c, hidden * sizeof(float));
        tanh(h, hidden);
        const float *o = gates + 3 * hidden;
        for (size_t j = 0; j < hidden; j++) {
            h[j] *= o[j];
        }
    }
}

/// All gates but f; `carry` becomes the whole gradient by the cells.
INLINE void lstm_errors(float *restrict i, float *restrict g, float *restrict o, const float *restrict tanh_of_cell,
                        const float *restrict given, const float *restrict product, float *restrict carry,
                        size_t count) {
    for (size_t k = 0; k < count; k++) {
        float dh = given[k] + product[k];
        float t = tanh_of_cell[k];
        float dc = carry[k] + dh * o[k] * (1.0f - t * t);
        float before = i[k];
        i[k] = dc * g[k] * before * (1.0f - before);
        g[k] = dc * before * (1.0f - g[k] * g[k]);
        o[k] = dh * t * o[k] * (1.0f - o[k]);
        carry[k] = dc;
    }
}

INLINE void forget_errors(float *restrict f, const float *restrict before, float *restrict carry, size_t count) {
    for (size_t j = 0; j < count; j++) {
        float open = f[j];
        f[j] = carry[j] * before[j] * open * (1.0f - open);
        carry[j] *= open;
    }
}

INLINE void lstm_backward_body(sotto_lstm_place place, sotto_rows given, sotto_rows products, sotto_rows carry,
                               float *row, function tanh) {
    size_t hidden = place.hidden;
    for (size_t example = 0; example < place.examples; example++) {
        float *gates = row_of(place.gates, example);
        float *carried = row_of(carry, example);
        memcpy(row, row_of(place.cells, example), hidden * sizeof(float));
        tanh(row, hidden);
        lstm_errors(gates, gates + 2 * hidden, gates + 3 * hidden, row, row_of(given, example),
                    row_of(products, example), carried, hidden);
        const float *before = row_of(place.previous_cells, example);
        if (before) {
            forget_errors(gates + hidden, before, carried, hidden);
        } else {
            memset(gates + hidden, 0, hidden * sizeof(float));
        }
    }
}

// GRU: h = (1 - z) n + z h' with n = tanh(x + r inner).

INLINE void add_product(float *restrict sum, const float *restrict x, const float *restrict y, size_t count) {
    for (size_t j = 0; j < count; j++) {
        sum[j] += x[j] * y[j];
    }
}

INLINE void mix(const float *restrict z, const float *restrict n, const float *restrict before, float *restrict h,
                size_t count) {
    if (before) {
        for (size_t j = 0; j < count; j++) {
            h[j] = n[j] + z[j] * (before[j] - n[j]);
        }
    } else {
        for (size_t j = 0; j < count; j++) {
            h[j] = n[j] - z[j] * n[j];
        }
    }
}

INLINE void gru_forward_body(sotto_gru_place place, sotto_rows products, const float *bias, sotto_rows states,
                             function sigmoid, function tanh) {
    size_t hidden = place.hidden;
    for (size_t example = 0; example < place.examples; example++) {
        float *gates = row_of(place.gates, example);
        float *n = gates + 2 * hidden;
        float *inner = row_of(place.inner, example);
        const float *product = row_of(products, example);
        if (product) {
            add(gates, product, 2 * hidden);
            memcpy(inner, product + 2 * hidden, hidden * sizeof(float));
        } else {
            memset(inner, 0, hidden * sizeof(float));
        }
        if (bias) {
            add_both(gates, bias, bias + 3 * hidden, 2 * hidden);
            add(n, bias + 2 * hidden, hidden);
            add(inner, bias + 5 * hidden, hidden);
        }
        sigmoid(gates, 2 * hidden);
        add_product(n, gates, inner, hidden);
        tanh(n, hidden);
        mix(gates + hidden, n, row_of(place.previous_states, example), row_of(states, example), hidden);
    }
}

/// `before` is a row of zeros where there is no previous state.
INLINE void gru_errors(float *restrict r, float *restrict z, float *restrict n, float *restrict inner,
                       const float *restrict before, const float *restrict given, const float *restrict product,
                       float *restrict carry, size_t count) {
    for (size_t j = 0; j < count; j++) {
        float dh = given[j] + product[j] + carry[j];
        float reset = r[j];
        float keep = z[j];
        float dn = dh * (1.0f - keep) * (1.0f - n[j] * n[j]);
        z[j] = dh * (before[j] - n[j]) * keep * (1.0f - keep);
        r[j] = dn * inner[j] * reset * (1.0f - reset);
        n[j] = dn;
        inner[j] = dn * reset;
        carry[j] = dh * keep;
    }
}

INLINE void gru_backward_body(sotto_gru_place place, sotto_rows given, sotto_rows products, sotto_rows carry,
                              sotto_rows errors) {
    size_t hidden = place.hidden;
    for (size_t example = 0; example < place.examples; example++) {
        float *gates = row_of(place.gates, example);
        float *inner = row_of(place.inner, example);
        float *error = row_of(errors, example);
        const float *before = row_of(place.previous_states, example);
        if (!before) {
            // The errors' row is written last, so that it can be the zeros.
            memset(error, 0, hidden * sizeof(float));
            before = error;
        }
        gru_errors(gates, gates + hidden, gates + 2 * hidden, inner, before, row_of(given, example),
                   row_of(products, example), row_of(carry, example), hidden);
        memcpy(error, gates, 2 * hidden * sizeof(float));
        memcpy(error + 2 * hidden, inner, hidden * sizeof(float));
    }
}

LEVELS void sotto_lstm_forward(sotto_lstm_place place, sotto_rows products, const float *bias, sotto_rows states) {
    lstm_forward_body(place, products, bias, states, sotto_sigmoid, sotto_tanh);
}

void sotto_lstm_forward_portable(sotto_lstm_place place, sotto_rows products, const float *bias, sotto_rows states) {
    lstm_forward_body(place, products, bias, states, sotto_sigmoid_portable, sotto_tanh_portable);
}

LEVELS void sotto_lstm_backward(sotto_lstm_place place, sotto_rows given, sotto_rows products, sotto_rows carry,
                                float *row) {
    lstm_backward_body(place, given, products, carry, row, sotto_tanh);
}

void sotto_lstm_backward_portable(sotto_lstm_place place, sotto_rows given, sotto_rows products, sotto_rows carry,
                                  float *row) {
    lstm_backward_body(place, given, products, carry, row, sotto_tanh_portable);
}

LEVELS void sotto_gru_forward(sotto_gru_place place, sotto_rows products, const float *bias, sotto_rows states) {
    gru_forward_body(place, products, bias, states, sotto_sigmoid, sotto_tanh);
}

void sotto_gru_forward_portable(sotto_gru_place place, sotto_rows products, const float *bias, sotto_rows states) {
    gru_forward_body(place, products, bias, states, sotto_sigmoid_portable, sotto_tanh_portable);
}

LEVELS void sotto_gru_backward(sotto_gru_place place, sotto_rows given, sotto_rows products, sotto_rows carry,
                               sotto_rows errors) {
    gru_backward_body(place, given, products, carry, errors);
}

void sotto_gru_backward_portable(sotto_gru_place place, sotto_rows given, sotto_rows products, sotto_rows carry,
                                 sotto_rows errors) {
    gru_backward_body(place, given, products, carry, errors);
}
