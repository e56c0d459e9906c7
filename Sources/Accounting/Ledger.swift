// SPDX-License-Identifier: Apache-2.0

import Cryptography

/// Where a ledger ends: what a server signs and puts into every receipt.
package struct LedgerHead: Hashable, Sendable, Codable {
    /// The number of entries.
    package let count: Int
    /// The last entry's hash; for an empty ledger, `Ledger.genesisHash(population:)`.
    package let hash: [UInt8]

    package init(count: Int, hash: [UInt8]) {
        self.count = count
        self.hash = hash
    }
}

/// The append-only record of what one population (on a server) or one data source (on a client) has spent.
///
/// Entries are chained by SHA-256. Every attempt counts once, in full and against every adversary that its entries
/// name, from the reservation on, whether it was spent, was abandoned, or is still open; also a round that was aborted
/// before anything reached an outsider counts against all. Epsilon therefore never falls. All tasks on the population
/// add up.
package struct Ledger: Sendable {
    package let population: String
    package private(set) var entries: [LedgerEntry] = []
    /// The places of the first entry of each attempt: what is counted.
    package private(set) var counted: [Int] = []
    private var latest: [LedgerCharge.Attempt: Int] = [:]

    /// An empty ledger.
    package init(population: String) throws(LedgerError) {
        guard !population.isEmpty, population.utf8.count <= LedgerEntry.nameLimit else {
            throw .malformed("a population's name has 1...\(LedgerEntry.nameLimit) bytes")
        }
        self.population = population
    }

    /// A ledger from its stored entries, each link and each state verified.
    /// - Parameter expectedHead: a head that was signed; without it a chain that was cut at its end is not noticed.
    package init(
        population: String,
        entries: [LedgerEntry],
        expectedHead: LedgerHead? = nil
    ) throws(LedgerError) {
        try self.init(population: population)
        for (place, entry) in entries.enumerated() {
            do throws(LedgerError) {
                try append(entry)
            } catch .refusedEntry(_, let reason) {
                throw .corrupted(entry: place, reason: reason)
            } catch {
                throw .corrupted(entry: place, reason: error.description)
            }
        }
        if let expectedHead, expectedHead != head {
            throw .headMismatch(expected: expectedHead.count, found: head.count)
        }
    }

    /// The hash to which the first entry is chained.
    package static func genesisHash(population: String) -> [UInt8] {
        var encoder = CanonicalEncoder()
        encoder.append("sotto ledger")
        encoder.append(LedgerEntry.version)
        encoder.append(population)
        return SHA256.hash(encoder.bytes)
    }

    package var head: LedgerHead {
        LedgerHead(count: entries.count, hash: entries.last?.hash ?? Ledger.genesisHash(population: population))
    }

    /// The charges of all attempts, one each, in the order in which they began.
    package var charges: [LedgerCharge] { counted.map { entries[$0].charge } }

    /// The latest entry of an attempt.
    package func entry(of attempt: LedgerCharge.Attempt) -> LedgerEntry? { latest[attempt].map { entries[$0] } }

    /// The attempts that are reserved, neither spent nor abandoned, in order.
    package var openAttempts: [LedgerCharge.Attempt] {
        charges.map(\.attempt).filter { entry(of: $0)?.charge.kind == .reserved }
    }

    /// The entry that would carry `charge`, verified but not appended: make it durable, then append it.
    package func prepare(_ charge: LedgerCharge) throws(LedgerError) -> LedgerEntry {
        try verify(charge)
        let entry = LedgerEntry(index: entries.count, population: population, charge: charge, previousHash: head.hash)
        // What could not be read again must not be written.
        let encoding = entry.canonicalEncoding
        do throws(AccountingError) {
            guard encoding.count <= LedgerEntry.encodingLimit,
                try LedgerEntry(canonicalEncoding: encoding, hash: entry.hash) == entry
            else { throw .malformedEncoding(what: "too long, or not what was encoded", offset: 0) }
        } catch {
            throw .refusedEntry(index: entries.count, reason: error.description)
        }
        return entry
    }

    /// Appends an entry that `prepare` made here, or that the same chain has elsewhere.
    package mutating func append(_ entry: LedgerEntry) throws(LedgerError) {
        let place = entries.count
        guard entry.hashIsValid else {
            throw .refusedEntry(index: place, reason: "its hash is not that of its content")
        }
        guard entry.index == place else { throw .refusedEntry(index: place, reason: "its index is \(entry.index)") }
        guard entry.population == population else {
            throw .refusedEntry(index: place, reason: "it belongs to another population")
        }
        guard entry.previousHash == head.hash else {
            throw .refusedEntry(index: place, reason: "it is chained to another entry")
        }
        try verify(entry.charge)
        if latest.updateValue(place, forKey: entry.charge.attempt) == nil { counted.append(place) }
        entries.append(entry)
    }

    /// Prepares and appends.
    @discardableResult
    package mutating func append(_ charge: LedgerCharge) throws(LedgerError) -> LedgerEntry {
        let entry = try prepare(charge)
        try append(entry)
        return entry
    }

    /// Whether the charge is well formed, relies on no less than the certified sensitivity, and may follow what is
    /// recorded of its attempt: a reservation or a direct spend comes first; a reservation is closed once, by the same
    /// events and certificate.
    private func verify(_ charge: LedgerCharge) throws(LedgerError) {
        let place = entries.count
        func refuse(_ reason: String) -> LedgerError { .refusedEntry(index: place, reason: reason) }
        let attempt = charge.attempt
        guard !attempt.task.isEmpty, attempt.task.utf8.count <= LedgerEntry.nameLimit else {
            throw refuse("a task's name has 1...\(LedgerEntry.nameLimit) bytes")
        }
        guard attempt.round >= 0, attempt.attempt >= 0 else { throw refuse("round and attempt are not negative") }
        guard !charge.events.isEmpty else { throw refuse("it gives no guarantee against anyone") }
        guard charge.modelHashBefore.count == 32, charge.modelHashAfter.map({ $0.count == 32 }) ?? true else {
            throw refuse("a model's hash has 32 bytes")
        }
        for case .colluders(let count) in charge.events.keys where count < 1 {
            throw refuse("colluders are at least one")
        }
        do throws(AccountingError) {
            try charge.certificate.validate()
            for event in charge.events.values { _ = try RenyiCurve(event) }
        } catch {
            throw .accounting(error)
        }
        let bound = DirectedRounding.atLeast(charge.certificate.bound)
        for (adversary, event) in charge.events {
            guard event.smallestSensitivity ?? bound >= bound else {
                throw refuse("its event against \(adversary) relies on less than the certified sensitivity")
            }
        }
        switch (entry(of: attempt)?.charge, charge.kind) {
        case (nil, .reserved), (nil, .spent):
            return
        case (nil, .abandoned):
            throw refuse("\(attempt) was never reserved")
        case (let reservation?, .spent), (let reservation?, .abandoned):
            guard reservation.kind == .reserved else {
                throw refuse("\(attempt) is already \(reservation.kind.rawValue)")
            }
            guard reservation.events == charge.events, reservation.certificate == charge.certificate,
                reservation.modelHashBefore == charge.modelHashBefore
            else { throw refuse("it differs from the reservation of \(attempt)") }
        case (let earlier?, .reserved):
            throw refuse("\(attempt) is already \(earlier.kind.rawValue)")
        }
    }
}
