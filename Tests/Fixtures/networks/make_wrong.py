# SPDX-License-Identifier: Apache-2.0
"""wrong.json: what well-known mistakes of DP-SGD libraries give on the fixtures, for tests that show we differ.

    env/bin/python make_wrong.py

Run after make_fixtures.py, whose files it reads. `norms` are right, `wrongNorms` what the mistake gives, both of the
whole gradient of every example in Float64. README.md says what each mistake is.
"""

import json

import torch
from safetensors.numpy import load_file
from torch import nn

from cases import STORED, STORED_PER_TOKEN
from layers import build
from make_fixtures import FOLDER, IGNORED, clipped_sum, example_losses, per_example


def load(name):
    shape, layers = next(case[1:] for case in STORED + STORED_PER_TOKEN if case[0] == name)
    arrays = load_file(FOLDER / f"{name}.safetensors")
    tensors = {key: torch.from_numpy(array).double() for key, array in arrays.items()}
    network = build(layers, shape).double()
    network.load_state_dict({k.removeprefix("parameter/"): v for k, v in tensors.items() if k.startswith("parameter/")})
    return network, tensors["x"], tensors["y"].long()


def operands(network, index, x, y):
    """What layer `index` was given, and the gradient of every example's own loss by what it put out."""
    seen = {}
    hook = network[index].register_forward_hook(lambda _, inputs, output: seen.update(input=inputs[0], output=output))
    losses = example_losses(network(x), y)
    hook.remove()
    return seen["input"].detach(), torch.autograd.grad(losses.sum(), seen["output"])[0]


def patches(convolution, x):
    """[B, inputs × kernel, places]"""
    c = convolution
    return nn.functional.unfold(x, c.kernel_size, dilation=c.dilation, padding=c.padding, stride=c.stride)


def norms_of(gradients):
    return torch.stack([g.flatten(1).norm(dim=1) for g in gradients], dim=1)


def with_replaced(network, gradients, path, norms):
    """Norms of the whole gradient where one parameter's norms are replaced."""
    each = norms_of(gradients)
    each[:, [name for name, _ in network.named_parameters()].index(path)] = norms
    return each.norm(dim=1)


def cosine(a, b):
    return nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0).item()


def gradient_of(network, gradients, path):
    return gradients[[name for name, _ in network.named_parameters()].index(path)]


def grouped(name, index):
    network, x, y = load(name)
    path, layer = f"{index}.weight", network[index]
    _, _, gradients = per_example(network, x, y)
    right = gradient_of(network, gradients, path)
    inputs, errors = operands(network, index, x, y)
    # As if every output saw every input: [B, outputs, inputs × kernel].
    full = torch.einsum("bpt,bdt->bpd", errors.flatten(2), patches(layer, inputs))
    wrong = full.flatten(1).norm(dim=1)
    first = full.sum(dim=0).reshape(-1, *layer.weight.shape)[0]
    norms = right.flatten(1).norm(dim=1)
    return {
        "case": name, "parameter": path, "norms": norms_of(gradients).norm(dim=1).tolist(),
        "wrongNorms": with_replaced(network, gradients, path, wrong).tolist(), "parameterNorms": norms.tolist(),
        "wrongParameterNorms": wrong.tolist(), "ratios": (wrong / norms).tolist(),
        "sumCosine": cosine(right.sum(dim=0), first), "wrongSum": first.flatten().tolist(),
    }  # fmt: skip


def transposed(name, index):
    network, x, y = load(name)
    path, layer = f"{index}.weight", network[index]
    _, _, gradients = per_example(network, x, y)
    right = gradient_of(network, gradients, path)
    inputs, errors = operands(network, index, x, y)
    full = torch.einsum("bpt,bdt->bdp", errors.flatten(2), patches(layer, inputs))  # should be [B, p, d]
    wrong = full.sum(dim=0).reshape(layer.weight.shape)
    sums = {"sum": right.sum(dim=0).flatten().tolist(), "wrongSum": wrong.flatten().tolist()}
    return {"case": name, "parameter": path, "sumCosine": cosine(right.sum(dim=0), wrong)} | sums


def padding_counted(name):
    network, x, y = load(name)
    _, _, gradients = per_example(network, x, y)
    ids = x.long()
    _, errors = operands(network, 0, x, y)
    full = torch.zeros(len(x), network[0].num_embeddings, network[0].embedding_dim, dtype=torch.float64)
    for i, row in enumerate(ids):
        full[i].index_add_(0, row, errors[i])
    wrong = with_replaced(network, gradients, "0.weight", full.flatten(1).norm(dim=1))
    return {"case": name, "norms": norms_of(gradients).norm(dim=1).tolist(), "wrongNorms": wrong.tolist()}


def ignored_counted(name):
    network, x, y = load(name)
    _, _, gradients = per_example(network, x, y)
    norms = norms_of(gradients).norm(dim=1)
    wrong = norms * (y != IGNORED).sum(dim=1) / y.shape[1]
    return {"case": name, "norms": norms.tolist(), "wrongNorms": wrong.tolist()}


def clipped_by_tensor(name):
    network, x, y = load(name)
    _, _, gradients = per_example(network, x, y)
    each = norms_of(gradients)
    clip = each.min().item() / 2
    parts = [torch.stack([clipped_sum([g[i : i + 1]], n[i : i + 1], clip)[0] for i in range(len(x))])
             for g, n in zip(gradients, each.T)]  # fmt: skip
    norms = norms_of(parts).norm(dim=1)
    return {"case": name, "clip": clip, "tensors": len(gradients), "wrongClippedNorms": norms.tolist()}


class Tied(nn.Module):
    """Embedding, tanh, and a linear layer that has the embedding's weight."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x, decoder=None):
        decoder = self.weight if decoder is None else decoder
        return torch.tanh(nn.functional.embedding(x, self.weight)) @ decoder.T


def tied():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 3, generator=generator, dtype=torch.float32).double()
    ids = torch.randint(0, 5, [4, 6], generator=generator)
    labels = torch.randint(0, 5, [4, 6], generator=generator)
    network = Tied(weight)
    norms, wrong = [], []
    for i in range(len(ids)):
        decoder = network.weight.detach().clone().requires_grad_()
        loss = example_losses(network(ids[i : i + 1], decoder), labels[i : i + 1])[0]
        parts = torch.autograd.grad(loss, [network.weight, decoder])
        norms.append((parts[0] + parts[1]).norm().item())
        wrong.append(torch.stack([part.norm() for part in parts]).norm().item())
    return {
        "weight": weight.tolist(), "ids": ids.tolist(), "labels": labels.tolist(), "norms": norms, "wrongNorms": wrong,
    }  # fmt: skip


if __name__ == "__main__":
    content = {
        "grouped-convolution": [grouped("conv2d-groups-2", 1), grouped("conv2d-depthwise", 1)],
        "transposed-convolution": [transposed("conv2d-padding", 1)],
        "padding-counted": [padding_counted("embedding-padding"), padding_counted("sequence-attention")],
        "ignored-tokens-counted": [ignored_counted("tokens-linear"), ignored_counted("tokens-transformer")],
        "clipped-by-tensor": [clipped_by_tensor("linear-vector")],
        "tied-as-separate": [tied()],
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    (FOLDER / "wrong.json").write_text(f"{{\n{lines}\n}}\n")
