// SPDX-License-Identifier: Apache-2.0

import Accounting
import Rounds
import Testing

@Suite("What a ledger states and allows")
struct LedgerStatementTests {
    static let delta = 1e-6

    static func charge(_ round: Int, of plan: TaskPlan) -> LedgerCharge {
        LedgerCharge(
            LedgerCharge.Attempt(task: plan.task, round: round, attempt: 1),
            kind: .reserved,
            events: plan.events,
            certificate: SensitivityCertificate(
                method: "per-example",
                bound: plan.privacy.bound,
                gridExponent: plan.privacy.gridExponent,
                dimension: plan.model.parameters,
                inflation: 1,
                derivation: "a test"
            ),
            modelHashBefore: [UInt8](repeating: 1, count: 32)
        )
    }

    static func ledger(rounds: Int, of plan: TaskPlan) throws -> Ledger {
        var ledger = try Ledger(population: "people")
        for round in 1...rounds { try ledger.append(charge(round, of: plan)) }
        return ledger
    }

    @Test("A ledger of one task states what the task claims")
    func stated() throws {
        let plan = try PlanDraft().plan()
        let ledger = try Self.ledger(rounds: 5, of: plan)
        for adversary in plan.adversaries {
            let claim = try #require(try plan.claim(against: adversary, rounds: 5))
            #expect(try ledger.stated(against: adversary, delta: Self.delta) == claim.epsilon)
        }
        let empty = try Ledger(population: "people")
        #expect(try empty.stated(against: .outsider, delta: Self.delta) == 0)
        // Where the sampler's part does not fit, nothing is stated.
        #expect(try ledger.stated(against: .outsider, delta: 1e-300) == nil)
    }

    @Test("A charge fits up to the limit itself and not beyond it", arguments: [Adversary.colluders(2), .server])
    func limits(adversary: Adversary) throws {
        let plan = try PlanDraft().plan()
        let ledger = try Self.ledger(rounds: 2, of: plan)
        let next = Self.charge(3, of: plan)
        let limit = try #require(try plan.claim(against: adversary, rounds: 3)).epsilon
        func limits(_ epsilon: Double) throws -> SpendLimits {
            try SpendLimits(
                epsilon: adversary == .server ? 40 : epsilon,
                epsilonServer: adversary == .server ? epsilon : 40,
                delta: Self.delta
            )
        }
        try ledger.checkSpend(next, limits: limits(limit))
        #expect(throws: LedgerError.self) { try ledger.checkSpend(next, limits: limits(limit.nextDown)) }
        #expect(ledger.entries.count == 2)
    }

    @Test("A trusted server has no limit; a charge after which an epsilon cannot be stated is refused")
    func notStatable() throws {
        // Noise so small that e^epsilon exhausts the sampler's part of delta against the server, not against others.
        let plan = try PlanDraft().with {
            $0.samplingRate = 1
            $0.noiseMultiple = 90
            $0.cohort = 1000
            $0.fewestSurvivors = 1000
        }
        .plan()
        let ledger = try Ledger(population: "people")
        let next = Self.charge(1, of: plan)
        #expect(try plan.claim(against: .server, rounds: 1) == nil)
        #expect(try plan.claim(against: .outsider, rounds: 1) != nil)
        try ledger.checkSpend(next, limits: SpendLimits(epsilon: 40, epsilonServer: nil, delta: Self.delta))
        #expect(throws: LedgerError.notStatable(against: .server, delta: Self.delta)) {
            try ledger.checkSpend(next, limits: SpendLimits(epsilon: 40, epsilonServer: 1e6, delta: Self.delta))
        }
    }
}
