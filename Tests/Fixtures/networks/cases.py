# SPDX-License-Identifier: Apache-2.0
"""What is computed: name, input and layers of every case. make_fixtures.py writes the same list to cases.json."""

import presets
from layers import (
    FLATTEN, GELU, GELU_TANH, LAST_PLACE, MEAN_OVER_PLACES, RELU, SIGMOID, SILU, TANH, adaptive_average_pool, attention,
    average_pool, conv2d, embedding, group_norm, gru, layer_norm, linear, lstm, max_pool, residual, rms_norm,
    standardized_conv2d,
)  # fmt: skip

# Cases whose parameters and inputs are drawn by a formula, with the formula's seed: name, preset, input, layers, gain,
# examples. The first seven are the ones that SafetensorsTests and PyTorchTests have known from the beginning.
DRAWN = [
    ("logistic", "logistic", [8, 8], presets.logistic(10), 1, 5),
    ("mlp", "mlp", [1, 8, 8], presets.mlp(10), 1, 5),
    ("tanh-cnn", "tanh-cnn", [1, 28, 28], presets.tanh_cnn(10), 1, 5),
    ("conv-rectangle", None, [3, 7, 9], [
        conv2d(4, (3, 2), stride=(2, 1), padding=(1, 0)), TANH,
        conv2d(2, (2, 3), stride=(1, 2), padding=(0, 2)), FLATTEN, linear(3),
    ], 1, 5),
    ("conv-padded", None, [2, 6, 6], [
        conv2d(3, 3, stride=2, padding=1), RELU, conv2d(4, 5, padding=2), max_pool(2, stride=1), FLATTEN, linear(4),
    ], 1, 5),
    ("pool-overlapping", None, [1, 11, 11], [
        conv2d(3, 1), TANH, max_pool(3, stride=2), conv2d(5, 4, stride=3, padding=3), FLATTEN, linear(2),
    ], 1, 5),
    ("pool-apart", None, [1, 8, 8], [
        conv2d(2, 7, padding=3), max_pool(2, stride=3), RELU, FLATTEN, linear(6), TANH, linear(5),
    ], 1, 5),
    ("simple-convnet", "simple-convnet", [3, 32, 32], presets.simple_convnet(10), 2.5, 5),
    ("larger-convnet", "larger-convnet", [3, 32, 32], presets.larger_convnet(10), 2.5, 5),
    ("vgg11", "vgg11", [3, 32, 32], presets.vgg11(10), 2.5, 3),
    ("cifar-tanh-cnn", "cifar-tanh-cnn", [3, 32, 32], presets.cifar_tanh_cnn(10), 1.5, 5),
    ("mlp-mnist", "mlp", [1, 28, 28], presets.mlp(10), 1.5, 5),
]  # fmt: skip

IMAGE = [4, 7, 6]
PLACES = [6, 5]


def conv(*layers):
    """On an image: a 1 × 1 convolution, so that the input's gradient matters too, the layers, and a classifier."""
    return [conv2d(IMAGE[0], 1), *layers, TANH, FLATTEN, linear(3)]


def image(*layers):
    return [conv2d(3, 3, padding=1), *layers, FLATTEN, linear(3)]


def places(*layers, head=MEAN_OVER_PLACES):
    return [linear(6), *layers, head, linear(3)]


def vector(*layers):
    return [linear(6), *layers, linear(3)]


TRANSFORMER = [
    residual(layer_norm(), attention(2, causal=True)),
    residual(layer_norm(), linear(16), GELU, linear(8)),
]

# Cases whose parameters and inputs are in their files: name, input, layers.
STORED = [
    ("linear-vector", [7], [linear(5), TANH, linear(3)]),
    ("linear-no-bias", [7], [linear(5, bias=False), TANH, linear(3, bias=False)]),
    ("linear-places", PLACES, [linear(4), TANH, linear(6), TANH, MEAN_OVER_PLACES, linear(3)]),
    ("linear-rank-3", [2, 3, 5], [linear(4), TANH, linear(3), FLATTEN, linear(3)]),
    ("conv2d-stride", IMAGE, conv(conv2d(3, 3, stride=2))),
    ("conv2d-padding", IMAGE, conv(conv2d(3, 3, padding=2))),
    ("conv2d-dilation", IMAGE, conv(conv2d(3, 3, padding=1, dilation=2))),
    ("conv2d-groups-2", IMAGE, conv(conv2d(6, 3, padding=1, groups=2))),
    ("conv2d-groups-3", [6, 5, 6], [conv2d(9, 1, groups=3), TANH, conv2d(6, 3, groups=3), TANH, FLATTEN, linear(3)]),
    ("conv2d-depthwise", IMAGE, conv(conv2d(4, 3, padding=1, groups=4))),
    ("conv2d-depthwise-twice", IMAGE, conv(conv2d(8, 3, stride=2, padding=1, groups=4))),
    ("conv2d-1x1", IMAGE, conv(conv2d(5, 1, stride=2))),
    ("conv2d-rectangle", IMAGE, conv(conv2d(4, (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 1), groups=2))),
    ("conv2d-no-bias", IMAGE, conv(conv2d(3, 3, bias=False))),
    ("conv2d-one-place", IMAGE, conv(conv2d(5, (7, 6)))),
    ("conv2d-standardized", IMAGE, conv(standardized_conv2d(3, 3, padding=1))),
    ("conv2d-standardized-groups", IMAGE, conv(standardized_conv2d(6, 3, stride=2, groups=2, bias=False))),
    ("embedding-mean", [7], [embedding(6, 4), TANH, MEAN_OVER_PLACES, linear(3)]),
    ("embedding-flatten", [7], [embedding(6, 4), FLATTEN, linear(3)]),
    ("embedding-padding", [7], [embedding(6, 4, padding_index=2), TANH, FLATTEN, linear(3)]),
    ("layer-norm-vector", [7], vector(layer_norm(), TANH)),
    ("layer-norm-places", PLACES, places(layer_norm(), TANH)),
    ("layer-norm-matrix", PLACES, places(layer_norm(axes=2), TANH)),
    ("layer-norm-image", [2, 5, 4], image(layer_norm(axes=3), TANH)),
    ("rms-norm-vector", [7], vector(rms_norm(), TANH)),
    ("rms-norm-places", PLACES, places(rms_norm(), TANH)),
    ("group-norm-1", [2, 5, 4], [conv2d(4, 3, padding=1), group_norm(1), TANH, FLATTEN, linear(3)]),
    ("group-norm-2", [2, 5, 4], [conv2d(4, 3, padding=1), group_norm(2), TANH, FLATTEN, linear(3)]),
    ("group-norm-each", [2, 5, 4], [conv2d(4, 3, padding=1), group_norm(4), TANH, FLATTEN, linear(3)]),
    ("attention-1", PLACES, places(attention(1))),
    ("attention-2", PLACES, places(attention(2))),
    ("attention-causal", PLACES, places(attention(3, causal=True))),
    ("attention-causal-last", PLACES, places(attention(2, causal=True), head=LAST_PLACE)),
    ("attention-no-bias", PLACES, places(attention(2, bias=False))),
    ("lstm-last", [6, 4], [lstm(5), LAST_PLACE, linear(3)]),
    ("lstm-mean", [6, 4], [linear(4), lstm(8), MEAN_OVER_PLACES, linear(3)]),
    ("lstm-no-bias", [6, 4], [lstm(5, bias=False), MEAN_OVER_PLACES, linear(3)]),
    ("lstm-one-place", [1, 4], [lstm(5), LAST_PLACE, linear(3)]),
    ("lstm-two-layers", [6, 4], [lstm(6), lstm(5), LAST_PLACE, linear(3)]),
    ("gru-last", [6, 4], [gru(5), LAST_PLACE, linear(3)]),
    ("gru-mean", [6, 4], [linear(4), gru(8), MEAN_OVER_PLACES, linear(3)]),
    ("gru-no-bias", [6, 4], [gru(5, bias=False), LAST_PLACE, linear(3)]),
    ("gru-two-layers", [6, 4], [gru(6), gru(5), MEAN_OVER_PLACES, linear(3)]),
    ("max-pool", [2, 7, 6], image(max_pool(2, stride=2))),
    ("max-pool-overlapping", [2, 7, 6], image(max_pool(3, stride=2, padding=1))),
    ("max-pool-rectangle", [2, 7, 6], image(max_pool((3, 2), stride=(1, 3), padding=(1, 0)))),
    ("average-pool", [2, 7, 6], image(TANH, average_pool(2, stride=2))),
    ("average-pool-padding", [2, 7, 6], image(TANH, average_pool(3, stride=2, padding=1))),
    ("average-pool-uncounted", [2, 7, 6], image(TANH, average_pool(3, stride=2, padding=1, count_padding=False))),
    ("average-pool-rectangle", [2, 7, 6], image(TANH, average_pool((2, 3), stride=(3, 1), padding=(0, 1)))),
    ("adaptive-average-pool-1", [2, 7, 6], image(TANH, adaptive_average_pool(1))),
    ("adaptive-average-pool-uneven", [2, 7, 5], image(TANH, adaptive_average_pool((3, 2)))),
    ("relu", [7], vector(RELU)),
    ("tanh", [7], vector(TANH)),
    ("sigmoid", [7], vector(SIGMOID)),
    ("gelu", [7], vector(GELU)),
    ("gelu-tanh", [7], vector(GELU_TANH)),
    ("silu", [7], vector(SILU)),
    ("residual-linear", [7], vector(residual(linear(6), TANH))),
    ("residual-conv", IMAGE, conv(residual(conv2d(5, 3, padding=1), RELU, conv2d(4, 1)))),
    ("residual-nested", [7], vector(residual(linear(6), residual(TANH, linear(6)), SILU), TANH)),
    ("residual-first", PLACES, [residual(linear(5), TANH), MEAN_OVER_PLACES, linear(3)]),
    ("convnet-norms", IMAGE, [
        standardized_conv2d(6, 3, padding=1, bias=False), group_norm(3), RELU,
        residual(group_norm(2), RELU, standardized_conv2d(6, 3, padding=1, bias=False)),
        average_pool(2, stride=2), conv2d(6, 3, padding=1, groups=6), SILU, adaptive_average_pool(1), FLATTEN,
        linear(3),
    ]),
    ("encoder-block", PLACES, [
        linear(8), residual(rms_norm(), attention(4)), residual(rms_norm(), linear(12), GELU_TANH, linear(8)),
        layer_norm(), MEAN_OVER_PLACES, linear(3),
    ]),
    ("sequence-lstm", [12], [embedding(50, 16, padding_index=0), lstm(24), lstm(24), LAST_PLACE, linear(5)]),
    ("sequence-attention", [16], [
        embedding(50, 32, padding_index=0), residual(layer_norm(), attention(4)), rms_norm(), MEAN_OVER_PLACES,
        linear(5),
    ]),
]  # fmt: skip

# The same with a label for every place, -1 where it does not count; the last example has no label that does.
STORED_PER_TOKEN = [
    ("tokens-linear", PLACES, [linear(6), TANH, linear(4)]),
    ("tokens-embedding", [7], [embedding(6, 4), TANH, linear(6)]),
    ("tokens-lstm", [7], [embedding(6, 4, padding_index=0), lstm(5), linear(6)]),
    ("tokens-gru", [7], [embedding(6, 4), gru(5), linear(6)]),
    ("tokens-transformer", [7], [embedding(9, 8), *TRANSFORMER, layer_norm(), linear(9, bias=False)]),
]
