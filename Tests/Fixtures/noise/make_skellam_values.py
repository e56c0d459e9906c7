#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Skellam law exp(-mu) I_k(mu) by mpmath's Bessel functions (80 digits), and what its table must be.

For each variance: masses floor(2^127 I_m / sum I) for m >= 1 with the rest at m = 0, as a SHA-256 over 1024 numbers of 16
little-endian bytes; the statistical distance between the law of the sampler with these masses and the exact law, summed
over all integers; and values of the exact law. Needs mpmath; run in this folder.
"""

import hashlib
import json

from mpmath import besseli, exp, floor, log, mp, mpf, nstr

mp.dps = 80
SLOTS = 1024
POINTS = {
    (1, 400): [0, 1, 2, 5, 9],
    (1, 4): [0, 1, 2, 4, 12],
    (1, 1): [0, 1, 3, 7, 20],
    (25, 4): [0, 1, 5, 12, 40],
    (64, 1): [0, 1, 8, 40, 90],
    (6401, 100): [0, 8, 24, 41, 90],
    (1000, 3): [0, 18, 60, 100, 200],
    (4096, 1): [0, 64, 200, 500, 800],
}


def values(numerator, denominator, points):
    mu = mpf(numerator) / denominator
    law = [exp(-mu) * besseli(k, mu) for k in range(SLOTS)]
    weights = (1 + law[0]) / 2  # of all magnitudes: the law of a signed value counts the others twice
    masses = [int(floor(mpf(2) ** 127 * p / weights)) for p in law]
    masses[0] = 2**127 - sum(masses[1:])
    digest = hashlib.sha256(b"".join(mass.to_bytes(16, "little") for mass in masses)).hexdigest()
    accepted = 1 - mpf(masses[0]) / 2**128
    drawn = [mpf(mass) / 2**128 / accepted for mass in masses]
    both = [abs(drawn[0] - law[0])] + [2 * abs(a - b) for a, b in zip(drawn[1:], law[1:])]
    tail = 1 - law[0] - 2 * sum(law[1:])
    distance = (sum(both) + abs(tail)) / 2
    return {
        "numerator": numerator,
        "denominator": denominator,
        "masses_sha256": digest,
        "distance_log2": float(log(distance, 2)),
        "points": [{"k": k, "mass": hex(masses[k]), "pmf": nstr(law[k], 30)} for k in points],
    }


with open("skellam_values.json", "w") as file:
    rows = [json.dumps(values(*variance, points)) for variance, points in POINTS.items()]
    file.write("[\n" + ",\n".join(rows) + "\n]\n")
