// SPDX-License-Identifier: Apache-2.0

/// The canonical encoding, documented in `docs/proofs/ledger.md`.
extension LedgerEntry {
    private static let domain = "sotto ledger entry"
    /// Names of populations and tasks are at most this long, in UTF-8.
    static let nameLimit = 1024
    /// An entry's encoding is at most this long.
    static let encodingLimit = 1 << 24
    private static let maximumAdversaries = 64

    static func encode(
        index: Int,
        population: String,
        charge: LedgerCharge,
        previousHash: [UInt8]
    ) -> [UInt8] {
        var encoder = CanonicalEncoder()
        encoder.append(domain)
        encoder.append(version)
        encoder.append(Int64(index))
        encoder.append(population)
        encoder.append(charge.attempt.task)
        encoder.append(Int64(charge.attempt.round))
        encoder.append(Int64(charge.attempt.attempt))
        encoder.append(charge.kind.tag)
        encoder.append(UInt32(charge.events.count))
        for (adversary, event) in charge.events.sorted(by: { $0.key < $1.key }) {
            encoder.append(adversary.description)
            event.encode(into: &encoder)
        }
        charge.certificate.encode(into: &encoder)
        encoder.append(charge.modelHashBefore)
        encoder.append(charge.modelHashAfter ?? [])
        encoder.append(previousHash)
        return encoder.bytes
    }

    init(from decoder: inout CanonicalDecoder, hash: [UInt8]) throws(AccountingError) {
        guard try decoder.string(limit: 64) == LedgerEntry.domain else { throw decoder.malformed("not a ledger entry") }
        guard try decoder.integer(UInt32.self) == LedgerEntry.version else {
            throw decoder.malformed("a version of the ledger other than \(LedgerEntry.version)")
        }
        index = Int(try decoder.integer(Int64.self))
        population = try decoder.string(limit: LedgerEntry.nameLimit)
        let attempt = LedgerCharge.Attempt(
            task: try decoder.string(limit: LedgerEntry.nameLimit),
            round: Int(try decoder.integer(Int64.self)),
            attempt: Int(try decoder.integer(Int64.self))
        )
        guard let kind = LedgerCharge.Kind(tag: try decoder.integer(UInt8.self)) else {
            throw decoder.malformed("unknown kind of entry")
        }
        let count = Int(try decoder.integer(UInt32.self))
        guard count <= LedgerEntry.maximumAdversaries else { throw decoder.malformed("too many adversaries") }
        var events: [Adversary: PrivacyEvent] = [:]
        var last: Adversary?
        for _ in 0..<count {
            guard let adversary = Adversary(try decoder.string(limit: 64)), last.map({ $0 < adversary }) ?? true else {
                throw decoder.malformed("an unknown adversary, or adversaries out of order")
            }
            events[adversary] = try PrivacyEvent(from: &decoder)
            last = adversary
        }
        let certificate = try SensitivityCertificate(from: &decoder)
        let before = try decoder.byteString(limit: 32)
        let after = try decoder.byteString(limit: 32)
        charge = LedgerCharge(
            attempt,
            kind: kind,
            events: events,
            certificate: certificate,
            modelHashBefore: before,
            modelHashAfter: after.isEmpty ? nil : after
        )
        previousHash = try decoder.byteString(limit: 32)
        self.hash = hash
    }
}

extension LedgerCharge.Kind {
    fileprivate var tag: UInt8 {
        switch self {
        case .reserved: 1
        case .spent: 2
        case .abandoned: 3
        }
    }

    fileprivate init?(tag: UInt8) {
        switch tag {
        case 1: self = .reserved
        case 2: self = .spent
        case 3: self = .abandoned
        default: return nil
        }
    }
}
