// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Participant
import Rounds
import Store
import TestKit
import Testing

/// Whatever happens to a device or its connection: it never sends two different bodies for one attempt, rounds go on, and
/// the run ends with the model of an undisturbed one, because a round is released with everybody's update or not at all.
@Suite("Clients that die and connections that break", .timeLimit(.minutes(2)))
struct ClientCrashTests {
    private static func terms() -> Terms {
        var terms = Terms()
        terms.rounds = 2
        return terms
    }

    private func undisturbed() async throws -> World {
        let world = try await World(Self.terms())
        try await world.run((1...3).map { try Device(world, index: $0, of: 3) })
        return world
    }

    private func check(_ world: World, against undisturbed: World, _ what: Comment) throws {
        #expect(world.bodiesSent.values.allSatisfy { $0 == 1 }, what)
        #expect(try world.task().modelHash == undisturbed.task().modelHash, what)
        #expect(try world.task().status == .finished, what)
        let kinds = try world.ledger().charges.map { try world.ledger().entry(of: $0.attempt)?.charge.kind }
        #expect(kinds.count { $0 == .spent } == 2 && kinds.allSatisfy { $0 != .reserved }, what)
    }

    /// How many requests of each kind one device of an undisturbed run has at least; asking again is not counted.
    private static let requests: [(Device.Kind, Int)] = [(.enrolment, 1), (.assignment, 3), (.blob, 3), (.upload, 2)]

    @Test("A request or a reply is lost, at each call in turn", arguments: [World.Fate.isLost, .replyIsLost])
    func losses(fate: World.Fate) async throws {
        let reference = try await undisturbed()
        for (kind, count) in Self.requests {
            for ordinal in 0..<count {
                let world = try await World(Self.terms())
                let unlucky = try Device(world, index: 1, of: 3) {
                    $0 == kind && $1 == ordinal ? (fate, false) : (.arrives, false)
                }
                try await world.run([unlucky] + (2...3).map { try Device(world, index: $0, of: 3) })
                try check(world, against: reference, "\(fate) at \(kind) \(ordinal)")
                // Nothing was given up for it.
                #expect(try world.ledger().head == reference.ledger().head, "\(fate) at \(kind) \(ordinal)")
            }
        }
    }

    @Test("A process is killed at each call in turn", arguments: [World.Fate.isLost, .replyIsLost])
    func kills(fate: World.Fate) async throws {
        let reference = try await undisturbed()
        for (kind, count) in Self.requests {
            for ordinal in 0..<count {
                let world = try await World(Self.terms())
                let unlucky = try Device(world, index: 2, of: 3) {
                    $0 == kind && $1 == ordinal ? (fate, true) : (.arrives, false)
                }
                try await world.run([unlucky] + [1, 3].map { try Device(world, index: $0, of: 3) })
                try check(world, against: reference, "killed at \(kind) \(ordinal)")
                #expect(try world.ledger().head == reference.ledger().head, "killed at \(kind) \(ordinal)")
            }
        }
    }

    /// What a crash can leave on disk between two syncs of one round, made from what lies there when the upload is lost.
    enum Remains: String, CaseIterable, Sendable {
        /// Computing, nothing sealed.
        case started
        /// The update's bytes are there, the journal does not know of them.
        case startedWithUpdate
        case sealed
        /// The ledger is charged, the journal does not know of it.
        case sealedAndCharged
        case charged
        /// The update's bytes were damaged or lost.
        case chargedWithoutUpdate
        /// The journal is gone, the charge is not.
        case chargedWithoutJournal

        /// Whether the sealed bytes are there and known, so that exactly they may be sent.
        var keepsTheUpdate: Bool { [.sealed, .sealedAndCharged, .charged].contains(self) }
    }

    @Test("A device goes on from every state that a crash can leave", arguments: Remains.allCases)
    func remains(_ remains: Remains) async throws {
        let reference = try await undisturbed()
        let world = try await World(Self.terms())
        let unlucky = try Device(world, index: 1, of: 3) { kind, ordinal in
            kind == .upload && ordinal == 0 ? (.isLost, true) : (.arrives, false)
        }
        let others = try (2...3).map { try Device(world, index: $0, of: 3) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // Where its bytes are gone, the first attempt ends without this device.
                try await world.run(others) { round in
                    !remains.keepsTheUpdate && unlucky.deaths == 1 && round.accepted == 2
                        && round.identifier == RoundIdentifier(task: "digits", round: 1, attempt: 1)
                }
            }
            try await unlucky.run()
            #expect(unlucky.wasKilled)
            try Self.leave(remains, in: unlucky)
            try await unlucky.run()
            try await group.waitForAll()
        }
        try check(world, against: reference, "\(remains)")

        // What was charged stays charged; what never left a device may be free.
        let charges = try ClientLedger(
            path: unlucky.folder.file("ledger"),
            isNew: false,
            maximumEpsilon: 100,
            maximumEpsilonAgainstServer: 1e6,
            delta: 1e-5
        ).rounds
        let attempts = try world.ledger().charges.count
        switch remains {
        case .sealed, .sealedAndCharged, .charged:
            // The very bytes that were sealed are sent.
            #expect(attempts == 2 && charges.count == 2)
        case .started, .startedWithUpdate:
            #expect(attempts == 3 && charges.count == 2)
            #expect(!charges.contains(RoundIdentifier(task: "digits", round: 1, attempt: 1)))
        case .chargedWithoutUpdate, .chargedWithoutJournal:
            #expect(attempts == 3 && charges.count == 3)
        }
        // One body at most was ever sent for the attempt, and with the bytes lost no other took their place.
        #expect(world.bodiesSent.values.allSatisfy { $0 == 1 })
    }

    private static func leave(_ remains: Remains, in device: Device) throws {
        let folder = try device.whileLocked { try StateFolder(device.folder.path) }
        guard var journal = try folder.journals()["digits"] else {
            Issue.record("a killed upload leaves a journal")
            return
        }
        #expect(journal.round.stage == .charged)
        func rewind(to stage: ClientRound.Stage) throws {
            journal.round = ClientRound(identifier: journal.round.identifier, stage: stage)
            if stage == .started { journal.bodyHash = [] }
            try folder.setJournal(journal)
        }
        switch remains {
        case .started, .startedWithUpdate:
            try rewind(to: .started)
            if remains == .started { try device.folder.remove("update") }
            try device.folder.put([UInt8](), in: "ledger")
        case .sealed:
            try rewind(to: .sealed)
            try device.folder.put([UInt8](), in: "ledger")
        case .sealedAndCharged:
            try rewind(to: .sealed)
        case .charged:
            break
        case .chargedWithoutUpdate:
            try device.folder.remove("update")
        case .chargedWithoutJournal:
            try device.folder.remove("journal")
        }
    }
}
