// SPDX-License-Identifier: Apache-2.0

import Accounting
import TestKit
import Testing

@Suite struct LedgerTests {
    private static let certificate = SensitivityCertificate(
        method: "per-example",
        bound: 1000,
        gridExponent: 18,
        dimension: 650,
        inflation: 1,
        derivation: "maths"
    )

    private func charge(
        round: Int,
        attempt: Int = 0,
        task: String = "digits",
        kind: LedgerCharge.Kind = .reserved,
        rate: Double = 0.25,
        sigma: Double = 640,
        sensitivity: Double = 1000
    ) -> LedgerCharge {
        func sum(_ shares: Int) -> PrivacyEvent {
            .sumOfDiscreteGaussians(shares: shares, sigma: sigma, sensitivity: sensitivity)
        }
        return LedgerCharge(
            LedgerCharge.Attempt(task: task, round: round, attempt: attempt),
            kind: kind,
            events: [
                .outsider: .poissonSampled(rate: rate, event: sum(8)),
                .client: .poissonSampled(rate: rate, event: sum(7)),
                .colluders(2): .poissonSampled(rate: rate, event: sum(6)),
                .server: sum(1),
            ],
            certificate: LedgerTests.certificate,
            modelHashBefore: [UInt8](repeating: 1, count: 32)
        )
    }

    private func sample() throws -> Ledger {
        var ledger = try Ledger(population: "people")
        try ledger.append(charge(round: 0))
        try ledger.append(charge(round: 0).closed(as: .spent, modelHashAfter: [UInt8](repeating: 2, count: 32)))
        try ledger.append(charge(round: 1, sigma: 1280))
        try ledger.append(charge(round: 1, sigma: 1280).closed(as: .abandoned))
        try ledger.append(charge(round: 1, attempt: 1, kind: .spent, rate: 0.5))
        return ledger
    }

    /// Made by a separate program (Python's struct and hashlib) from the layout in docs/proofs/ledger.md.
    @Test func hashesAreThoseOfTheDocumentedEncoding() throws {
        let events: [Adversary: PrivacyEvent] = [
            .outsider: .poissonSampled(
                rate: 0.25,
                event: .sumOfDiscreteGaussians(shares: 8, sigma: 640, sensitivity: 1000)
            ),
            .colluders(2): .sumOfDiscreteGaussians(shares: 6, sigma: 640, sensitivity: 1000),
            .server: .composed([.init(.gaussian(noiseMultiplier: 1.5), count: 3)]),
        ]
        let charge = LedgerCharge(
            LedgerCharge.Attempt(task: "digits", round: 7, attempt: 1),
            kind: .reserved,
            events: events,
            certificate: LedgerTests.certificate,
            modelHashBefore: [UInt8](repeating: 1, count: 32)
        )
        let ledger = try Ledger(population: "people")
        #expect(
            ledger.head.hash == bytes(hex: "ab0729442d2eb9c1d7eef3886aaa0c4ffa77e302144a32521aa1380945ffde47")
        )
        let entry = try ledger.prepare(charge)
        #expect(entry.canonicalEncoding.count == 337)
        #expect(entry.hash == bytes(hex: "83294f3d50ba81eacdbd7feafe693026b61bcf339772c41ff996ace6b0df60b7"))
    }

    @Test func everyAttemptCountsOnce() throws {
        let ledger = try sample()
        let events = [charge(round: 0), charge(round: 1, sigma: 1280), charge(round: 1, attempt: 1, rate: 0.5)]
        for adversary in [Adversary.outsider, .client, .colluders(2), .server] {
            let expected = PrivacyEvent.composed(
                try events.map { PrivacyEvent.Repeated(try #require($0.events[adversary]), count: 1) }
            )
            let value = try ledger.epsilon(against: adversary, delta: 1e-5)
            #expect(try value == RDPAccountant.epsilon(of: expected, delta: 1e-5))
        }
        #expect(ledger.adversaries == [.outsider, .client, .colluders(2), .server])
        #expect(ledger.openAttempts.isEmpty)
    }

    @Test func epsilonDoesNotChangeWhenAReservationIsClosedAndNeverFalls() throws {
        var ledger = try Ledger(population: "people")
        var last = try ledger.epsilon(against: .server, delta: 1e-5).epsilon
        #expect(last == 0)
        for round in 0..<4 {
            try ledger.append(charge(round: round))
            let reserved = try ledger.epsilon(against: .server, delta: 1e-5).epsilon
            #expect(reserved > last)
            #expect(ledger.openAttempts == [charge(round: round).attempt])
            try ledger.append(charge(round: round).closed(as: round.isMultiple(of: 2) ? .spent : .abandoned))
            #expect(try ledger.epsilon(against: .server, delta: 1e-5).epsilon == reserved)
            last = reserved
        }
    }

    @Test func strongerAdversariesStandForWeakerOnes() throws {
        let ledger = try sample()
        let delta = 1e-5
        #expect(
            try ledger.epsilon(against: .colluders(1), delta: delta)
                == ledger.epsilon(against: .colluders(2), delta: delta)
        )
        // The server sees all that any number of colluders does; where it has no guarantee, they have none.
        #expect(
            try ledger.epsilon(against: .colluders(3), delta: delta) == ledger.epsilon(against: .server, delta: delta)
        )
        let order = try [Adversary.outsider, .client, .colluders(2), .server].map {
            try ledger.epsilon(against: $0, delta: delta).epsilon
        }
        #expect(order == order.sorted())
    }

    @Test func entriesOutOfOrderAreRefused() throws {
        let ledger = try sample()
        let refused: [LedgerCharge] = [
            charge(round: 0), charge(round: 0).closed(as: .spent), charge(round: 0).closed(as: .abandoned),
            charge(round: 1, sigma: 1280).closed(as: .spent),
            charge(round: 1, attempt: 1, kind: .spent, rate: 0.5), charge(round: 1, attempt: 1, rate: 0.5),
            charge(round: 9, kind: .abandoned), charge(round: -1), charge(round: 9, attempt: -1),
            charge(round: 9, task: ""), charge(round: 9, task: String(repeating: "x", count: 1025)),
            charge(round: 9, rate: 1.5), charge(round: 9, sigma: 2), charge(round: 9, sensitivity: 999),
            charge(round: 9, rate: -0.0),
            LedgerCharge(
                charge(round: 9).attempt,
                kind: .reserved,
                events: [:],
                certificate: LedgerTests.certificate,
                modelHashBefore: [UInt8](repeating: 0, count: 32)
            ),
            LedgerCharge(
                charge(round: 9).attempt,
                kind: .reserved,
                events: charge(round: 9).events,
                certificate: LedgerTests.certificate,
                modelHashBefore: [0]
            ),
        ]
        for charge in refused {
            #expect(throws: LedgerError.self, "\(charge.attempt) \(charge.kind)") { try ledger.prepare(charge) }
        }
        var open = ledger
        try open.append(charge(round: 2))
        #expect(throws: LedgerError.self) { try open.prepare(charge(round: 2, sigma: 6400).closed(as: .spent)) }
        try open.append(charge(round: 2).closed(as: .spent))
    }

    @Test func chainsMustFit() throws {
        let ledger = try sample()
        let entries = ledger.entries
        #expect(try Ledger(population: "people", entries: entries, expectedHead: ledger.head).head == ledger.head)
        #expect(throws: LedgerError.self) { try Ledger(population: "others", entries: entries) }
        #expect(throws: LedgerError.self) { try Ledger(population: "people", entries: Array(entries.dropFirst())) }
        var swapped = entries
        swapped.swapAt(2, 4)
        #expect(throws: LedgerError.self) { try Ledger(population: "people", entries: swapped) }
        #expect(throws: LedgerError.headMismatch(expected: 5, found: 4)) {
            try Ledger(population: "people", entries: Array(entries.dropLast()), expectedHead: ledger.head)
        }
        var other = try Ledger(population: "people")
        #expect(throws: LedgerError.self) { try other.append(entries[1]) }
        try other.append(entries[0])
        #expect(other.head.hash == entries[0].hash)
    }

    @Test func everyChangedByteIsRefused() throws {
        let ledger = try sample()
        let exported = ledger.export()
        let read = try Ledger(exported: exported, expectedHead: ledger.head)
        #expect(read.entries == ledger.entries)
        for place in exported.indices {
            for flip in [0x01, 0x80, 0xff] as [UInt8] {
                var tampered = exported
                tampered[place] ^= flip
                #expect(throws: LedgerError.self, "byte \(place) with \(flip)") { try Ledger(exported: tampered) }
            }
        }
        for length in stride(from: 0, to: exported.count, by: 7) {
            #expect(throws: LedgerError.self) { try Ledger(exported: Array(exported.prefix(length))) }
        }
        #expect(throws: LedgerError.self) { try Ledger(exported: exported + [0]) }
    }

    @Test func theErrorNamesTheDamagedEntry() throws {
        let ledger = try sample()
        var entries = ledger.entries
        entries[3] = try LedgerEntry(canonicalEncoding: entries[3].canonicalEncoding, hash: entries[2].hash)
        #expect(throws: LedgerError.corrupted(entry: 3, reason: "its hash is not that of its content")) {
            try Ledger(population: "people", entries: entries)
        }
    }
}
