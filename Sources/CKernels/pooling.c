// SPDX-License-Identifier: Apache-2.0

#include "taps.h"

// A pool reduces the elements of a bin, which is the part of a window inside of the image, for every channel apart.
// Channels are the vectors: 16 at a time in registers while the taps of the bin go by.

/// The rows and columns of one bin.
typedef struct {
    taps rows, columns;
    size_t dilation_y, dilation_x;
} bin;

INLINE bin bin_of(sotto_window w, size_t oy, size_t ox) {
    return (bin){tap_rows(w, oy), tap_columns(w, ox), w.dilation_y, w.dilation_x};
}

INLINE size_t bin_count(bin b) { return (b.rows.last - b.rows.first) * (b.columns.last - b.columns.first); }

/// Runs `call` for blocks of channels `c` ..< `c + block`, `block` being known when compiling: 16 where there are so
/// many, else 8, 4 or 1. The last block may overlap the one before it, so `call` must not accumulate.
#define FOR_CHANNEL_BLOCKS(channels, call)                                                                             \
    if ((channels) >= 16) {                                                                                            \
        CHANNEL_BLOCKS(channels, 16, call)                                                                             \
    } else if ((channels) >= 8) {                                                                                      \
        CHANNEL_BLOCKS(channels, 8, call)                                                                              \
    } else if ((channels) >= 4) {                                                                                      \
        CHANNEL_BLOCKS(channels, 4, call)                                                                              \
    } else {                                                                                                           \
        CHANNEL_BLOCKS(channels, 1, call)                                                                              \
    }

#define CHANNEL_BLOCKS(channels, size, call)                                                                           \
    enum { block = size };                                                                                             \
    size_t c = 0;                                                                                                      \
    for (; c + block < (channels); c += block) {                                                                       \
        call;                                                                                                          \
    }                                                                                                                  \
    c = (channels)-block;                                                                                              \
    call;

INLINE void max_of_bin(const float *restrict image, size_t width, size_t channels, bin b, size_t c, size_t block,
                       float *restrict output, float *restrict argument) {
    float best[16];
    uint32_t winner[16];
    size_t line = b.rows.at * width;
    for (size_t j = 0; j < block; j++) {
        best[j] = -__builtin_inff();
        winner[j] = (uint32_t)((line + b.columns.at) * channels + c + j);
    }
    for (size_t ky = b.rows.first; ky < b.rows.last; ky++, line += b.dilation_y * width) {
        size_t place = (line + b.columns.at) * channels + c;
        for (size_t kx = b.columns.first; kx < b.columns.last; kx++, place += b.dilation_x * channels) {
            for (size_t j = 0; j < block; j++) {
                float value = image[place + j];
                uint32_t wins = (value > best[j]) | (value != value);
                best[j] = wins ? value : best[j];
                winner[j] = wins ? (uint32_t)(place + j) : winner[j];
            }
        }
    }
    memcpy(output + c, best, block * sizeof(float));
    memcpy(argument + c, winner, block * sizeof(float));
}

INLINE void max_pool_body(const float *restrict image, sotto_window w, float *restrict output,
                          float *restrict argument) {
    for (size_t oy = 0; oy < w.output_height; oy++) {
        for (size_t ox = 0; ox < w.output_width; ox++) {
            bin b = bin_of(w, oy, ox);
            FOR_CHANNEL_BLOCKS(w.channels, max_of_bin(image, w.width, w.channels, b, c, block, output, argument))
            output += w.channels;
            argument += w.channels;
        }
    }
}

LEVELS void sotto_max_pool(const float *image, sotto_window window, float *output, float *argument) {
    max_pool_body(image, window, output, argument);
}

void sotto_max_pool_portable(const float *image, sotto_window window, float *output, float *argument) {
    max_pool_body(image, window, output, argument);
}

INLINE void pack_places_body(const float *restrict argument, size_t count, uint16_t *restrict out) {
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint16_t)bits_of_float(argument[i]);
    }
}

LEVELS void sotto_pack_places(const float *argument, size_t count, uint16_t *out) {
    pack_places_body(argument, count, out);
}

void sotto_pack_places_portable(const float *argument, size_t count, uint16_t *out) {
    pack_places_body(argument, count, out);
}

INLINE void unpack_places_body(const uint16_t *restrict places, sotto_window w, float *restrict argument) {
    for (size_t oy = 0; oy < w.output_height; oy++) {
        for (size_t ox = 0; ox < w.output_width; ox++) {
            bin b = bin_of(w, oy, ox);
            uint32_t first = (uint32_t)((b.rows.at * w.width + b.columns.at) * w.channels);
            for (size_t c = 0; c < w.channels; c++) {
                uint32_t before = first + (uint32_t)c;
                argument[c] = float_of_bits(before + ((places[c] - before) & 0xFFFF));
            }
            places += w.channels;
            argument += w.channels;
        }
    }
}

LEVELS void sotto_unpack_places(const uint16_t *places, sotto_window window, float *argument) {
    unpack_places_body(places, window, argument);
}

void sotto_unpack_places_portable(const uint16_t *places, sotto_window window, float *argument) {
    unpack_places_body(places, window, argument);
}

/// Every winner takes its gradient. The same sums as below, in the same order.
INLINE void scatter_to_winners(const float *restrict argument, const float *restrict output_gradient, sotto_window w,
                               float *restrict image_gradient) {
    size_t count = w.channels * w.height * w.width;
    for (size_t i = 0; i < w.output_height * w.output_width * w.channels; i++) {
        size_t place = bits_of_float(argument[i]);
        if (place < count) {
            image_gradient[place] += output_gradient[i];
        }
    }
}

/// Every tap of a bin takes the gradients that name it as the winner, so that channels are vectors; with few channels one
/// winner after another is faster.
INLINE void max_pool_backward_body(const float *restrict argument, const float *restrict output_gradient,
                                   sotto_window w, float *restrict image_gradient) {
    memset(image_gradient, 0, w.channels * w.height * w.width * sizeof(float));
    if (w.channels < 8) {
        scatter_to_winners(argument, output_gradient, w, image_gradient);
        return;
    }
    for (size_t oy = 0; oy < w.output_height; oy++) {
        for (size_t ox = 0; ox < w.output_width; ox++) {
            bin b = bin_of(w, oy, ox);
            size_t line = b.rows.at * w.width;
            for (size_t ky = b.rows.first; ky < b.rows.last; ky++, line += b.dilation_y * w.width) {
                size_t place = (line + b.columns.at) * w.channels;
                for (size_t kx = b.columns.first; kx < b.columns.last; kx++, place += b.dilation_x * w.channels) {
                    float *target = image_gradient + place;
                    for (size_t c = 0; c < w.channels; c++) {
                        uint32_t wins = bits_of_float(argument[c]) == (uint32_t)(place + c) ? 0xFFFFFFFFu : 0;
                        target[c] += float_of_bits(bits_of_float(output_gradient[c]) & wins);
                    }
                }
            }
            argument += w.channels;
            output_gradient += w.channels;
        }
    }
}

LEVELS void sotto_max_pool_backward(const float *argument, const float *output_gradient, sotto_window window,
                                    float *image_gradient) {
    max_pool_backward_body(argument, output_gradient, window, image_gradient);
}

void sotto_max_pool_backward_portable(const float *argument, const float *output_gradient, sotto_window window,
                                      float *image_gradient) {
    max_pool_backward_body(argument, output_gradient, window, image_gradient);
}

INLINE void average_of_bin(const float *restrict image, size_t width, size_t channels, bin b, float divisor, size_t c,
                           size_t block, float *restrict output) {
    float sum[16] = {0};
    size_t line = b.rows.at * width;
    for (size_t ky = b.rows.first; ky < b.rows.last; ky++, line += b.dilation_y * width) {
        size_t place = (line + b.columns.at) * channels + c;
        for (size_t kx = b.columns.first; kx < b.columns.last; kx++, place += b.dilation_x * channels) {
            for (size_t j = 0; j < block; j++) {
                sum[j] += image[place + j];
            }
        }
    }
    for (size_t j = 0; j < block; j++) {
        output[c + j] = sum[j] / divisor;
    }
}

INLINE void spread_over_bin(const float *restrict output_gradient, size_t width, size_t channels, bin b, float divisor,
                            float *restrict image_gradient) {
    size_t line = b.rows.at * width;
    for (size_t ky = b.rows.first; ky < b.rows.last; ky++, line += b.dilation_y * width) {
        float *target = image_gradient + (line + b.columns.at) * channels;
        for (size_t kx = b.columns.first; kx < b.columns.last; kx++, target += b.dilation_x * channels) {
            for (size_t c = 0; c < channels; c++) {
                target[c] += output_gradient[c] / divisor;
            }
        }
    }
}

INLINE float divisor_of(sotto_window w, bin b, int counts_padding) {
    return (float)(counts_padding ? w.kernel_height * w.kernel_width : bin_count(b));
}

INLINE void average_pool_body(const float *restrict image, sotto_window w, int counts_padding,
                              float *restrict output) {
    for (size_t oy = 0; oy < w.output_height; oy++) {
        for (size_t ox = 0; ox < w.output_width; ox++, output += w.channels) {
            bin b = bin_of(w, oy, ox);
            float divisor = divisor_of(w, b, counts_padding);
            FOR_CHANNEL_BLOCKS(w.channels, average_of_bin(image, w.width, w.channels, b, divisor, c, block, output))
        }
    }
}

LEVELS void sotto_average_pool(const float *image, sotto_window window, int counts_padding, float *output) {
    average_pool_body(image, window, counts_padding, output);
}

void sotto_average_pool_portable(const float *image, sotto_window window, int counts_padding, float *output) {
    average_pool_body(image, window, counts_padding, output);
}

INLINE void average_pool_backward_body(const float *restrict output_gradient, sotto_window w, int counts_padding,
                                       float *restrict image_gradient) {
    memset(image_gradient, 0, w.channels * w.height * w.width * sizeof(float));
    for (size_t oy = 0; oy < w.output_height; oy++) {
        for (size_t ox = 0; ox < w.output_width; ox++, output_gradient += w.channels) {
            bin b = bin_of(w, oy, ox);
            float divisor = divisor_of(w, b, counts_padding);
            spread_over_bin(output_gradient, w.width, w.channels, b, divisor, image_gradient);
        }
    }
}

LEVELS void sotto_average_pool_backward(const float *output_gradient, sotto_window window, int counts_padding,
                                        float *image_gradient) {
    average_pool_backward_body(output_gradient, window, counts_padding, image_gradient);
}

void sotto_average_pool_backward_portable(const float *output_gradient, sotto_window window, int counts_padding,
                                          float *image_gradient) {
    average_pool_backward_body(output_gradient, window, counts_padding, image_gradient);
}

/// Bin `i` of `count` over `size` elements: floor(i size / count) ..< ceil((i + 1) size / count).
INLINE taps adaptive_taps(size_t i, size_t count, size_t size) {
    size_t from = i * size / count, end = ((i + 1) * size + count - 1) / count;
    return (taps){0, end - from, from};
}

INLINE bin adaptive_bin(sotto_bins s, size_t oy, size_t ox) {
    taps rows = adaptive_taps(oy, s.output_height, s.height), columns = adaptive_taps(ox, s.output_width, s.width);
    return (bin){rows, columns, 1, 1};
}

INLINE void adaptive_pool_body(const float *restrict image, sotto_bins s, float *restrict output) {
    for (size_t oy = 0; oy < s.output_height; oy++) {
        for (size_t ox = 0; ox < s.output_width; ox++, output += s.channels) {
            bin b = adaptive_bin(s, oy, ox);
            float divisor = (float)bin_count(b);
            FOR_CHANNEL_BLOCKS(s.channels, average_of_bin(image, s.width, s.channels, b, divisor, c, block, output))
        }
    }
}

LEVELS void sotto_adaptive_average_pool(const float *image, sotto_bins bins, float *output) {
    adaptive_pool_body(image, bins, output);
}

void sotto_adaptive_average_pool_portable(const float *image, sotto_bins bins, float *output) {
    adaptive_pool_body(image, bins, output);
}

INLINE void adaptive_pool_backward_body(const float *restrict output_gradient, sotto_bins s,
                                        float *restrict image_gradient) {
    memset(image_gradient, 0, s.channels * s.height * s.width * sizeof(float));
    for (size_t oy = 0; oy < s.output_height; oy++) {
        for (size_t ox = 0; ox < s.output_width; ox++, output_gradient += s.channels) {
            bin b = adaptive_bin(s, oy, ox);
            spread_over_bin(output_gradient, s.width, s.channels, b, (float)bin_count(b), image_gradient);
        }
    }
}

LEVELS void sotto_adaptive_average_pool_backward(const float *output_gradient, sotto_bins bins,
                                                 float *image_gradient) {
    adaptive_pool_backward_body(output_gradient, bins, image_gradient);
}

void sotto_adaptive_average_pool_backward_portable(const float *output_gradient, sotto_bins bins,
                                                   float *image_gradient) {
    adaptive_pool_backward_body(output_gradient, bins, image_gradient);
}
