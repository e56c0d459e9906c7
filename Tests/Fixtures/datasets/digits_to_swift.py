#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Sources/Datasets/DigitsData.swift from digits.csv beside this file (standard library only)."""

import pathlib

here = pathlib.Path(__file__).resolve().parent
rows = [list(map(int, line.split(","))) for line in (here / "digits.csv").read_text().splitlines()]
assert len(rows) == 1797 and all(len(row) == 65 and max(row[:64]) <= 16 and row[64] <= 9 for row in rows)

header = '''// SPDX-License-Identifier: Apache-2.0

// swift-format-ignore-file
// Written by Tests/Fixtures/datasets/digits_to_swift.py; do not edit.

/// The UCI optical digits (E. Alpaydin, C. Kaynak, 1998; CC BY 4.0; see docs/data/digits.md), one example a line: 64
/// pixels 0...16, row by row, each one digit of base 17 (0...9, a...g), then the label 0...9.
///
/// A string literal compiles in well under a second, where an array literal of the bytes takes twelve.
let digitsText: StaticString = """
'''
lines = "".join("    " + "".join("0123456789abcdefg"[pixel] for pixel in row[:64]) + str(row[64]) + "\n" for row in rows)
out = here.parents[2] / "Sources/Datasets/DigitsData.swift"
out.write_text(header + lines + '    """\n')
