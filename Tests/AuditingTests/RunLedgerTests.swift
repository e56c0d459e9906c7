// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import TestKit
import Testing

@Suite struct RunLedgerTests {
    private let folder: TemporaryFolder
    private let runs: RunLedger

    init() throws {
        folder = try TemporaryFolder()
        runs = RunLedger(path: folder.file("ledger.json"), population: "digits")
    }

    private func reserve(_ event: PrivacyEvent, limit: RunLedger.Limit? = nil) throws -> LedgerCharge {
        try runs.reserve(
            "mlp",
            event: event,
            certificate: Samples.certificate(),
            modelHash: Samples.hash,
            limit: limit
        )
    }

    private func ledger() throws -> Ledger {
        try LedgerFile(folder.bytes(of: "ledger.json"), path: "ledger.json").ledger
    }

    @Test func runsCompose() throws {
        let events = [Samples.step().selfComposed(10), Samples.step(rate: 0.2, sigma: 1280).selfComposed(5)]
        let first = try reserve(events[0])
        // On disk, and counted, before the run has done anything.
        let single = try ledger().standing(against: .outsider, delta: 1e-5)
        #expect(try ledger().openAttempts == [first.attempt])
        #expect(
            try runs.close(first, as: .spent, modelHash: Samples.hash).standing(against: .outsider, delta: 1e-5)
                == single
        )

        let second = try reserve(events[1])
        try runs.close(second, as: .abandoned)
        let both = try ledger()
        #expect(both.entries.map(\.charge.kind) == [.reserved, .spent, .reserved, .abandoned])
        #expect(both.entries.map(\.charge.attempt.round) == [0, 0, 1, 1])
        #expect(both.entries[1].charge.modelHashAfter == Samples.hash)
        let whole = PrivacyEvent.composed(events.map { PrivacyEvent.Repeated($0, count: 1) })
        for accountant in Accountant.allCases {
            let standing = both.standing(against: .outsider, delta: 1e-5, by: AccountantChoice(accountant: accountant))
            guard case .stated(let event, let accounted, let parts) = standing.outcome else {
                Issue.record("\(standing)")
                continue
            }
            #expect(event == whole)
            #expect(try accountant.epsilon(of: whole, delta: accounted.delta) == accounted)
            #expect(parts.total <= 1e-5)
        }
        let total = try #require(both.standing(against: .outsider, delta: 1e-5).epsilon)
        #expect(try total > #require(single.epsilon))
    }

    @Test func theSameRunTwiceIsOneOfTwiceTheSteps() throws {
        for _ in 0..<2 { try runs.close(reserve(Samples.step().selfComposed(10)), as: .spent, modelHash: Samples.hash) }
        let total = try #require(try ledger().standing(against: .outsider, delta: 1e-5).epsilon)
        let delta = 1e-5.nextDown
        let twice = try Accountant.least(of: Samples.step().selfComposed(20), delta: delta).epsilon
        #expect(abs(total - twice) < 1e-6)
    }

    @Test(arguments: [nil, Accountant.rdp])
    func aRunThatWouldPassTheLimitIsRefusedBeforeItIsSpent(_ accountant: Accountant?) throws {
        let choice = AccountantChoice(accountant: accountant)
        let event = Samples.step().selfComposed(10)
        let one = try choice.epsilon(of: event, delta: 1e-5).epsilon
        let two = try choice.epsilon(of: Samples.step().selfComposed(20), delta: 1e-5).epsilon
        let limit = try RunLedger.Limit(epsilon: (one + two) / 2, delta: 1e-5, accountant: accountant)
        _ = try reserve(event, limit: limit)
        let before = try folder.bytes(of: "ledger.json")
        let error = #expect(throws: AuditError.self) { try reserve(event, limit: limit) }
        #expect(error?.isBudget == true, "\(String(describing: error))")
        #expect(try folder.bytes(of: "ledger.json") == before)
        // What is stated is within what was allowed.
        let stated = try #require(try ledger().standing(against: .outsider, delta: 1e-5, by: choice).epsilon)
        #expect(stated <= (one + two) / 2)
    }

    @Test func aFileOfOthersIsLeftAlone() throws {
        let ledger = try Samples.ledger()
        for bytes in [
            try LedgerFile.json(ledger), ledger.export(), Array("{}".utf8), Array("{".utf8), [], [0],
        ] {
            try folder.put(bytes, in: "ledger.json")
            let error = #expect(throws: AuditError.self) { try reserve(Samples.step()) }
            #expect(error?.isBudget == false)
            #expect(try folder.bytes(of: "ledger.json") == bytes)
        }
    }

    @Test func aSignedLedgerIsNotAppendedTo() throws {
        var ledger = try Ledger(population: "digits")
        try ledger.append(Samples.charge(0))
        try folder.put(Samples.signed(ledger), in: "ledger.json")
        #expect(throws: AuditError.signed(path: runs.path)) { try reserve(Samples.step()) }
    }

    @Test func runsAtTheSameTimeLoseNothing() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { [runs] in
                    for _ in 0..<3 {
                        let charge = try runs.reserve(
                            "mlp",
                            event: Samples.step(),
                            certificate: Samples.certificate(),
                            modelHash: Samples.hash
                        )
                        try runs.close(charge, as: .spent, modelHash: Samples.hash)
                    }
                }
            }
            try await group.waitForAll()
        }
        let ledger = try ledger()
        #expect(ledger.entries.count == 24 && ledger.openAttempts.isEmpty)
        #expect(ledger.charges.map(\.attempt.round) == Array(0..<12))
    }
}
