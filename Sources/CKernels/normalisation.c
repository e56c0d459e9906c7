// SPDX-License-Identifier: Apache-2.0

#include "column_norms.h"
#include "row_norms.h"

INLINE void normalise_body(const float *x, sotto_norm norm, const float *weight, const float *bias, float *y,
                           float *state) {
    switch (norm.layout) {
    case sotto_norm_row: normalise_rows(x, norm, 1, 1, weight, bias, y, state); break;
    case sotto_norm_row_groups: normalise_rows(x, norm, norm.rows / norm.groups, 0, weight, bias, y, state); break;
    case sotto_norm_column_groups: normalise_columns(x, norm, weight, bias, y, state); break;
    }
}

INLINE void backward_body(const float *x, const float *state, const float *dy, sotto_norm norm, const float *weight,
                          float *dx, float *scratch) {
    size_t group_rows = norm.layout == sotto_norm_row_groups ? norm.rows / norm.groups : 1;
    switch (norm.layout) {
    case sotto_norm_row: normalise_rows_backward(x, state, dy, norm, 1, 1, weight, dx); break;
    case sotto_norm_row_groups: normalise_rows_backward(x, state, dy, norm, group_rows, 0, weight, dx); break;
    case sotto_norm_column_groups: normalise_columns_backward(x, state, dy, norm, weight, dx, scratch); break;
    }
}

INLINE void parameters_body(const float *x, const float *state, const float *dy, sotto_norm norm, float *dweight,
                            float *dbias) {
    switch (norm.layout) {
    case sotto_norm_row: column_parameters(x, state, dy, norm, 1, dweight, dbias); break;
    case sotto_norm_row_groups: row_parameters(x, state, dy, norm, norm.rows / norm.groups, dweight, dbias); break;
    case sotto_norm_column_groups: column_parameters(x, state, dy, norm, 0, dweight, dbias); break;
    }
}

#define EXPORT(attribute, suffix)                                                                                      \
    attribute void sotto_normalise##suffix(const float *x, sotto_norm norm, const float *weight, const float *bias,    \
                                           float *y, float *state) {                                                   \
        normalise_body(x, norm, weight, bias, y, state);                                                               \
    }                                                                                                                  \
    attribute void sotto_normalise_backward##suffix(const float *x, const float *state, const float *dy,               \
                                                    sotto_norm norm, const float *weight, float *dx, float *scratch) { \
        backward_body(x, state, dy, norm, weight, dx, scratch);                                                        \
    }                                                                                                                  \
    attribute void sotto_normalise_parameters##suffix(const float *x, const float *state, const float *dy,             \
                                                      sotto_norm norm, float *dweight, float *dbias) {                 \
        parameters_body(x, state, dy, norm, dweight, dbias);                                                           \
    }

EXPORT(LEVELS, )
EXPORT(, _portable)
