// SPDX-License-Identifier: Apache-2.0

/// The file form: what a client keeps on disk and an auditor is given. The layout is in `docs/proofs/ledger.md`.
extension Ledger {
    private static let magic = "sotto ledger file"

    /// The whole ledger as bytes.
    package func export() -> [UInt8] {
        var encoder = CanonicalEncoder()
        encoder.append(Ledger.magic)
        encoder.append(LedgerEntry.version)
        encoder.append(population)
        encoder.append(UInt64(entries.count))
        for entry in entries {
            encoder.append(entry.canonicalEncoding)
            encoder.append(entry.hash)
        }
        encoder.append(head.hash)
        return encoder.bytes
    }

    /// Reads and verifies an exported ledger.
    /// - Parameter expectedHead: a head that was signed; without it a chain that was cut at its end, and its head
    ///   rewritten, is not noticed.
    package init(exported bytes: [UInt8], expectedHead: LedgerHead? = nil) throws(LedgerError) {
        var decoder = CanonicalDecoder(bytes)
        let population: String
        let count: UInt64
        do throws(AccountingError) {
            guard try decoder.string(limit: 64) == Ledger.magic else { throw decoder.malformed("not a ledger file") }
            guard try decoder.integer(UInt32.self) == LedgerEntry.version else {
                throw decoder.malformed("a version of the ledger other than \(LedgerEntry.version)")
            }
            population = try decoder.string(limit: LedgerEntry.nameLimit)
            count = try decoder.integer()
        } catch {
            throw .malformed(error.description)
        }
        var entries: [LedgerEntry] = []
        var place: UInt64 = 0
        while place < count {
            do throws(AccountingError) {
                let encoding = try decoder.byteString(limit: LedgerEntry.encodingLimit)
                let hash = try decoder.byteString(limit: 32)
                entries.append(try LedgerEntry(canonicalEncoding: encoding, hash: hash))
            } catch {
                throw .corrupted(entry: entries.count, reason: error.description)
            }
            place += 1
        }
        let last: [UInt8]
        do throws(AccountingError) {
            last = try decoder.byteString(limit: 32)
            try decoder.finish()
        } catch {
            throw .malformed(error.description)
        }
        try self.init(population: population, entries: entries, expectedHead: expectedHead)
        guard last == head.hash else { throw .headMismatch(expected: entries.count, found: entries.count) }
    }
}
