#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes certificates.json: the bound of docs/proofs/book-keeping.md in 60 digits, for random and chosen layers.

Written from the proof page, not from the Swift code. Needs mpmath.
"""
import json
import os
import random

from mpmath import ceil, floor, mp, mpf, sqrt

mp.dps = 60
U, V = mpf(2) ** -24, mpf(2) ** -53


def gamma(n, unit):
    return n * unit / (1 - n * unit)


def gram_error(l):
    p, d, t, groups = l["outputs"], l["inputs"], l["places"], l["groups"]
    if t == 1 and groups == 1:
        return gamma(2 * (p + d) + 16, V)

    def inner(n):
        b = l["gramTerms"]
        return (1 + gamma(min(n, b), U)) * (1 + gamma(-(-n // b), V))

    return inner(p) * inner(d) * (1 + gamma(groups * t * t + 2, V)) - 1 + max(p, d) * mpf(2) ** -53


def instantiated_error(l):
    size = l["outputs"] * l["inputs"]
    square = (1 + gamma(l["places"], U)) ** 2 * (1 + gamma(l["groups"] * size, V)) - 1
    return square + sqrt(mpf(size)) * mpf(2) ** (-50 if flushes(l) else -52)


def norm_error(l):
    return {"gram": gram_error, "instantiated": instantiated_error,
            None: lambda l: max(gram_error(l), instantiated_error(l))}[l["norm"]](l)


# Section 10 of the page: what operands are rounded to.

UNITS = {"fp32": 0, "tf32": 11, "tf32-truncated": 10, "bf16": 8, "fp16": 11}


def precision(l):
    return l.get("precision", "fp32")


def roundoff(l):
    return mpf(0) if precision(l) == "fp32" else mpf(2) ** -UNITS[precision(l)]


def by_example(l):
    return precision(l) != "fp32" and l["massCap"] > 1


def flushes(l):
    return precision(l) == "bf16" and not l.get("double")


def operand_error(l):
    return mpf(0) if by_example(l) else (1 + U) * (1 + roundoff(l)) - 1


def accumulation(l):
    p, t, b = l["capacity"], l["places"], l["productTerms"]
    if by_example(l):
        count = min(t, b) + p * -(-t // b) + 2
    else:
        parts = -(-p * t // b) + p - 1
        count = min(p * t, min(p * t, b) + parts - 1) + 2
    error = gamma(count, U)
    if l.get("double"):
        error = (1 + gamma(p * t + 2 * p + 2, V)) * (1 + gamma(p + 1, U)) - 1
    return (2 * p + 1) * error * (1 + operand_error(l))


def tiny_error(l):
    return 0 if by_example(l) else mpf(2) ** (-42 if precision(l) == "fp32" else -29)


def smallest(l, k):
    unit = mpf(2) ** (-124 if flushes(l) else -149)
    return unit * (mpf(2) ** k + (mpf(2) ** 62 if by_example(l) else 0))


def norm(layers, values, squared_norm):
    """The norm over layers of value * kappa, where layers of one place share one norm."""
    one = [(v, l) for v, l in zip(values, layers) if l["places"] == 1 and l["groups"] == 1]
    many = [(v, l) for v, l in zip(values, layers) if not (l["places"] == 1 and l["groups"] == 1)]
    total = sum((v * l["massCap"]) ** 2 for v, l in many)
    if one:
        total += min(sum((v * l["massCap"]) ** 2 for v, l in one), max(v for v, _ in one) ** 2 * squared_norm)
    return sqrt(total)


def terms(case):
    layers, k = case["layers"], case["gridExponent"]
    squared = 1 + U + sum(norm_error(l) * mpf(l["massCap"]) ** 2 for l in layers)
    alpha = [accumulation(l) for l in layers]
    tiny = sqrt(sum((tiny_error(l) * sqrt(mpf(l["outputs"])) * l["massCap"] * (1 + a)) ** 2
                    for l, a in zip(layers, alpha)))
    eta = [operand_error(l) for l in layers]
    slope = sqrt(squared) * (1 + U) + norm(layers, eta, squared) + norm(layers, alpha, squared) + tiny
    size = [l["groups"] * l["outputs"] * l["inputs"] for l in layers]
    offset = sqrt(mpf(case["exactCoordinates"]) / 4 + sum(mpf(9) / 4 * d for d in size))
    offset += sqrt(sum(d * ((2 * l["capacity"] + 1) * l["places"] * smallest(l, k)) ** 2 for d, l in zip(size, layers)))
    return slope, offset


def layer(outputs, inputs, places, capacity, groups=1, cap=None, product=None, gram=128, norm=None):
    if cap is None:
        cap = 1 if places == 1 else 2 * int(ceil(sqrt(mpf(places))))
    return dict(outputs=outputs, inputs=inputs, groups=groups, places=places, capacity=capacity, massCap=cap,
                productTerms=product or 2**62, gramTerms=gram, norm=norm)


def grid_exponent(clip, dimension):
    return int(-floor(mp.log(mpf(clip) / (1024 * sqrt(mpf(dimension))), 2)))


def main():
    random.seed(1)
    shapes = [
        (10, []),
        (26_010, []),
        (4_000_000_007, []),
        (650, [layer(1024, 784, 1, 256), layer(1024, 1024, 1, 256), layer(10, 1024, 1, 256)]),
        (58, [layer(32, 512, 1, 192), layer(10, 32, 1, 256), layer(16, 64, 196, 8)]),
        (58, [layer(32, 512, 1, 192), layer(10, 32, 1, 256), layer(16, 64, 196, 16, product=64)]),
        (100, [layer(16, 64, 25, 16), layer(32, 256, 16, 24, product=128)]),
        (0, [layer(64, 9, 49, 8, groups=64)]),
        (7, [layer(64, 9, 1, 8, groups=4)]),
        (1000, [layer(1 << 20, 300, 1, 64)]),
        (20_000, [layer(768, 768, 197, 8, cap=4), layer(3072, 768, 197, 8, cap=4)]),
    ]
    for _ in range(40):
        count = random.randrange(0, 6)
        shapes.append((random.randrange(1, 10**random.randrange(1, 9)), [
            layer(random.randrange(1, 2000), random.randrange(1, 2000), random.choice([1, 1, 4, 9, 49, 100, 1000]),
                  random.choice([1, 8, 16, 24, 32, 100, 256]), groups=random.choice([1, 1, 1, 2, 32]),
                  cap=random.choice([None, None, None, 1, 4, 2.5]), product=random.choice([None, 1, 32, 128, 1000]),
                  gram=random.choice([1, 32, 64, 128, 4096]), norm=random.choice([None, "gram", "instantiated"]))
            for _ in range(count)]))
    other = random.Random(3)
    for exact, layers in [shape for shape in shapes[3:8] for _ in range(6)]:
        kind, double = other.choice(list(UNITS)[1:]), other.choice([False, False, True])
        shapes.append((exact, [dict(l, precision=kind, double=double) for l in layers]))
    cases = []
    for exact, layers in shapes:
        dimension = exact + sum(l["groups"] * l["outputs"] * l["inputs"] for l in layers)
        clip = random.choice([1.0, 0.1, 1.5, 10.0, 1e-6, 1e6])
        k = grid_exponent(clip, dimension) + random.choice([0, 0, 0, 0, 20])
        case = dict(exactCoordinates=exact, layers=layers, gridExponent=k, clip=clip)
        slope, offset = terms(case)
        bound = mpf(clip) * mpf(2) ** k * slope + offset
        case["bound"] = int(ceil(bound))
        fixed = int(floor(mpf(clip) * mpf(2) ** k))
        case["fixedBound"] = fixed
        case["effectiveClip"] = float((fixed - offset) / slope * mpf(2) ** -k)
        assert abs(bound - int(bound + mpf("0.5"))) > 1e-4  # no tie that rounding could decide
        cases.append(case)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "certificates.json")
    with open(path, "w") as file:
        json.dump(dict(cases=cases), file, indent=1)
        file.write("\n")


main()
