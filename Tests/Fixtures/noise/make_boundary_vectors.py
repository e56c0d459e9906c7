#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Streams that end a trial of the discrete Gaussian sampler as close as possible to its decisions.

The acceptance threshold exp(-t) is computed by mpmath with 80 digits; words are then placed a few units beside it, in 64
and in 128 bits, and where y itself is uncertain. Every stream ends with a trial that is accepted for certain.
"""

import json
import random

from mpmath import exp, floor, mp, mpf

mp.dps = 80
random.seed(20260101)
M64 = 2**64 - 1
SURE = [5 << 54, 0]  # x = 5 (slot 5 keeps fraction 0), y = 0


def threshold(multiple, x, y, bits):
    numerator = y * (y + 2 * multiple * x)
    return int(floor(exp(-mpf(numerator) / (8192 * mpf(multiple) ** 2)) * mpf(2) ** bits)) if numerator else 1 << bits


def run(multiple, x, second, third):
    """The outcome of one trial by the text of the proof: (accepted, y, words used)."""
    product = second * multiple
    y, fraction = product >> 64, product & M64
    if fraction + multiple <= 1 << 64:
        limit = threshold(multiple, x, y, 64)
        if fraction + multiple <= limit:
            return True, y, 2
        if fraction >= limit + 1:
            return False, y, 2
    product = (second << 64 | third) * multiple
    y, fraction = product >> 128, product & (2**128 - 1)
    return fraction < threshold(multiple, x, y, 128), y, 3


vectors = []
for multiple in [1, 2, 7, 16, 1000, 15625, 65536, 2**20, 15625000, 2**30, 2**34 - 1, 2**34]:
    for _ in range(10):
        x = random.choice([0, 1, 5, 30, 60, 90, 120, 200])
        y = random.choice([0, 1, multiple // 2, multiple - 1, random.randrange(multiple)]) % multiple
        choice = random.randrange(3)
        if choice == 0:  # R K just beside y + exp(-t), in the first word
            second = ((y << 64) + threshold(multiple, x, y, 64)) // multiple + random.randrange(-2, 3)
            third = random.randrange(2**64)
        elif choice == 1:  # and in the second
            exact = ((y << 128) + threshold(multiple, x, y, 128)) // multiple + random.choice([-40, -20, 20, 40])
            second, third = exact >> 64, exact & M64
        else:  # y is certain only with the second word
            second, third = (max(y, 1) << 64) // multiple, random.choice([0, M64, random.randrange(2**64)])
        second = min(max(second, 0), M64)
        negative = random.randrange(2)
        accepted, y, used = run(multiple, x, second, third)
        words = [x << 54 | negative << 53, second] + [third] * (used == 3)
        sample = multiple * x + y
        if not accepted or (sample == 0 and negative):
            words, sample = words + SURE, 5 * multiple
        elif negative:
            sample = -sample
        vectors.append({"multiple": multiple, "words": [hex(word) for word in words], "sample": sample})
with open("boundary_vectors.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(vector) for vector in vectors) + "\n]\n")
print(len(vectors), sum(len(v["words"]) % 2 for v in vectors))
