// SPDX-License-Identifier: Apache-2.0

package import Cryptography

/// Whose word it is that a ledger ends where it does: an Ed25519 signature of the head, beside the ledger.
package struct LedgerSignature: Hashable, Sendable {
    package let key: Ed25519PublicKey
    /// 64 bytes.
    package let signature: [UInt8]

    package init(key: Ed25519PublicKey, signature: [UInt8]) {
        self.key = key
        self.signature = signature
    }

    /// Signs the head of `ledger`.
    package init(of ledger: Ledger, by key: borrowing Ed25519PrivateKey) {
        self.init(key: key.publicKey, signature: key.sign(ledger.head.signedBytes(population: ledger.population)))
    }

    /// Whether it is the signature of this ledger's head by `key`.
    package func holds(for ledger: Ledger) -> Bool {
        key.verifies(signature: signature, of: ledger.head.signedBytes(population: ledger.population))
    }
}

extension LedgerHead {
    /// What is signed: `sotto/1 ledger` and a line feed, as before everything that a server signs, then the canonical
    /// encoding of text population, i64 count, bytes hash.
    package func signedBytes(population: String) -> [UInt8] {
        var encoder = CanonicalEncoder()
        encoder.append(population)
        encoder.append(Int64(count))
        encoder.append(hash)
        return Array("sotto/1 ledger\n".utf8) + encoder.bytes
    }
}
