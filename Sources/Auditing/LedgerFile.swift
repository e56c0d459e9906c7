// SPDX-License-Identifier: Apache-2.0

package import Accounting
package import Cryptography
package import Training

/// A ledger as a file that a person names: the JSON document (``LedgerDocument``) or the binary export, told apart by the
/// first byte.
///
/// The room *Auditing* is what somebody needs who was there when nothing was trained: it reads ledgers and privacy
/// statements as files, recomputes every number in them, says what it recomputed and what nobody can, and keeps the ledger
/// file of runs on one machine. It promises that nothing is stated that does not follow from the bytes it was given. It
/// never draws noise, reads training data, or asks a network.
package struct LedgerFile: Sendable {
    /// What is known about who signed the head.
    package enum Signature: Hashable, Sendable {
        /// Nobody signed: a chain that was cut at its end is not noticed.
        case none
        /// The signature fits the key that stands beside it; whose that is was not checked.
        case unchecked(Ed25519PublicKey)
        /// Signed by the key that was expected.
        case verified(Ed25519PublicKey)
    }

    package let ledger: Ledger
    package let signature: Signature

    /// Reads and verifies everything in the file.
    ///
    /// - Parameters:
    ///   - path: names the file in errors.
    ///   - key: who must have signed the head; nil where anybody, or nobody, may have.
    package init(_ bytes: [UInt8], path: String, key: Ed25519PublicKey? = nil) throws(AuditError) {
        let ledger: Ledger
        var signature: LedgerSignature?
        if bytes.first(where: { !" \t\r\n".utf8.contains($0) }) == UInt8(ascii: "{") {
            let document: LedgerDocument
            do {
                document = try JSONText.decode(LedgerDocument.self, from: bytes)
            } catch {
                throw .notReadable(path: path, reason: "not a ledger: \(error)")
            }
            ledger = try AuditError.reading(path) { () throws(LedgerError) in try document.ledger() }
            signature = try AuditError.reading(path) { () throws(LedgerError) in try document.signature() }
        } else {
            ledger = try AuditError.reading(path) { () throws(LedgerError) in try Ledger(exported: bytes) }
        }
        self.ledger = ledger
        self.signature = try AuditError.reading(path) { () throws(LedgerError) in
            try Self.check(signature, of: ledger, key: key)
        }
    }

    /// A signature that does not fit is an error also where none was asked for: somebody changed something.
    private static func check(
        _ signature: LedgerSignature?,
        of ledger: Ledger,
        key: Ed25519PublicKey?
    ) throws(LedgerError) -> Signature {
        guard let signature else {
            guard key == nil else { throw .badSignature("there is none") }
            return .none
        }
        guard key == nil || signature.key == key else {
            throw .badSignature("it is by the key \(Hexadecimal.text(signature.key.bytes))")
        }
        guard signature.holds(for: ledger) else {
            throw .badSignature("it is not that of this head by the key \(Hexadecimal.text(signature.key.bytes))")
        }
        return key == nil ? .unchecked(signature.key) : .verified(signature.key)
    }

    /// The JSON document of a ledger, one member a line.
    package static func json(_ ledger: Ledger, signature: LedgerSignature? = nil) throws(TrainingError) -> [UInt8] {
        try Array((JSONText.encode(LedgerDocument(ledger, signature: signature), pretty: true) + "\n").utf8)
    }
}
