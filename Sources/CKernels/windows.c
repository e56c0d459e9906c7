// SPDX-License-Identifier: Apache-2.0

#include "taps.h"

// A row of patches is kernel_height pieces. With one group and no dilation across, a piece is one run of neighbouring
// floats of the image, its ends cut off where the window leaves the image. Otherwise every tap is a run of its own.
//
// Runs are short (3 to some 1000 floats), so they are moved here and not by a call: in blocks of 16 floats, the last of
// which may overlap the one before it.

INLINE void copy_run(float *restrict to, const float *restrict from, size_t count) {
    if (count >= 16) {
        for (size_t i = 0; i < count - 16; i += 16) {
            memcpy(to + i, from + i, 16 * sizeof(float));
        }
        memcpy(to + count - 16, from + count - 16, 16 * sizeof(float));
    } else if (count >= 8) {
        memcpy(to, from, 8 * sizeof(float));
        memcpy(to + count - 8, from + count - 8, 8 * sizeof(float));
    } else if (count >= 4) {
        memcpy(to, from, 4 * sizeof(float));
        memcpy(to + count - 4, from + count - 4, 4 * sizeof(float));
    } else {
#pragma clang loop vectorize(disable) unroll(disable)
        for (size_t i = 0; i < count; i++) {
            to[i] = from[i];
        }
    }
}

INLINE void clear_run(float *to, size_t count) {
    static const float zeros[16];
    while (count > 16) {
        memcpy(to, zeros, sizeof zeros);
        to += 16;
        count -= 16;
    }
    copy_run(to, zeros, count);
}

INLINE void add_run(float *restrict to, const float *restrict from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        to[i] += from[i];
    }
}

/// The position of the window and the taps inside of the image there.
typedef struct {
    size_t oy, ox;
    taps rows, columns;
} place;

INLINE place place_of(sotto_window w, size_t position) {
    size_t oy = position / w.output_width, ox = position % w.output_width;
    return (place){oy, ox, tap_rows(w, oy), tap_columns(w, ox)};
}

INLINE void advance(sotto_window w, place *at) {
    at->ox++;
    if (at->ox == w.output_width) {
        at->ox = 0;
        at->oy++;
        at->rows = tap_rows(w, at->oy);
    }
    at->columns = tap_columns(w, at->ox);
}

/// `fixed` is kernel_width * channels where that is known when compiling, else 0. One group, no dilation across.
INLINE void joined_patches(const float *restrict image, sotto_window w, size_t first, size_t count,
                           float *restrict patches, size_t fixed) {
    size_t run = fixed ? fixed : w.kernel_width * w.channels;
    size_t line = w.width * w.channels;
    place at = place_of(w, first);
    for (size_t p = 0; p < count; p++, advance(w, &at)) {
        size_t before = at.columns.first * w.channels, end = at.columns.last * w.channels;
        const float *from = image + at.rows.at * line + at.columns.at * w.channels;
        float *row = patches + at.rows.first * run, *last = patches + at.rows.last * run;
        clear_run(patches, at.rows.first * run);
        if (end - before == run) {
            for (; row < last; row += run, from += w.dilation_y * line) {
                copy_run(row, from, run);
            }
        } else if (fixed) {
            // One masked load and store where the processor has them.
            for (; row < last; row += run, from += w.dilation_y * line) {
                for (size_t i = 0; i < fixed; i++) {
                    row[i] = i >= before && i < end ? from[(ptrdiff_t)i - (ptrdiff_t)before] : 0.0f;
                }
            }
        } else {
            for (; row < last; row += run, from += w.dilation_y * line) {
                clear_run(row, before);
                copy_run(row + before, from, end - before);
                clear_run(row + end, run - end);
            }
        }
        clear_run(last, (w.kernel_height - at.rows.last) * run);
        patches += w.kernel_height * run;
    }
}

/// `fixed` is the number of channels in a group where that is known when compiling, else 0.
INLINE void spread_patches(const float *restrict image, sotto_window w, size_t first, size_t count, size_t group,
                           float *restrict patches, size_t fixed) {
    size_t depth = fixed ? fixed : w.channels / w.groups;
    size_t run = w.kernel_width * depth;
    place at = place_of(w, first);
    for (size_t p = 0; p < count; p++, advance(w, &at)) {
        const float *from = image + (at.rows.at * w.width + at.columns.at) * w.channels + group * depth;
        for (size_t ky = 0; ky < w.kernel_height; ky++, patches += run) {
            if (ky < at.rows.first || ky >= at.rows.last) {
                clear_run(patches, run);
                continue;
            }
            clear_run(patches, at.columns.first * depth);
            for (size_t kx = at.columns.first; kx < at.columns.last; kx++) {
                copy_run(patches + kx * depth, from + (kx - at.columns.first) * w.dilation_x * w.channels, depth);
            }
            clear_run(patches + at.columns.last * depth, run - at.columns.last * depth);
            from += w.dilation_y * w.width * w.channels;
        }
    }
}

INLINE void patches_body(const float *image, sotto_window w, size_t first, size_t count, size_t group,
                         float *patches) {
    if (w.groups != 1 || w.dilation_x != 1) {
        if (w.groups == w.channels) {
            spread_patches(image, w, first, count, group, patches, 1);
        } else {
            spread_patches(image, w, first, count, group, patches, 0);
        }
        return;
    }
    switch (w.kernel_width * w.channels) {
    case 3: joined_patches(image, w, first, count, patches, 3); break;
    case 4: joined_patches(image, w, first, count, patches, 4); break;
    case 5: joined_patches(image, w, first, count, patches, 5); break;
    case 8: joined_patches(image, w, first, count, patches, 8); break;
    case 9: joined_patches(image, w, first, count, patches, 9); break;
    case 15: joined_patches(image, w, first, count, patches, 15); break;
    case 30: joined_patches(image, w, first, count, patches, 30); break;
    default: joined_patches(image, w, first, count, patches, 0); break;
    }
}

LEVELS void sotto_patches(const float *image, sotto_window window, size_t first, size_t count, size_t group,
                          float *patches) {
    patches_body(image, window, first, count, group, patches);
}

void sotto_patches_portable(const float *image, sotto_window window, size_t first, size_t count, size_t group,
                            float *patches) {
    patches_body(image, window, first, count, group, patches);
}

INLINE void joined_add(const float *restrict patches, sotto_window w, size_t first, size_t count,
                       float *restrict image) {
    size_t run = w.kernel_width * w.channels;
    size_t line = w.width * w.channels;
    place at = place_of(w, first);
    for (size_t p = 0; p < count; p++, advance(w, &at)) {
        size_t before = at.columns.first * w.channels, end = at.columns.last * w.channels;
        float *to = image + at.rows.at * line + at.columns.at * w.channels;
        for (size_t ky = at.rows.first; ky < at.rows.last; ky++) {
            add_run(to, patches + ky * run + before, end - before);
            to += w.dilation_y * line;
        }
        patches += w.kernel_height * run;
    }
}

INLINE void spread_add(const float *restrict patches, sotto_window w, size_t first, size_t count, size_t group,
                       float *restrict image, size_t fixed) {
    size_t depth = fixed ? fixed : w.channels / w.groups;
    size_t run = w.kernel_width * depth;
    place at = place_of(w, first);
    for (size_t p = 0; p < count; p++, advance(w, &at)) {
        float *to = image + (at.rows.at * w.width + at.columns.at) * w.channels + group * depth;
        for (size_t ky = at.rows.first; ky < at.rows.last; ky++) {
            for (size_t kx = at.columns.first; kx < at.columns.last; kx++) {
                float *tap = to + (kx - at.columns.first) * w.dilation_x * w.channels;
                add_run(tap, patches + ky * run + kx * depth, depth);
            }
            to += w.dilation_y * w.width * w.channels;
        }
        patches += w.kernel_height * run;
    }
}

INLINE void add_patches_body(const float *patches, sotto_window w, size_t first, size_t count, size_t group,
                             float *image) {
    if (w.groups == 1 && w.dilation_x == 1) {
        joined_add(patches, w, first, count, image);
    } else if (w.groups == w.channels) {
        spread_add(patches, w, first, count, group, image, 1);
    } else {
        spread_add(patches, w, first, count, group, image, 0);
    }
}

LEVELS void sotto_add_patches(const float *patches, sotto_window window, size_t first, size_t count, size_t group,
                              float *image) {
    add_patches_body(patches, window, first, count, group, image);
}

void sotto_add_patches_portable(const float *patches, sotto_window window, size_t first, size_t count, size_t group,
                                float *image) {
    add_patches_body(patches, window, first, count, group, image);
}
