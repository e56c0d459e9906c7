#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seals messages with another implementation of HPKE: `cryptography` 48.0.0 (its own HPKE for empty associated data, and
its primitives composed here after RFC 9180 where there is associated data). Fresh ephemeral keys, so every run differs.
"""

import hashlib
import hmac
import json

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
KEM_SUITE = b"KEM\x00\x20"
SUITE = b"HPKE\x00\x20\x00\x01\x00\x02"


def extract(suite, salt, label, material):
    return hmac.new(salt, b"HPKE-v1" + suite + label + material, hashlib.sha256).digest()


def expand(suite, key, label, info, count):
    info = count.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    output, block = b"", b""
    while len(output) < count:
        block = hmac.new(key, block + info + bytes([len(output) // 32 + 1]), hashlib.sha256).digest()
        output += block
    return output[:count]


def seal(recipient, plaintext, info, associated_data):
    ephemeral = X25519PrivateKey.generate()
    encapsulated = ephemeral.public_key().public_bytes(*RAW)
    shared = expand(
        KEM_SUITE,
        extract(KEM_SUITE, b"", b"eae_prk", ephemeral.exchange(recipient)),
        b"shared_secret",
        encapsulated + recipient.public_bytes(*RAW),
        32,
    )
    context = b"\0" + extract(SUITE, b"", b"psk_id_hash", b"") + extract(SUITE, b"", b"info_hash", info)
    secret = extract(SUITE, shared, b"secret", b"")
    key, nonce = expand(SUITE, secret, b"key", context, 32), expand(SUITE, secret, b"base_nonce", context, 12)
    return encapsulated, AESGCM(key).encrypt(nonce, plaintext, associated_data)


def library_seal(recipient, plaintext, info):
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    sealed = suite.encrypt(plaintext, recipient, info)
    return sealed[:32], sealed[32:]


messages = []
for length, info, associated_data in [(0, b"", b""), (1, b"info", b""), (1000, b"task 7", b""), (33, b"", b"round 3"), (4097, b"i" * 200, b"a" * 300)]:
    private = X25519PrivateKey.generate()
    plaintext = hashlib.shake_128(length.to_bytes(4, "big")).digest(length)
    if associated_data:
        encapsulated, ciphertext = seal(private.public_key(), plaintext, info, associated_data)
    else:
        encapsulated, ciphertext = library_seal(private.public_key(), plaintext, info)
    messages.append(
        {
            "privateKey": private.private_bytes_raw().hex(),
            "info": info.hex(),
            "associatedData": associated_data.hex(),
            "encapsulatedKey": encapsulated.hex(),
            "ciphertext": ciphertext.hex(),
            "plaintext": plaintext.hex(),
        }
    )
with open("hpke_second_implementation.json", "w") as file:
    json.dump(messages, file, indent=1)
    file.write("\n")
