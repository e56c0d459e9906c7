// SPDX-License-Identifier: Apache-2.0

import Cryptography

/// What a ledger entry says, before it has a place in the chain.
package struct LedgerCharge: Hashable, Sendable, Codable {
    /// How far the attempt has come. Each kind counts in full against the budget.
    package enum Kind: String, Hashable, Sendable, Codable {
        /// Before anything is computed on data.
        case reserved
        /// Durable before the request that can reveal the sum leaves.
        case spent
        /// The attempt ended without a model. Updates may have been seen, so nothing is refunded.
        case abandoned
    }

    /// Names an attempt at a round of a task.
    package struct Attempt: Hashable, Sendable, Codable, CustomStringConvertible {
        package let task: String
        /// Not negative.
        package let round: Int
        /// Not negative.
        package let attempt: Int

        package init(task: String, round: Int, attempt: Int = 0) {
            self.task = task
            self.round = round
            self.attempt = attempt
        }

        package var description: String { "task \(task), round \(round), attempt \(attempt)" }
    }

    package let attempt: Attempt
    package let kind: Kind
    /// What the attempt releases to each adversary; an adversary that is missing gets no guarantee.
    package let events: [Adversary: PrivacyEvent]
    package let certificate: SensitivityCertificate
    /// SHA-256 of the model that was trained from.
    package let modelHashBefore: [UInt8]
    /// SHA-256 of the model that came out; nil where there is none, or none yet.
    package let modelHashAfter: [UInt8]?

    package init(
        _ attempt: Attempt,
        kind: Kind,
        events: [Adversary: PrivacyEvent],
        certificate: SensitivityCertificate,
        modelHashBefore: [UInt8],
        modelHashAfter: [UInt8]? = nil
    ) {
        self.attempt = attempt
        self.kind = kind
        self.events = events
        self.certificate = certificate
        self.modelHashBefore = modelHashBefore
        self.modelHashAfter = modelHashAfter
    }

    /// The charge that ends this reservation.
    package func closed(as kind: Kind, modelHashAfter: [UInt8]? = nil) -> LedgerCharge {
        LedgerCharge(
            attempt,
            kind: kind,
            events: events,
            certificate: certificate,
            modelHashBefore: modelHashBefore,
            modelHashAfter: modelHashAfter
        )
    }

    /// The event that bounds what `adversary` learns: its own, or that of the next adversary who sees at least as much, in
    /// the order outsider, client, more colluders, server. The server sees every update, of which everything that others
    /// see is computed, so its event bounds any number of colluders. Nil where there is none.
    package func event(against adversary: Adversary) -> PrivacyEvent? {
        if let event = events[adversary] { return event }
        return events.keys.filter { $0 > adversary }.min().flatMap { events[$0] }
    }
}

/// One link of the chain. Its hash is SHA-256 of `canonicalEncoding`, which covers every other field
/// (`docs/proofs/ledger.md`). It carries no time.
package struct LedgerEntry: Hashable, Sendable, Codable {
    /// The version of the encoding.
    package static let version: UInt32 = 1

    /// The place in the chain, from 0.
    package let index: Int
    /// The people, or the data source, whose budget this is.
    package let population: String
    package let charge: LedgerCharge
    /// The hash of the entry before; for the first, `Ledger.genesisHash(population:)`.
    package let previousHash: [UInt8]
    package let hash: [UInt8]

    init(index: Int, population: String, charge: LedgerCharge, previousHash: [UInt8]) {
        self.index = index
        self.population = population
        self.charge = charge
        self.previousHash = previousHash
        hash = SHA256.hash(
            LedgerEntry.encode(index: index, population: population, charge: charge, previousHash: previousHash)
        )
    }

    /// An entry as it was stored: nothing is verified before a `Ledger` takes it.
    package init(canonicalEncoding bytes: [UInt8], hash: [UInt8]) throws(AccountingError) {
        var decoder = CanonicalDecoder(bytes)
        try self.init(from: &decoder, hash: hash)
        try decoder.finish()
    }

    /// What the hash covers.
    package var canonicalEncoding: [UInt8] {
        LedgerEntry.encode(index: index, population: population, charge: charge, previousHash: previousHash)
    }

    /// Whether `hash` is that of the other fields.
    package var hashIsValid: Bool { SHA256.hash(canonicalEncoding) == hash }
}
