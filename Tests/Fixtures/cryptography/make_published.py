#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Picks our algorithms out of the published vectors that swift-crypto 4.5.2 carries in its tests.

usage: make_published.py CHECKOUT   (a checkout of https://github.com/apple/swift-crypto at 4.5.2)
"""

import json
import sys
from pathlib import Path

root = Path(sys.argv[1])


def load(path):
    return json.loads((root / path).read_text())


def write(name, value):
    Path(name).write_text(json.dumps(value, indent=1) + "\n")


suite = {"mode": 0, "kem_id": 0x0020, "kdf_id": 0x0001, "aead_id": 0x0002}
entry = next(
    entry
    for entry in load("Tests/CryptoTests/HPKE/hpke-test-vectors.json")
    if all(entry[key] == value for key, value in suite.items())
)
entry["encryptions"] = entry["encryptions"][:1]  # single-shot: sequence number 0
del entry["exports"]
write("hpke_rfc9180.json", entry)

tests = [
    {key: test[key] for key in ("tcId", "comment", "key", "iv", "aad", "msg", "ct", "tag", "result")}
    for group in load("Tests/Test Vectors/aes_gcm_test.json")["testGroups"]
    if (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128)
    for test in group["tests"]
]
write("aes256gcm_wycheproof.json", tests)

tests, seen = [], {}
for group in load("Tests/Test Vectors/x25519_test.json")["testGroups"]:
    for test in group["tests"]:
        kind = tuple(test["flags"])
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= 12:
            tests.append({key: test[key] for key in ("tcId", "comment", "public", "private", "shared", "result")})
write("x25519_wycheproof.json", tests)

tests = [
    {"publicKey": group["publicKey"]["pk"]} | {key: test[key] for key in ("tcId", "comment", "msg", "sig", "result")}
    for group in load("Tests/Test Vectors/ed25519_test.json")["testGroups"]
    for test in group["tests"]
]
write("ed25519_wycheproof.json", tests)
