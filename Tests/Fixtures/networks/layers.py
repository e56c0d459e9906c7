# SPDX-License-Identifier: Apache-2.0
"""Lists of layers, as they stand in cases.json, and the PyTorch modules that they mean.

A layer is a dictionary with its `kind` and every setting of that kind. A list becomes an `nn.Sequential` in which every
layer has an index, those without parameters too, so that names of parameters are `0.weight`, `3.1.bias`, ... README.md
says what each kind is.
"""

import math

import torch
from torch import nn


def pair(value):
    return [value, value] if isinstance(value, int) else list(value)


def linear(outputs, bias=True):
    return {"kind": "linear", "outputs": outputs, "bias": bias}


def conv2d(outputs, kernel, stride=1, padding=0, dilation=1, groups=1, bias=True):
    return {
        "kind": "conv2d", "outputs": outputs, "kernel": pair(kernel), "stride": pair(stride), "padding": pair(padding),
        "dilation": pair(dilation), "groups": groups, "bias": bias, "standardized": False,
    }  # fmt: skip


def standardized_conv2d(*arguments, epsilon=1e-6, **settings):
    return conv2d(*arguments, **settings) | {"standardized": True, "epsilon": epsilon}


def embedding(vocabulary, width, padding_index=None):
    layer = {"kind": "embedding", "vocabulary": vocabulary, "width": width}
    return layer if padding_index is None else layer | {"padding-index": padding_index}


def layer_norm(axes=1, epsilon=1e-5):
    return {"kind": "layer-norm", "axes": axes, "epsilon": epsilon}


def rms_norm(axes=1, epsilon=1e-6):
    return {"kind": "rms-norm", "axes": axes, "epsilon": epsilon}


def group_norm(groups, epsilon=1e-5):
    return {"kind": "group-norm", "groups": groups, "epsilon": epsilon}


def attention(heads, causal=False, bias=True):
    return {"kind": "attention", "heads": heads, "causal": causal, "bias": bias}


def lstm(hidden, bias=True):
    return {"kind": "lstm", "hidden": hidden, "bias": bias}


def gru(hidden, bias=True):
    return {"kind": "gru", "hidden": hidden, "bias": bias}


def max_pool(kernel, stride, padding=0):
    return {"kind": "max-pool", "kernel": pair(kernel), "stride": pair(stride), "padding": pair(padding)}


def average_pool(kernel, stride, padding=0, count_padding=True):
    pool = {"kind": "average-pool", "kernel": pair(kernel), "stride": pair(stride), "padding": pair(padding)}
    return pool | {"count-padding": count_padding}


def adaptive_average_pool(outputs):
    return {"kind": "adaptive-average-pool", "outputs": pair(outputs)}


def residual(*layers):
    return {"kind": "residual", "layers": list(layers)}


RELU, TANH, SIGMOID, SILU = ({"kind": kind} for kind in ("relu", "tanh", "sigmoid", "silu"))
GELU, GELU_TANH = {"kind": "gelu"}, {"kind": "gelu-tanh"}
FLATTEN, MEAN_OVER_PLACES, LAST_PLACE = ({"kind": kind} for kind in ("flatten", "mean-over-places", "last-place"))


class StandardizedConv2d(nn.Conv2d):
    """A convolution whose weight has, in every output channel, mean 0 and (biased) variance 1 (timm's StdConv2d)."""

    def __init__(self, *arguments, epsilon, **settings):
        super().__init__(*arguments, **settings)
        self.epsilon = epsilon

    def forward(self, x):
        flat = self.weight.flatten(1)
        variance, mean = torch.var_mean(flat, dim=1, correction=0, keepdim=True)
        weight = ((flat - mean) / torch.sqrt(variance + self.epsilon)).reshape(self.weight.shape)
        return self._conv_forward(x, weight, self.bias)


class SelfAttention(nn.MultiheadAttention):
    def __init__(self, width, heads, causal, bias):
        super().__init__(width, heads, bias=bias, batch_first=True)
        self.causal = causal

    def forward(self, x):
        places = x.shape[1]
        mask = torch.ones(places, places, dtype=torch.bool).triu(1) if self.causal else None
        return super().forward(x, x, x, attn_mask=mask, need_weights=False)[0]


class LSTM(nn.LSTM):
    def forward(self, x):
        return super().forward(x)[0]


class GRU(nn.GRU):
    def forward(self, x):
        return super().forward(x)[0]


class MeanOverPlaces(nn.Module):
    def forward(self, x):
        return x.mean(dim=1)


class LastPlace(nn.Module):
    def forward(self, x):
        return x[:, -1]


class TokenEmbedding(nn.Embedding):
    """Takes token ids as floats, as they stand in the files."""

    def forward(self, x):
        return super().forward(x.long())


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


def module(layer, shape):
    """The module of one layer whose input has `shape` (without the batch)."""
    get = layer.get
    window = [tuple(layer[key]) for key in ("kernel", "stride", "padding") if key in layer]
    match layer["kind"]:
        case "linear":
            return nn.Linear(shape[-1], layer["outputs"], bias=layer["bias"])
        case "conv2d":
            settings = dict(dilation=tuple(layer["dilation"]), groups=layer["groups"], bias=layer["bias"])
            if layer["standardized"]:
                return StandardizedConv2d(shape[0], layer["outputs"], *window, epsilon=layer["epsilon"], **settings)
            return nn.Conv2d(shape[0], layer["outputs"], *window, **settings)
        case "embedding":
            return TokenEmbedding(layer["vocabulary"], layer["width"], padding_idx=get("padding-index"))
        case "layer-norm":
            return nn.LayerNorm(shape[-layer["axes"] :], eps=layer["epsilon"])
        case "rms-norm":
            return nn.RMSNorm(shape[-layer["axes"] :], eps=layer["epsilon"])
        case "group-norm":
            return nn.GroupNorm(layer["groups"], shape[0], eps=layer["epsilon"])
        case "attention":
            return SelfAttention(shape[-1], layer["heads"], layer["causal"], layer["bias"])
        case "lstm":
            return LSTM(shape[-1], layer["hidden"], bias=layer["bias"], batch_first=True)
        case "gru":
            return GRU(shape[-1], layer["hidden"], bias=layer["bias"], batch_first=True)
        case "max-pool":
            return nn.MaxPool2d(*window)
        case "average-pool":
            return nn.AvgPool2d(*window, count_include_pad=layer["count-padding"])
        case "adaptive-average-pool":
            return nn.AdaptiveAvgPool2d(tuple(layer["outputs"]))
        case "residual":
            return Residual(*build(layer["layers"], shape))
        case "gelu-tanh":
            return nn.GELU(approximate="tanh")
        case kind:
            plain = {
                "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "silu": nn.SiLU,
                "flatten": nn.Flatten, "mean-over-places": MeanOverPlaces, "last-place": LastPlace,
            }  # fmt: skip
            return plain[kind]()


def build(layers, shape):
    """The network of a list of layers for inputs of `shape` (without the batch), in the default precision."""
    modules, x = [], torch.zeros([1] + list(shape))
    for layer in layers:
        modules.append(module(layer, list(x.shape[1:])))
        with torch.no_grad():
            x = modules[-1](x)
    return nn.Sequential(*modules)


def parameter_count(network):
    return sum(math.prod(parameter.shape) for parameter in network.parameters())
