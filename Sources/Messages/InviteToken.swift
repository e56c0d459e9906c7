// SPDX-License-Identifier: Apache-2.0

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

/// Bytes as lower-case hexadecimal digits.
package enum Hexadecimal {
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `nil` when the text has an odd length or another character than 0-9, a-f, A-F.
    package static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
