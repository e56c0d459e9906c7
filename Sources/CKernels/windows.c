// SPDX-License-Identifier: Apache-2.0

#include "levels.h"

// The part of a kernel row, placed at output column `ox`, that lies inside of the image: columns first..<last.
INLINE void inside(sotto_window w, size_t ox, size_t *first, size_t *last) {
    size_t start = ox * w.stride_x;
    *first = start < w.padding_x ? w.padding_x - start : 0;
    *first = *first < w.kernel_width ? *first : w.kernel_width;
    size_t room = w.width + w.padding_x > start ? w.width + w.padding_x - start : 0;
    *last = room < w.kernel_width ? room : w.kernel_width;
    *last = *last > *first ? *last : *first;
}

// `fixed` is the kernel's width where that is known when compiling (the copies then need no loop), else 0.
INLINE void patches_body(const float *restrict image, sotto_window w, float *restrict patches, size_t fixed) {
    size_t width = fixed ? fixed : w.kernel_width;
    for (size_t oy = 0; oy < w.output_height; oy++) {
        for (size_t ox = 0; ox < w.output_width; ox++) {
            size_t first, last;
            inside(w, ox, &first, &last);
            ptrdiff_t column = (ptrdiff_t)(ox * w.stride_x) - (ptrdiff_t)w.padding_x;
            for (size_t c = 0; c < w.channels; c++) {
                for (size_t ky = 0; ky < w.kernel_height; ky++, patches += width) {
                    size_t y = oy * w.stride_y + ky - w.padding_y;
                    if (y >= w.height) {
                        memset(patches, 0, width * sizeof(float));
                        continue;
                    }
                    const float *row = image + (c * w.height + y) * w.width;
                    if (last - first == width) {
                        memcpy(patches, row + column, width * sizeof(float));
                    } else {
                        memset(patches, 0, width * sizeof(float));
                        for (size_t kx = first; kx < last; kx++) {
                            patches[kx] = row[column + (ptrdiff_t)kx];
                        }
                    }
                }
            }
        }
    }
}

void sotto_patches(const float *image, sotto_window w, float *patches) {
    switch (w.kernel_width) {
    case 3: patches_body(image, w, patches, 3); break;
    case 4: patches_body(image, w, patches, 4); break;
    case 5: patches_body(image, w, patches, 5); break;
    case 8: patches_body(image, w, patches, 8); break;
    default: patches_body(image, w, patches, 0); break;
    }
}

INLINE void patches_adjoint_body(const float *restrict patches, sotto_window w, float *restrict image, size_t fixed) {
    size_t width = fixed ? fixed : w.kernel_width;
    memset(image, 0, w.channels * w.height * w.width * sizeof(float));
    for (size_t oy = 0; oy < w.output_height; oy++) {
        for (size_t ox = 0; ox < w.output_width; ox++) {
            size_t first, last;
            inside(w, ox, &first, &last);
            ptrdiff_t column = (ptrdiff_t)(ox * w.stride_x) - (ptrdiff_t)w.padding_x;
            for (size_t c = 0; c < w.channels; c++) {
                for (size_t ky = 0; ky < w.kernel_height; ky++, patches += width) {
                    size_t y = oy * w.stride_y + ky - w.padding_y;
                    if (y >= w.height) {
                        continue;
                    }
                    float *row = image + (c * w.height + y) * w.width;
                    if (last - first == width) {
                        for (size_t kx = 0; kx < width; kx++) {
                            row[column + (ptrdiff_t)kx] += patches[kx];
                        }
                    } else {
                        for (size_t kx = first; kx < last; kx++) {
                            row[column + (ptrdiff_t)kx] += patches[kx];
                        }
                    }
                }
            }
        }
    }
}

void sotto_patches_adjoint(const float *patches, sotto_window w, float *image) {
    switch (w.kernel_width) {
    case 3: patches_adjoint_body(patches, w, image, 3); break;
    case 4: patches_adjoint_body(patches, w, image, 4); break;
    case 5: patches_adjoint_body(patches, w, image, 5); break;
    case 8: patches_adjoint_body(patches, w, image, 8); break;
    default: patches_adjoint_body(patches, w, image, 0); break;
    }
}

// `stride` is 1 where the inner loops may be vectorised, else 0 for the window's own.
INLINE void max_pool_body(const float *restrict image, sotto_window w, float *restrict output, size_t stride) {
    size_t step = stride ? stride : w.stride_x;
    for (size_t c = 0; c < w.channels; c++) {
        for (size_t oy = 0; oy < w.output_height; oy++) {
            float *best = output + (c * w.output_height + oy) * w.output_width;
            const float *top = image + (c * w.height + oy * w.stride_y) * w.width;
            for (size_t ox = 0; ox < w.output_width; ox++) {
                best[ox] = top[ox * step];
            }
            for (size_t ky = 0; ky < w.kernel_height; ky++) {
                for (size_t kx = 0; kx < w.kernel_width; kx++) {
                    const float *row = top + ky * w.width + kx;
                    for (size_t ox = 0; ox < w.output_width; ox++) {
                        float value = row[ox * step];
                        uint32_t wins = (value > best[ox]) | (value != value);
                        best[ox] = wins ? value : best[ox];
                    }
                }
            }
        }
    }
}

INLINE void max_pool_levels(const float *image, sotto_window w, float *output) {
    if (w.stride_x == 1) {
        max_pool_body(image, w, output, 1);
    } else {
        max_pool_body(image, w, output, 0);
    }
}

LEVELS void sotto_max_pool(const float *image, sotto_window w, float *output) { max_pool_levels(image, w, output); }

void sotto_max_pool_portable(const float *image, sotto_window w, float *output) { max_pool_levels(image, w, output); }

enum { chunk = 64 };

// Instead of searching every window, each kernel position offers the gradient to all windows of an output row at once;
// a window takes the first offer that equals its maximum.
INLINE void max_pool_backward_body(const float *restrict image, const float *restrict output,
                                   const float *restrict output_gradient, sotto_window w,
                                   float *restrict image_gradient, size_t stride) {
    size_t step = stride ? stride : w.stride_x;
    memset(image_gradient, 0, w.channels * w.height * w.width * sizeof(float));
    for (size_t c = 0; c < w.channels; c++) {
        for (size_t oy = 0; oy < w.output_height; oy++) {
            size_t out = (c * w.output_height + oy) * w.output_width;
            size_t top = (c * w.height + oy * w.stride_y) * w.width;
            for (size_t from = 0; from < w.output_width; from += chunk) {
                size_t columns = w.output_width - from < chunk ? w.output_width - from : chunk;
                const float *best = output + out + from;
                const float *given = output_gradient + out + from;
                uint32_t open[chunk];
                for (size_t ox = 0; ox < columns; ox++) {
                    open[ox] = 1;
                }
                for (size_t ky = 0; ky < w.kernel_height; ky++) {
                    for (size_t kx = 0; kx < w.kernel_width; kx++) {
                        size_t at = top + ky * w.width + kx + from * step;
                        const float *row = image + at;
                        float *target = image_gradient + at;
                        for (size_t ox = 0; ox < columns; ox++) {
                            float value = row[ox * step];
                            uint32_t equal = (value == best[ox]) | ((value != value) & (best[ox] != best[ox]));
                            uint32_t take = open[ox] & equal;
                            open[ox] &= ~take;
                            target[ox * step] += take ? given[ox] : 0.0f;
                        }
                    }
                }
            }
        }
    }
}

INLINE void max_pool_backward_levels(const float *image, const float *output, const float *output_gradient,
                                     sotto_window w, float *image_gradient) {
    if (w.stride_x == 1) {
        max_pool_backward_body(image, output, output_gradient, w, image_gradient, 1);
    } else {
        max_pool_backward_body(image, output, output_gradient, w, image_gradient, 0);
    }
}

LEVELS void sotto_max_pool_backward(const float *image, const float *output, const float *output_gradient,
                                    sotto_window w, float *image_gradient) {
    max_pool_backward_levels(image, output, output_gradient, w, image_gradient);
}

void sotto_max_pool_backward_portable(const float *image, const float *output, const float *output_gradient,
                                      sotto_window w, float *image_gradient) {
    max_pool_backward_levels(image, output, output_gradient, w, image_gradient);
}
