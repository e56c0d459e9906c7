// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Cryptography

/// A public key as an argument.
enum PublicKeyArgument {
    static func key(_ text: String, option: String) throws -> Ed25519PublicKey {
        guard let bytes = Hexadecimal.bytes(text), let key = try? Ed25519PublicKey(bytes: bytes) else {
            throw CommandError("\(option): expected an Ed25519 public key, 64 hexadecimal digits")
        }
        return key
    }
}
