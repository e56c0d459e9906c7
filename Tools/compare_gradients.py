#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `sotto gradients` with PyTorch in Float64: per-example norms, and sums of clipped per-example gradients.

    Tools/compare_gradients.py [--models tanh-cnn,vgg11] [--methods ghost,book-keeping] [--examples 8] [--seed 0]
                               [--grid training]

Weights, inputs and labels are drawn from the seed and written as safetensors files. Prints relative errors in L2 over
the whole vector and, for the norms, the worst one; exits 1 where one is above the tolerance. On the training grid, with
step g, the sum's error is printed in units of g√d an example, and must be at most 1. Needs torch, safetensors.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/Fixtures/networks"))
from layers import build  # noqa: E402
from make_fixtures import clipped_sum, flat, per_example  # noqa: E402
from presets import PRESETS  # noqa: E402

METHODS = "none per-example exact ghost mixed-ghost book-keeping book-keeping-mix per-layer auto".split()
CLASSES = 10


def layer_of(path):
    """The layer that a parameter belongs to: `per-layer` has one threshold for each."""
    return path.rpartition(".")[0]


class Truth:
    """Norms and clipped sums of one network on one batch, one example at a time."""

    def __init__(self, network, x, y):
        self.names = [name for name, _ in network.named_parameters()]
        _, _, self.gradients = per_example(network.double(), x.double(), y)
        self.tensor_norms = torch.stack([g.flatten(1).norm(dim=1) for g in self.gradients], dim=1)
        self.norms = self.tensor_norms.norm(dim=1)

    def sum(self, method, clip):
        if method == "none":
            return flat([g.sum(dim=0) for g in self.gradients])
        if method != "per-layer":
            return flat(clipped_sum(self.gradients, self.norms, clip))
        layers = [layer_of(name) for name in self.names]
        each = clip / len(set(layers)) ** 0.5
        parts = []
        for gradient, layer in zip(self.gradients, layers):
            columns = [i for i, other in enumerate(layers) if other == layer]
            parts += clipped_sum([gradient], self.tensor_norms[:, columns].norm(dim=1), each)
        return flat(parts)


def write_inputs(model, examples, seed, folder):
    """The network, its inputs and labels, and the same as files: weights.safetensors, batch.safetensors."""
    torch.manual_seed(seed)
    shape, layers = PRESETS[model]
    network = build(layers, shape)
    scales = 2.0 ** torch.randint(-2, 3, [examples] + [1] * len(shape))  # so that the norms differ
    x, y = torch.randn([examples] + shape) * scales, torch.randint(0, CLASSES, [examples])
    save_file(network.state_dict(), folder / "weights.safetensors", metadata={"format": "pt"})
    save_file({"x": x, "y": y.float()}, folder / "batch.safetensors")
    return network, x, y


def run_sotto(arguments, model, method, clip, folder):
    output = folder / f"{method}.safetensors"
    command = [
        str(arguments.sotto), "gradients", "--model", model, "--weights", str(folder / "weights.safetensors"),
        "--batch", str(folder / "batch.safetensors"), "--clip", repr(clip), "--clipping", method,
        "--precision", arguments.precision, "--grid", arguments.grid, "--out", str(output), "--json",
    ]  # fmt: skip
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return load_file(output), 2.0 ** -report["gridExponent"]


def relative(ours, truth):
    return ((ours - truth).norm() / truth.norm()).item()


def compare(arguments, model):
    """Prints a line for every method; returns how many are wrong."""
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        examples = min(arguments.examples, 4) if model == "vgg11" else arguments.examples
        network, x, y = write_inputs(model, examples, arguments.seed, folder)
        truth = Truth(network, x, y)
        # Between the norms, so that some examples are clipped and some are not; exact in float32.
        clip = arguments.clip or (truth.norms.median() * 1.001).float().item()
        for method in arguments.methods:
            ours, step = run_sotto(arguments, model, method, clip, folder)
            sums = flat([ours[f"sum/{path}"].double() for path in truth.names])
            right_sum = truth.sum(method, clip)
            limit = arguments.tolerance
            if arguments.grid == "training" and method != "none":
                unit = step * len(sums) ** 0.5 * examples
                sum_error, limit = ((sums - right_sum).norm() / unit).item(), 1.0
            else:
                sum_error = relative(sums, right_sum)
            norm_error = ((ours["norms"].double() - truth.norms).abs() / truth.norms).max().item()
            right = sum_error <= limit and norm_error <= arguments.tolerance  # false for NaN
            wrong += not right
            mark = "" if right else "  WRONG"
            print(f"{model:<16}{method:<18}{sum_error:>10.1e}{norm_error:>10.1e}{mark}", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=lambda text: text.split(","), default=list(PRESETS))
    parser.add_argument("--methods", type=lambda text: text.split(","), default=METHODS)
    parser.add_argument("--examples", type=int, default=8, help="at most 4 are taken for vgg11")
    parser.add_argument("--clip", type=float, help="by default just above the median norm")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--grid", choices=["fine", "training"], default="fine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tolerance", type=float, default=1e-5)
    parser.add_argument("--sotto", type=Path, default=ROOT / ".build/release/sotto")
    arguments = parser.parse_args()
    unknown = [model for model in arguments.models if model not in PRESETS]
    if unknown:
        parser.error(f"no such model: {unknown[0]}; there are {', '.join(PRESETS)}")
    print(f"{'model':<16}{'method':<18}{'sum':>10}{'norms':>10}")
    return 1 if sum(compare(arguments, model) for model in arguments.models) else 0


if __name__ == "__main__":
    sys.exit(main())
