# SPDX-License-Identifier: Apache-2.0
"""Per-example gradients of small networks by PyTorch in Float64, as truth for tests; README.md says what is in a file.

    python3 -m venv env && env/bin/pip install torch numpy safetensors && env/bin/python make_fixtures.py [CASE...]
"""

import json
import math
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

from cases import DRAWN, STORED, STORED_PER_TOKEN
from layers import build, parameter_count

FOLDER = Path(__file__).parent
EXAMPLES = 5
SCALES = [1, 0.25, 2, 0.5, 4]  # of a stored case's inputs, so that the gradients' norms differ
IGNORED = -1
STORED_AT_MOST = 12_000  # coordinates of a drawn case's gradient sum; of a longer one, every n-th is stored
PROJECTED_ABOVE = 50_000  # parameters; larger gradient sums are also projected, and fewer coordinates stored
PROJECTED_STORED_AT_MOST = 4_000
PROJECTIONS = 16
PROJECTION_SEED = 2026
FLOAT32_TOLERANCE = 2e-6  # a case on which PyTorch's own float32 is further off would test nothing


class SplitMix64:
    def __init__(self, seed):
        self.state = np.uint64(seed)

    def words(self, count):
        golden = np.uint64(0x9E3779B97F4A7C15)
        with np.errstate(over="ignore"):
            z = self.state + golden * np.arange(1, count + 1, dtype=np.uint64)
            self.state = self.state + golden * np.uint64(count)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            return z ^ (z >> np.uint64(31))

    def unit_floats(self, count):
        """Multiples of 2^-24 in [0, 1), as float32."""
        return (self.words(count) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)

    def centred_floats(self, count):
        """In [-1, 1), as float32."""
        return np.float32(2) * self.unit_floats(count) - np.float32(1)


def set_parameters(model, values):
    """Sets every parameter to `values(module, name in the module, parameter)`, in the order of the flat vector."""
    for path, parameter in model.named_parameters():
        owner, _, role = path.rpartition(".")
        drawn = values(model.get_submodule(owner), role, parameter)
        assert drawn.dtype == np.float32
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(drawn).reshape(parameter.shape))


def example_losses(logits, y):
    """Cross-entropy of every example; with a label for every place, the mean over the places that are not ignored."""
    if y.dim() == 1:
        return nn.functional.cross_entropy(logits, y, reduction="none")
    places = nn.functional.cross_entropy(logits.transpose(1, 2), y, reduction="none", ignore_index=IGNORED)
    return places.sum(dim=1) / (y != IGNORED).sum(dim=1).clamp(min=1)


def per_example(model, x, y):
    """Logits, losses, and for every parameter the gradients [B, ...], one example at a time."""
    logits, losses, gradients = [], [], []
    for i in range(len(x)):
        outputs = model(x[i : i + 1])
        loss = example_losses(outputs, y[i : i + 1])[0]
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
        logits.append(outputs.detach()[0])
        losses.append(loss.detach())
    return torch.stack(logits), torch.stack(losses), [torch.stack(parts) for parts in zip(*gradients)]


def clipped_sum(gradients, norms, clip):
    """For every parameter the sum over examples of min(1, clip / norm) times the gradient."""
    factors = torch.clamp(clip / norms, max=1)
    return [torch.tensordot(factors.to(g.dtype), g, dims=([0], [0])) for g in gradients]


def flat(parts):
    return torch.cat([part.flatten() for part in parts])


def measure(model, x, y):
    """What every file holds, and the clipped sums by clip and parameter."""
    logits, losses, gradients = per_example(model, x, y)
    tensor_norms = torch.stack([g.flatten(1).norm(dim=1) for g in gradients], dim=1)
    norms = tensor_norms.norm(dim=1)
    # One clip between the norms, so that some examples are clipped and some are not, and one below all of them.
    clips = np.array([norms.median().item() * 1.001, norms[norms > 0].min().item() / 8], dtype=np.float32)
    assert 0 < (norms > clips[0]).sum() < len(norms)
    sums = [clipped_sum(gradients, norms, clip) for clip in clips.astype(np.float64)]
    tensors = {"y": y, "logits": logits, "losses": losses, "norms": norms, "clips": torch.from_numpy(clips)}
    check_conditioning(model, x, y, clips, sums)
    return tensors, tensor_norms, sums


def check_conditioning(model, x, y, clips, sums):
    """A case must be one that float32 can get right."""
    _, _, gradients = per_example(model.float(), x.float(), y)
    norms = torch.stack([g.flatten(1).double().norm(dim=1) for g in gradients], dim=1).norm(dim=1)
    model.double()
    for clip, truth in zip(clips, sums):
        error = flat(clipped_sum(gradients, norms, clip)).double() - flat(truth)
        relative = error.norm() / flat(truth).norm()
        assert relative < FLOAT32_TOLERANCE, f"float32 is off by {relative:.1e}"


def save(name, tensors):
    arrays = {key: np.ascontiguousarray(value.numpy().astype(np.float32)) for key, value in tensors.items()}
    save_file(arrays, FOLDER / f"{name}.safetensors", metadata={"torch": torch.__version__})


def describe(name, shape, layers, model, **others):
    parameters = [{"name": path, "shape": list(parameter.shape)} for path, parameter in model.named_parameters()]
    case = {"name": name, "input": shape} | others
    return case | {"layers": layers, "parameter-count": parameter_count(model), "parameters": parameters}


def drawn_case(number, name, preset, shape, layers, gain, examples, write):
    """Parameters and inputs are not stored: both sides draw them from SplitMix64(number), parameters first."""
    stream = SplitMix64(number)
    model = build(layers, shape).double()

    def draw(module, role, parameter):
        bound = np.float32(gain) / np.sqrt(np.float32(math.prod(module.weight.shape[1:])))
        return stream.centred_floats(parameter.numel()) * bound

    set_parameters(model, draw)
    classes = model[-1].out_features
    if write:
        x = torch.from_numpy(stream.unit_floats(examples * math.prod(shape)).reshape([examples] + shape)).double()
        y = torch.tensor([(3 * i + 1) % classes for i in range(examples)])
        tensors, tensor_norms, sums = measure(model, x, y)
        projected = parameter_count(model) > PROJECTED_ABOVE
        stride = -(-parameter_count(model) // (PROJECTED_STORED_AT_MOST if projected else STORED_AT_MOST))
        tensors["stride"] = torch.tensor([stride])
        for index, parts in enumerate(sums):
            tensors[f"sum{index}"] = flat(parts)[::stride]
            if projected:
                tensors[f"sumNorms{index}"] = torch.stack([part.norm() for part in parts])
                tensors[f"projections{index}"] = projections(parts)
        if projected:
            tensors["tensorNorms"] = tensor_norms
        save(name, tensors)
    others = {"storage": "drawn", "seed": number, "gain": gain, "examples": examples}
    if preset:
        others["preset"] = preset
    return describe(name, shape, layers, model, classes=classes, loss="cross-entropy", **others)


def projections(parts):
    """[parameters, PROJECTIONS]: products with vectors of signs; bit k of the j-th word of a stream that runs through
    the flat vector is set where the j-th sign of vector k is -1."""
    stream = SplitMix64(PROJECTION_SEED)
    rows = []
    for part in parts:
        words, values = stream.words(part.numel()), part.flatten().numpy()
        signs = (1.0 - 2.0 * ((words >> np.uint64(k)) & np.uint64(1)).astype(np.float64) for k in range(PROJECTIONS))
        rows.append([float(values @ row) for row in signs])
    return torch.tensor(rows, dtype=torch.float64)


def stored_parameter(stream, module, role, parameter):
    values = stream.centred_floats(parameter.numel())
    if parameter.dim() >= 2:
        return values * np.float32(1.5 / math.sqrt(math.prod(parameter.shape[1:])))
    scale = role == "weight"  # of a normalisation
    return np.float32(0.5) * values + np.float32(1 if scale else 0)


def stored_case(name, shape, layers, per_token, write):
    stream = SplitMix64(zlib.crc32(name.encode()))
    model = build(layers, shape).double()
    set_parameters(model, lambda *where: stored_parameter(stream, *where))
    vocabulary = layers[0].get("vocabulary")
    units = stream.unit_floats(EXAMPLES * math.prod(shape)).reshape([EXAMPLES] + shape)
    if vocabulary:
        x = np.floor(units * np.float32(vocabulary))
        if "padding-index" in layers[0]:
            x[1, len(x[1]) // 2 :] = x[4] = layers[0]["padding-index"]
    else:
        scales = np.array(SCALES, dtype=np.float32).reshape([EXAMPLES] + [1] * len(shape))
        x = (np.float32(2) * units - np.float32(1)) * scales
    x = torch.from_numpy(x).double()
    classes = model(x[:1]).shape[-1]
    if per_token:
        y = np.floor(stream.unit_floats(EXAMPLES * shape[0]) * classes).reshape(EXAMPLES, shape[0]).astype(np.int64)
        y[0, ::3] = y[2, 1:] = y[4] = IGNORED
        y = torch.from_numpy(y)
    else:
        y = torch.tensor([(3 * i + 1) % classes for i in range(EXAMPLES)])
    if write:
        tensors, tensor_norms, sums = measure(model, x, y)
        tensors |= {"x": x, "tensorNorms": tensor_norms}
        for index, (path, parameter) in enumerate(model.named_parameters()):
            tensors[f"parameter/{path}"] = parameter.detach()
            for which, parts in enumerate(sums):
                tensors[f"sum{which}/{path}"] = parts[index]
        save(name, tensors)
    others = {"vocabulary": vocabulary} if vocabulary else {}
    loss = "cross-entropy-per-token" if per_token else "cross-entropy"
    return describe(
        name, shape, layers, model, classes=classes, loss=loss, storage="stored", examples=EXAMPLES, **others
    )


def main(wanted):
    names = [case[0] for case in DRAWN + STORED + STORED_PER_TOKEN]
    unknown = set(wanted) - set(names)
    assert len(set(names)) == len(names) and not unknown, f"no such case: {unknown}"
    write = {name: not wanted or name in wanted for name in names}
    described = [drawn_case(number, *case, write[case[0]]) for number, case in enumerate(DRAWN)]
    described += [stored_case(*case, False, write[case[0]]) for case in STORED]
    described += [stored_case(*case, True, write[case[0]]) for case in STORED_PER_TOKEN]
    lines = ",\n".join(json.dumps(case) for case in described)
    (FOLDER / "cases.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main(sys.argv[1:])
