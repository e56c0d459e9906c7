// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// What an operator shows over HTTP: `sotto-op-1.<16 hexadecimal digits>.<64 hexadecimal digits>`, an identifier by which it
/// is found and a secret of which the server keeps only the hash.
package struct BearerToken: Sendable {
    package let id: String
    package let secret: [UInt8]

    /// A fresh one.
    package init() {
        id = Hexadecimal.text(SystemRandom.bytes(8))
        secret = SystemRandom.bytes(32)
    }

    /// `nil` when the text is no token.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "sotto-op-1", parts[1].utf8.count == 16,
            let id = Hexadecimal.bytes(parts[1]), let secret = Hexadecimal.bytes(parts[2]), secret.count == 32
        else { return nil }
        self.id = Hexadecimal.text(id)
        self.secret = secret
    }

    /// The token of an `Authorization` header (RFC 6750, section 2.1).
    package init?(authorization: String) {
        let scheme = authorization.prefix(7)
        guard scheme.lowercased() == "bearer " else { return nil }
        let text = authorization.dropFirst(7).drop { $0 == " " }
        self.init(text)
    }

    package var secretHash: [UInt8] { SHA256.hash(secret) }

    /// The whole token, a secret.
    package var text: String { "sotto-op-1.\(id).\(Hexadecimal.text(secret))" }
}
