// SPDX-License-Identifier: Apache-2.0

import Accounting
import Testing

@Suite struct BudgetTests {
    private func charge(_ round: Int, events: [Adversary: PrivacyEvent]? = nil) -> LedgerCharge {
        LedgerCharge(
            LedgerCharge.Attempt(task: "digits", round: round),
            kind: .reserved,
            events: events ?? [
                .outsider: .poissonSampled(rate: 0.1, event: .discreteGaussian(sigma: 640, sensitivity: 640)),
                .server: .discreteGaussian(sigma: 1280, sensitivity: 640),
            ],
            certificate: SensitivityCertificate(
                method: "per-example",
                bound: 640,
                gridExponent: 10,
                dimension: 10,
                inflation: 1,
                derivation: "integer clip"
            ),
            modelHashBefore: [UInt8](repeating: 0, count: 32)
        )
    }

    @Test func theRoundThatWouldPassTheLimitIsRefusedBeforeItIsSpent() throws {
        let step = PrivacyEvent.poissonSampled(rate: 0.1, event: .discreteGaussian(sigma: 640, sensitivity: 640))
        let limit = 4.0
        let rounds = try RDPAccountant.maximumSteps(of: step, epsilon: limit, delta: 1e-5)
        #expect(rounds > 3)
        let budget = try Budget(epsilon: limit, delta: 1e-5)
        var ledger = try Ledger(population: "people")
        for round in 0..<rounds {
            try ledger.check(next: charge(round), budget: budget)
            try ledger.append(charge(round))
        }
        let spent = try ledger.epsilon(against: .outsider, delta: 1e-5).epsilon
        let after = try RDPAccountant.epsilon(of: step.selfComposed(rounds + 1), delta: 1e-5).epsilon
        #expect(spent <= limit && after > limit)
        let head = ledger.head
        #expect(
            throws: LedgerError.budgetExceeded(
                against: .outsider,
                before: spent,
                after: after,
                limit: limit,
                delta: 1e-5
            )
        ) { try ledger.check(next: charge(rounds), budget: budget) }
        #expect(ledger.head == head)
        // Closing what is already counted adds nothing.
        try ledger.check(next: charge(rounds - 1).closed(as: .spent), budget: budget)
    }

    @Test func anyAccountantOfTheBudgetMayAdmit() throws {
        let step = PrivacyEvent.poissonSampled(rate: 0.1, event: .discreteGaussian(sigma: 640, sensitivity: 640))
        let limit = 4.0
        let byRenyi = try Accountant.rdp.maximumSteps(of: step, epsilon: limit, delta: 1e-5)
        let byLoss = try Accountant.pld.maximumSteps(of: step, epsilon: limit, delta: 1e-5)
        #expect(byLoss > byRenyi + 2)
        let alone = try Budget(epsilon: limit, delta: 1e-5)
        let both = try Budget(epsilon: limit, delta: 1e-5, accountants: [.rdp, .pld])
        func run(_ steps: Int) -> LedgerCharge { charge(0, events: [.outsider: step.selfComposed(steps)]) }
        let ledger = try Ledger(population: "people")
        try ledger.check(next: run(byRenyi), budget: alone)
        #expect(throws: LedgerError.self) { try ledger.check(next: run(byRenyi + 1), budget: alone) }
        try ledger.check(next: run(byRenyi + 1), budget: both)
        try ledger.check(next: run(byLoss), budget: both)
        let after = try Accountant.pld.epsilon(of: step.selfComposed(byLoss + 1), delta: 1e-5).epsilon
        #expect(
            throws: LedgerError.budgetExceeded(against: .outsider, before: 0, after: after, limit: limit, delta: 1e-5)
        ) { try ledger.check(next: run(byLoss + 1), budget: both) }
    }

    @Test func whatAnotherAccountantDoesNotCoverLeavesTheFirstOnesWord() throws {
        let skellam = PrivacyEvent.skellam(variance: 1e6, l1: 640, l2: 640)
        let epsilon = try RDPAccountant.epsilon(of: skellam, delta: 1e-5).epsilon
        #expect(throws: AccountingError.self) { try Accountant.pld.epsilon(of: skellam, delta: 1e-5) }
        let ledger = try Ledger(population: "people")
        let next = charge(0, events: [.outsider: skellam])
        try ledger.check(next: next, budget: Budget(epsilon: epsilon, delta: 1e-5, accountants: [.rdp, .pld]))
        let less = try Budget(epsilon: epsilon.nextDown, delta: 1e-5, accountants: [.rdp, .pld])
        #expect(
            throws: LedgerError.budgetExceeded(
                against: .outsider,
                before: 0,
                after: epsilon,
                limit: epsilon.nextDown,
                delta: 1e-5
            )
        ) { try ledger.check(next: next, budget: less) }
    }

    @Test(arguments: Accountant.allCases)
    func roundsThatDifferComposeAsTheAccountantComposes(_ accountant: Accountant) throws {
        func step(_ rate: Double, _ sigma: Double) -> PrivacyEvent {
            .poissonSampled(rate: rate, event: .discreteGaussian(sigma: sigma, sensitivity: 640))
        }
        let steps = [step(0.01, 640), step(0.02, 640), step(0.02, 1280), step(0.01, 640).selfComposed(5)]
        var ledger = try Ledger(population: "people")
        for (round, event) in steps.enumerated() { try ledger.append(charge(round, events: [.outsider: event])) }
        let whole = PrivacyEvent.composed(steps.map { PrivacyEvent.Repeated($0, count: 1) })
        let expected = try accountant.epsilon(of: whole, delta: 1e-5)
        #expect(try ledger.epsilon(against: .outsider, delta: 1e-5, accountant: accountant) == expected)
        let single = try accountant.epsilon(of: steps[3], delta: 1e-5)
        #expect(expected.epsilon > single.epsilon)
    }

    @Test func severalSamplersShareTheirItem() throws {
        let event = PrivacyEvent.gaussian(noiseMultiplier: 1).selfComposed(4)
        let far = try DeltaParts.SamplerDistance(perSampleLog2: -60, steps: 3, dimension: 1000)
        let near = try DeltaParts.SamplerDistance(perSampleLog2: -62, steps: 1, dimension: 1000)
        let split = try DeltaParts.split(1e-5, samplers: [far, near]) { (delta) throws(AccountingError) in
            try Accountant.pld.epsilon(of: event, delta: delta)
        }
        let epsilon = split.accounted.epsilon
        #expect(split.parts.sampler >= far.deltaItem(epsilon: epsilon) + near.deltaItem(epsilon: epsilon))
        #expect(split.parts.total <= 1e-5)
    }

    @Test func theServerHasItsOwnLimit() throws {
        let ledger = try Ledger(population: "people")
        let single = try RDPAccountant.epsilon(of: .discreteGaussian(sigma: 1280, sensitivity: 640), delta: 1e-5)
            .epsilon
        try ledger.check(next: charge(0), budget: Budget(epsilon: 5, delta: 1e-5, epsilonServer: single))
        #expect(throws: LedgerError.self) {
            try ledger.check(next: charge(0), budget: Budget(epsilon: 5, delta: 1e-5, epsilonServer: single.nextDown))
        }
        let withoutServer = charge(0, events: [.outsider: .gaussian(noiseMultiplier: 10)])
        try ledger.check(next: withoutServer, budget: Budget(epsilon: 5, delta: 1e-5))
        #expect(throws: LedgerError.noGuarantee(against: .server, entry: 0)) {
            try ledger.check(next: withoutServer, budget: Budget(epsilon: 5, delta: 1e-5, epsilonServer: 100))
        }
    }

    @Test func aGuaranteeOnceGivenIsNotDropped() throws {
        var ledger = try Ledger(population: "people")
        let budget = try Budget(epsilon: 5, delta: 1e-5)
        let gaussian = PrivacyEvent.gaussian(noiseMultiplier: 10)
        try ledger.append(charge(0, events: [.outsider: gaussian, .colluders(2): gaussian]))
        #expect(throws: LedgerError.noGuarantee(against: .colluders(2), entry: 1)) {
            try ledger.check(next: charge(1, events: [.outsider: gaussian]), budget: budget)
        }
        #expect(throws: LedgerError.noGuarantee(against: .colluders(3), entry: 0)) {
            try ledger.check(next: charge(1, events: [.colluders(3): gaussian]), budget: budget)
        }
        try ledger.check(next: charge(1, events: [.colluders(2): gaussian]), budget: budget)
    }

    @Test func budgetsAreChecked() {
        for epsilon in [-1, .nan, .infinity] {
            #expect(throws: AccountingError.self) { try Budget(epsilon: epsilon, delta: 1e-5) }
            #expect(throws: AccountingError.self) { try Budget(epsilon: 1, delta: 1e-5, epsilonServer: epsilon) }
        }
        for delta in [0, 1, .nan] { #expect(throws: AccountingError.self) { try Budget(epsilon: 1, delta: delta) } }
    }
}
