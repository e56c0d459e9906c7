// SPDX-License-Identifier: Apache-2.0

// Sums in a fixed order: element i goes to lane i mod 16, and the lanes are added in one tree.

#pragma once

#include "levels.h"

enum { lanes = 16 };

INLINE double double_tree(const double *lane) {
    double eight[8], four[4];
    for (int j = 0; j < 8; j++) {
        eight[j] = lane[j] + lane[j + 8];
    }
    for (int j = 0; j < 4; j++) {
        four[j] = eight[j] + eight[j + 4];
    }
    return (four[0] + four[2]) + (four[1] + four[3]);
}

INLINE float float_tree(const float *lane) {
    float eight[8], four[4];
    for (int j = 0; j < 8; j++) {
        eight[j] = lane[j] + lane[j + 8];
    }
    for (int j = 0; j < 4; j++) {
        four[j] = eight[j] + eight[j + 4];
    }
    return (four[0] + four[2]) + (four[1] + four[3]);
}
