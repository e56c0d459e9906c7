# SPDX-License-Identifier: Apache-2.0
"""Per-example gradients of small networks by PyTorch in Float64, as truth for NetworksTests.

    python3 -m venv env && env/bin/pip install torch numpy safetensors && env/bin/python make_fixtures.py

Parameters and inputs are not stored: both sides draw them from SplitMix64 (seed = the case's number), parameters first.
"""

import math

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

EXAMPLES = 5
STORED_AT_MOST = 12_000  # coordinates of a gradient sum; of a longer one, every n-th is stored


class SplitMix64:
    def __init__(self, seed):
        self.state = np.uint64(seed)

    def unit_floats(self, count):
        """Multiples of 2^-24 in [0, 1), as float32."""
        golden = np.uint64(0x9E3779B97F4A7C15)
        with np.errstate(over="ignore"):
            z = self.state + golden * np.arange(1, count + 1, dtype=np.uint64)
            self.state = self.state + golden * np.uint64(count)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
        return (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def logistic():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def mlp():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
    )


def tanh_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, 8, 2, 3), nn.Tanh(), nn.MaxPool2d(2, 1),
        nn.Conv2d(16, 32, 4, 2), nn.Tanh(), nn.MaxPool2d(2, 1),
        nn.Flatten(), nn.Linear(512, 32), nn.Tanh(), nn.Linear(32, 10),
    )  # fmt: skip


def conv_rectangle():
    return nn.Sequential(
        nn.Conv2d(3, 4, (3, 2), (2, 1), (1, 0)), nn.Tanh(),
        nn.Conv2d(4, 2, (2, 3), (1, 2), (0, 2)), nn.Flatten(), nn.Linear(30, 3),
    )  # fmt: skip


def conv_padded():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, 2, 1), nn.ReLU(), nn.Conv2d(3, 4, 5, 1, 2), nn.MaxPool2d(2, 1),
        nn.Flatten(), nn.Linear(16, 4),
    )  # fmt: skip


def pool_overlapping():
    return nn.Sequential(
        nn.Conv2d(1, 3, 1, 1, 0), nn.Tanh(), nn.MaxPool2d(3, 2), nn.Conv2d(3, 5, 4, 3, 3),
        nn.Flatten(), nn.Linear(45, 2),
    )  # fmt: skip


def pool_apart():
    return nn.Sequential(
        nn.Conv2d(1, 2, 7, 1, 3), nn.MaxPool2d(2, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(18, 6), nn.Tanh(), nn.Linear(6, 5),
    )  # fmt: skip


CASES = [
    ("logistic", logistic, [8, 8]),
    ("mlp", mlp, [1, 8, 8]),
    ("tanh-cnn", tanh_cnn, [1, 28, 28]),
    ("conv-rectangle", conv_rectangle, [3, 7, 9]),
    ("conv-padded", conv_padded, [2, 6, 6]),
    ("pool-overlapping", pool_overlapping, [1, 11, 11]),
    ("pool-apart", pool_apart, [1, 8, 8]),
]


def make(number, name, build, shape):
    stream = SplitMix64(number)
    model = build().double()
    for parameter_name, parameter in model.named_parameters():
        module = model.get_submodule(parameter_name.split(".")[0])
        fan_in = np.float32(math.prod(module.weight.shape[1:]))
        bound = np.float32(1) / np.sqrt(fan_in)
        values = (np.float32(2) * stream.unit_floats(parameter.numel()) - np.float32(1)) * bound
        assert values.dtype == np.float32
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(values).reshape(parameter.shape))
    x = stream.unit_floats(EXAMPLES * math.prod(shape)).reshape([EXAMPLES] + shape)
    x = torch.from_numpy(x).double()
    logits = model(x)
    classes = logits.shape[1]
    y = torch.tensor([(3 * i + 1) % classes for i in range(EXAMPLES)])
    losses = nn.functional.cross_entropy(logits, y, reduction="none")
    gradients = []
    for i in range(EXAMPLES):
        parts = torch.autograd.grad(losses[i], list(model.parameters()), retain_graph=True)
        gradients.append(torch.cat([part.flatten() for part in parts]))
    gradients = torch.stack(gradients)
    norms = gradients.norm(dim=1)
    # One clip between the norms, so that some examples are clipped and some are not, and one below all of them.
    clips = np.array([norms.median().item() * 1.001, norms.min().item() / 8], dtype=np.float32)
    stride = -(-gradients.shape[1] // STORED_AT_MOST)
    tensors = {
        "y": y.float(), "logits": logits.detach(), "losses": losses.detach(), "norms": norms,
        "clips": torch.from_numpy(clips), "stride": torch.tensor([stride]),
    }  # fmt: skip
    for index, clip in enumerate(clips.astype(np.float64)):
        total = (gradients * torch.clamp(clip / norms, max=1)[:, None]).sum(dim=0)
        tensors[f"sum{index}"] = total[::stride]
    arrays = {key: np.ascontiguousarray(value.numpy().astype(np.float32)) for key, value in tensors.items()}
    save_file(arrays, f"{name}.safetensors", metadata={"torch": torch.__version__})


if __name__ == "__main__":
    for number, case in enumerate(CASES):
        make(number, *case)
