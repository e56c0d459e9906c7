// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

INLINE void add_int32_body(int64_t *restrict sum, const int32_t *restrict q, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += q[i];
    }
}

LEVELS void sotto_add_int32(int64_t *sum, const int32_t *q, size_t count) { add_int32_body(sum, q, count); }

void sotto_add_int32_portable(int64_t *sum, const int32_t *q, size_t count) { add_int32_body(sum, q, count); }
