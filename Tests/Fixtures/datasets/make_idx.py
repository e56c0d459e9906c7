#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the IDX files of idx/ beside this file (standard library only): 7 training and 3 test images of 4 x 3 pixels.

Pixel p of image i is (37 i + 11 p) mod 256 in training and (101 i + 13 p + 5) mod 256 in testing; its label is 3 i mod 10
and (7 i + 1) mod 10. Training is compressed by Python's gzip, testing is plain.
"""

import gzip
import pathlib
import struct

folder = pathlib.Path(__file__).resolve().parent / "idx"
folder.mkdir(exist_ok=True)


def write(prefix, count, pixel, label, suffix, pack):
    pixels = bytes(pixel(i, p) % 256 for i in range(count) for p in range(12))
    labels = bytes(label(i) % 10 for i in range(count))
    (folder / f"{prefix}-images-idx3-ubyte{suffix}").write_bytes(pack(struct.pack(">IIII", 0x803, count, 4, 3) + pixels))
    (folder / f"{prefix}-labels-idx1-ubyte{suffix}").write_bytes(pack(struct.pack(">II", 0x801, count) + labels))


write("train", 7, lambda i, p: 37 * i + 11 * p, lambda i: 3 * i, ".gz", lambda data: gzip.compress(data, mtime=0))
write("t10k", 3, lambda i, p: 101 * i + 13 * p + 5, lambda i: 7 * i + 1, "", lambda data: data)
