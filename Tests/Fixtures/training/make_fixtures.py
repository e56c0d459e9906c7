# SPDX-License-Identifier: Apache-2.0
"""Clipped sums and momentum steps by PyTorch in Float64, as truth for TrainingTests.

    python3 -m venv env && env/bin/pip install torch numpy && env/bin/python make_fixtures.py

Reads the digits as the package ships them (../datasets/digits.csv). Parameters are not stored: both sides draw them
from SplitMix64, seed 7.
"""

import json

import numpy as np
import torch
from torch import nn

EXAMPLES = 70  # more than two tiles of 32
STORED_AT_MOST = 1_000  # coordinates of a sum; of a longer one, every n-th is stored


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def unit_float(self):
        """A multiple of 2^-24 in [0, 1)."""
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        z ^= z >> 31
        return np.float32(z >> 40) * np.float32(2.0**-24)


def build(name):
    if name == "logistic":
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
    )


def clipped_sum(name, clip, features, labels):
    stream = SplitMix64(7)
    model = build(name).double()
    for parameter in model.parameters():
        values = [(np.float32(2) * stream.unit_float() - np.float32(1)) / np.float32(8) for _ in range(parameter.numel())]
        with torch.no_grad():
            parameter.copy_(torch.tensor(np.array(values)).double().reshape(parameter.shape))
    total = torch.zeros(sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    clipped = 0
    for x, y in zip(features, labels):
        loss = nn.functional.cross_entropy(model(x[None]), y[None])
        gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])
        factor = min(1.0, clip / gradient.norm().item())
        clipped += factor < 1
        total += factor * gradient
    stride = -(-len(total) // STORED_AT_MOST)
    return {
        "model": name,
        "clip": clip,
        "clipped": clipped,
        "norm": total.norm().item(),
        "stride": stride,
        "sum": total[::stride].tolist(),
    }


def momentum():
    generator = np.random.default_rng(1)
    start = generator.standard_normal(5).astype(np.float32)
    sums = generator.integers(-(2**20), 2**20, size=(6, 5))
    scale = 2.0**-18 / 3
    parameter = torch.tensor(start, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], lr=0.5, momentum=0.9)
    steps = []
    for row in sums:
        parameter.grad = torch.tensor((row.astype(np.float64) * scale).astype(np.float32))
        optimizer.step()
        steps.append(parameter.detach().tolist())
    state = optimizer.state[parameter]["momentum_buffer"].tolist()
    return {
        "learningRate": 0.5,
        "momentum": 0.9,
        "scale": scale,
        "start": start.tolist(),
        "sums": sums.tolist(),
        "parameters": steps,
        "velocity": state,
    }


def main():
    rows = np.loadtxt("../datasets/digits.csv", delimiter=",")
    train = rows[np.arange(len(rows)) % 5 != 4][:EXAMPLES]
    features = torch.tensor(train[:, :64] / 16)
    labels = torch.tensor(train[:, 64]).long()
    fixture = {
        "torch": torch.__version__,
        "examples": EXAMPLES,
        "sums": [
            clipped_sum("logistic", 1.0, features, labels),
            clipped_sum("logistic", 4.0, features, labels),
            clipped_sum("mlp", 3.5, features, labels),
        ],
        "momentum": momentum(),
    }
    with open("training.json", "w") as file:
        json.dump(fixture, file)
        file.write("\n")


if __name__ == "__main__":
    main()
