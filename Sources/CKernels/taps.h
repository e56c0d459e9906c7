// SPDX-License-Identifier: Apache-2.0

// Where a window lies inside of its image.

#pragma once

#include "levels.h"

/// The taps of a window, along one axis, that see the image: first..<last. The first, if any, sees element `at`.
typedef struct {
    size_t first, last, at;
} taps;

/// The taps at `origin` = output place * stride along an axis of `size` elements.
INLINE taps taps_inside(size_t origin, size_t padding, size_t dilation, size_t kernel, size_t size) {
    size_t before = origin < padding ? padding - origin : 0;
    size_t room = size + padding > origin ? size + padding - origin : 0;
    taps t = {before, room, 0};
    if (dilation != 1) {
        t.first = (before + dilation - 1) / dilation;
        t.last = (room + dilation - 1) / dilation;
    }
    t.last = t.last < kernel ? t.last : kernel;
    t.first = t.first < t.last ? t.first : t.last;
    t.at = t.first < t.last ? origin + t.first * dilation - padding : 0;
    return t;
}

INLINE taps tap_rows(sotto_window w, size_t oy) {
    return taps_inside(oy * w.stride_y, w.padding_y, w.dilation_y, w.kernel_height, w.height);
}

INLINE taps tap_columns(sotto_window w, size_t ox) {
    return taps_inside(ox * w.stride_x, w.padding_x, w.dilation_x, w.kernel_width, w.width);
}
