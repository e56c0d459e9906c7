# SPDX-License-Identifier: Apache-2.0
"""Samples a second of one training step by PyTorch and Opacus: forward, backward, clip, noise, SGD on random data.

    python torch_peers.py --model larger-convnet --method opacus-ghost --batch 256 --seconds 3

One process for each model and method, so that peak memory is the process's own. Prints one JSON object.
"""

import argparse
import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Tests/Fixtures/networks"))
from layers import build, parameter_count  # noqa: E402
from presets import PRESETS  # noqa: E402

CLASSES = 10
CLIP = 1.0
NOISE_MULTIPLIER = 1.0
LEARNING_RATE = 0.1


def plain(network, x, y):
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE)

    def step():
        optimizer.zero_grad()
        cross_entropy(network(x), y).backward()
        optimizer.step()

    return step


def opacus(network, x, y):
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer

    network = GradSampleModule(network)
    optimizer = private(DPOptimizer, network, len(x))

    def step():
        optimizer.zero_grad()
        cross_entropy(network(x), y).backward()
        optimizer.step()

    return step


def opacus_ghost(network, x, y):
    from opacus.grad_sample import GradSampleModuleFastGradientClipping
    from opacus.optimizers.optimizer_fast_gradient_clipping import DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    network = GradSampleModuleFastGradientClipping(network, max_grad_norm=CLIP, use_ghost_clipping=True)
    optimizer = private(DPOptimizerFastGradientClipping, network, len(x))
    criterion = DPLossFastGradientClipping(network, optimizer, torch.nn.CrossEntropyLoss())

    def step():
        optimizer.zero_grad()
        criterion(network(x), y).backward()
        optimizer.step()

    return step


def private(kind, network, batch):
    inner = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE)
    return kind(inner, noise_multiplier=NOISE_MULTIPLIER, max_grad_norm=CLIP, expected_batch_size=batch)


METHODS = {"plain": plain, "opacus": opacus, "opacus-ghost": opacus_ghost}


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(model, method, batch, seconds):
    """The median over at least `seconds` and three steps, after two that warm up."""
    shape, layers = PRESETS[model]
    network = build(layers, shape).train()
    x, y = torch.randn([batch] + shape), torch.randint(0, CLASSES, [batch])
    parameters, base = parameter_count(network), peak_mib()
    step = METHODS[method](network, x, y)
    step()
    step()
    durations = []
    while sum(durations) < seconds or len(durations) < 3:
        start = time.perf_counter()
        step()
        durations.append(time.perf_counter() - start)
    median = sorted(durations)[len(durations) // 2]
    return {
        "model": model, "method": method, "batch": batch, "parameters": parameters,
        "samplesPerSecond": batch / median, "stepMilliseconds": 1000 * median, "baseMiB": base, "peakMiB": peak_mib(),
        "torch": torch.__version__,
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=PRESETS, required=True)
    parser.add_argument("--method", choices=METHODS, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    result = measure(arguments.model, arguments.method, arguments.batch, arguments.seconds)
    print(json.dumps(result, separators=(",", ":")))
