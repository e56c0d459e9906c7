// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// What an operator hands to the owner of a device: the right to enrol once, and the hash of the server's key, which the
/// device pins.
///
/// Form: `sotto1.<64 hexadecimal digits of the key's SHA-256>.<32 hexadecimal digits of the secret>`.
package struct InviteToken: Hashable, Sendable, CustomStringConvertible {
    /// SHA-256 of the server's Ed25519 public key.
    package let serverKeyHash: [UInt8]
    /// 16 secret bytes; the server keeps only their hash.
    package let secret: [UInt8]

    package init(serverKeyHash: [UInt8], secret: [UInt8]) {
        precondition(
            serverKeyHash.count == 32 && secret.count == 16,
            "an invite has a 32-byte hash and a 16-byte secret"
        )
        self.serverKeyHash = serverKeyHash
        self.secret = secret
    }

    /// - Throws: ``WireError`` when `text` is not an invite; the text is not quoted, because it is a secret.
    package init(_ text: String) throws(WireError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard
            parts.count == 3, parts[0] == "sotto1",
            let hash = Hexadecimal.bytes(parts[1]), hash.count == 32,
            let secret = Hexadecimal.bytes(parts[2]), secret.count == 16
        else {
            throw WireError("invite: is not of the form sotto1.<64 hex digits>.<32 hex digits>; copy it whole")
        }
        self.init(serverKeyHash: hash, secret: secret)
    }

    package var description: String {
        "sotto1.\(Hexadecimal.text(serverKeyHash)).\(Hexadecimal.text(secret))"
    }
}
