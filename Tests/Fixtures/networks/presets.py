# SPDX-License-Identifier: Apache-2.0
"""The presets that are networks of the papers, as lists of layers: name -> (input shape, layers)."""

from layers import FLATTEN, RELU, TANH, adaptive_average_pool, average_pool, conv2d, linear, max_pool


def logistic(classes):
    return [FLATTEN, linear(classes)]


def mlp(classes):
    return [FLATTEN, linear(512), RELU, linear(256), RELU, linear(classes)]


def tanh_cnn(classes):
    return [
        conv2d(16, 8, stride=2, padding=3), TANH, max_pool(2, stride=1),
        conv2d(32, 4, stride=2), TANH, max_pool(2, stride=1),
        FLATTEN, linear(32), TANH, linear(classes),
    ]  # fmt: skip


def cifar_tanh_cnn(classes):
    layers = []
    for width in (32, 64, 128):
        layers += [conv2d(width, 3, padding=1), TANH, conv2d(width, 3, padding=1), TANH, max_pool(2, stride=2)]
    return layers + [FLATTEN, linear(128), TANH, linear(classes)]


def simple_convnet(classes):
    return [
        conv2d(6, 5), RELU, max_pool(2, stride=2), conv2d(16, 5), RELU, max_pool(2, stride=2),
        FLATTEN, linear(120), RELU, linear(84), RELU, linear(classes),
    ]  # fmt: skip


def larger_convnet(classes):
    layers = []
    for width in (32, 64, 64):
        layers += [conv2d(width, 3, padding=1), RELU, average_pool(2, stride=2)]
    return layers + [conv2d(128, 3, padding=1), RELU, adaptive_average_pool(1), FLATTEN, linear(classes)]


def vgg11(classes):
    layers = []
    for stage in ([64], [128], [256, 256], [512, 512], [512, 512]):
        for width in stage:
            layers += [conv2d(width, 3, padding=1), RELU]
        layers.append(max_pool(2, stride=2))
    return layers + [FLATTEN, linear(4096), RELU, linear(classes)]


PRESETS = {
    "logistic": ([1, 28, 28], logistic(10)),
    "mlp": ([1, 28, 28], mlp(10)),
    "tanh-cnn": ([1, 28, 28], tanh_cnn(10)),
    "cifar-tanh-cnn": ([3, 32, 32], cifar_tanh_cnn(10)),
    "simple-convnet": ([3, 32, 32], simple_convnet(10)),
    "larger-convnet": ([3, 32, 32], larger_convnet(10)),
    "vgg11": ([3, 32, 32], vgg11(10)),
}
