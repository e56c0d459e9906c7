// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// A ledger as a document for people and auditors, to be written as JSON: every field of every entry by its name, hashes
/// in hexadecimal.
///
/// The document is only another spelling. What is read becomes the canonical encoding of each entry again, and the hashes
/// are those of the encoding, so neither the order of members nor the spelling of a number matters, and nothing that
/// matters can hide in them.
package struct LedgerDocument: Hashable, Sendable, Codable {
    /// The value of `format`, by which the document is told from others.
    package static let formatName = "sotto ledger"

    package let format: String
    package let version: UInt32
    package let population: String
    package let entries: [Entry]
    package let head: Head

    package struct Entry: Hashable, Sendable, Codable {
        package let index: Int
        package let task: String
        package let round: Int
        package let attempt: Int
        package let kind: LedgerCharge.Kind
        @OrderedByAdversary package private(set) var events: [Adversary: PrivacyEvent]
        package let certificate: SensitivityCertificate
        package let modelHashBefore: String
        package let modelHashAfter: String?
        package let previousHash: String
        package let hash: String
    }

    package struct Head: Hashable, Sendable, Codable {
        package let count: Int
        package let hash: String
        /// Ed25519, 64 bytes; nil where nobody signed.
        package let signature: String?
        /// The public key of who signed. It says who claims to have signed; whom to believe the reader has to know.
        package let key: String?
    }

    package init(_ ledger: Ledger, signature: LedgerSignature? = nil) {
        format = Self.formatName
        version = LedgerEntry.version
        population = ledger.population
        entries = ledger.entries.map(Entry.init)
        head = Head(
            count: ledger.head.count,
            hash: Hexadecimal.text(ledger.head.hash),
            signature: signature.map { Hexadecimal.text($0.signature) },
            key: signature.map { Hexadecimal.text($0.key.bytes) }
        )
    }

    /// The ledger, every hash, link, state and the head verified as those of the binary form.
    package func ledger(expectedHead: LedgerHead? = nil) throws(LedgerError) -> Ledger {
        guard format == Self.formatName, version == LedgerEntry.version else {
            throw .malformed("expected format \"\(Self.formatName)\", version \(LedgerEntry.version)")
        }
        var read: [LedgerEntry] = []
        for (place, entry) in entries.enumerated() {
            do throws(AccountingError) {
                read.append(try entry.entry(population: population))
            } catch {
                throw .corrupted(entry: place, reason: error.description)
            }
        }
        let ledger = try Ledger(population: population, entries: read, expectedHead: expectedHead)
        guard head.count == ledger.head.count, Hexadecimal.bytes(head.hash) == ledger.head.hash else {
            throw .headMismatch(expected: head.count, found: ledger.head.count)
        }
        return ledger
    }

    /// The signature of the head as it stands there, not verified; nil where there is none.
    package func signature() throws(LedgerError) -> LedgerSignature? {
        guard head.signature != nil || head.key != nil else { return nil }
        guard let signature = head.signature.flatMap({ Hexadecimal.bytes($0) }),
            let bytes = head.key.flatMap({ Hexadecimal.bytes($0) }), let key = try? Ed25519PublicKey(bytes: bytes)
        else { throw .badSignature("expected a signature and a key of 32 bytes, hexadecimal") }
        return LedgerSignature(key: key, signature: signature)
    }
}

extension LedgerDocument.Entry {
    init(_ entry: LedgerEntry) {
        index = entry.index
        task = entry.charge.attempt.task
        round = entry.charge.attempt.round
        attempt = entry.charge.attempt.attempt
        kind = entry.charge.kind
        events = entry.charge.events
        certificate = entry.charge.certificate
        modelHashBefore = Hexadecimal.text(entry.charge.modelHashBefore)
        modelHashAfter = entry.charge.modelHashAfter.map { Hexadecimal.text($0) }
        previousHash = Hexadecimal.text(entry.previousHash)
        hash = Hexadecimal.text(entry.hash)
    }

    /// The entry by way of its canonical encoding, whose reader refuses what the binary form refuses.
    func entry(population: String) throws(AccountingError) -> LedgerEntry {
        func bytes(_ name: String, _ text: String) throws(AccountingError) -> [UInt8] {
            guard let bytes = Hexadecimal.bytes(text) else { throw .invalid(name, text, "hexadecimal digits") }
            return bytes
        }
        // An empty text would be read as no model.
        guard modelHashAfter != "" else { throw .invalid("modelHashAfter", "empty", "null or 64 hexadecimal digits") }
        let charge = LedgerCharge(
            LedgerCharge.Attempt(task: task, round: round, attempt: attempt),
            kind: kind,
            events: events,
            certificate: certificate,
            modelHashBefore: try bytes("modelHashBefore", modelHashBefore),
            modelHashAfter: try modelHashAfter.map { (text) throws(AccountingError) in
                try bytes("modelHashAfter", text)
            }
        )
        let encoding = LedgerEntry.encode(
            index: index,
            population: population,
            charge: charge,
            previousHash: try bytes("previousHash", previousHash)
        )
        guard encoding.count <= LedgerEntry.encodingLimit else {
            throw .invalid("length of an entry", encoding.count, "at most \(LedgerEntry.encodingLimit) bytes")
        }
        return try LedgerEntry(canonicalEncoding: encoding, hash: try bytes("hash", hash))
    }
}
