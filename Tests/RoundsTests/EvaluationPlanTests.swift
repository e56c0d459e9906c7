// SPDX-License-Identifier: Apache-2.0

import Accounting
import Rounds
import Testing

@Suite("Plans with evaluation rounds")
struct EvaluationPlanTests {
    static let terms = EvaluationTerms(samplingRate: 0.5, lossBound: 4.6, bound: 1 << 20, noiseMultiple: 20_000)

    static func plan(every: Int? = 3, _ terms: EvaluationTerms? = terms, rounds: Int = 40) throws -> TaskPlan {
        try PlanDraft().with {
            $0.evaluationEvery = every
            $0.evaluation = terms
            $0.rounds = rounds
        }
        .plan()
    }

    @Test(
        "Kinds, counts and distances of rounds are those of writing the sequence down",
        arguments: [nil, 1, 2, 3, 10]
    )
    func sequence(every: Int?) {
        var terms = RoundTerms(rounds: 60, cohort: 4, fewestSurvivors: 2, deadlineSeconds: 60)
        terms.evaluationEvery = every
        var kinds: [RoundKind] = []
        var trained = 0
        while kinds.count < 60 {
            if trained == every {
                kinds.append(.evaluation)
                trained = 0
            } else {
                kinds.append(.training)
                trained += 1
            }
        }
        for round in 1...60 {
            #expect(terms.kind(ofRound: round) == kinds[round - 1], "\(round)")
            let counts = terms.counts(through: round)
            #expect(counts.training == kinds.prefix(round).count { $0 == .training })
            #expect(counts.evaluation == kinds.prefix(round).count { $0 == .evaluation })
            for distance in 1...5 {
                let later = (round + 1...120).first { later in
                    terms.kind(ofRound: later) == .training
                        && terms.counts(through: later).training == counts.training + distance
                }
                #expect(terms.round(afterTraining: distance, since: round) == later, "\(distance) after \(round)")
            }
        }
        #expect(terms.counts == terms.counts(through: 60) && terms.counts.total == 60)
        #expect(terms.round(afterTraining: .max, since: 1) == .max)
    }

    @Test("The event is the sampled sum of the honest shares, with the numbers of evaluation rounds")
    func events() throws {
        let plan = try Self.plan()
        #expect(plan.events == plan.events(of: .training))
        #expect(try plan.events == PlanDraft().plan().events)
        let sigma = 64.0 * 20_000
        func sampled(_ noise: PrivacyEvent) -> PrivacyEvent { .poissonSampled(rate: 0.5, event: noise) }
        #expect(
            plan.events(of: .evaluation) == [
                .outsider: sampled(.sumOfDiscreteGaussians(shares: 8, sigma: sigma, sensitivity: 0x1p20)),
                .client: sampled(.sumOfDiscreteGaussians(shares: 7, sigma: sigma, sensitivity: 0x1p20)),
                .colluders(2): sampled(.sumOfDiscreteGaussians(shares: 6, sigma: sigma, sensitivity: 0x1p20)),
                .server: sampled(.discreteGaussian(sigma: sigma, sensitivity: 0x1p20)),
            ]
        )
    }

    @Test("A claim composes both kinds: the accountant's epsilon of the written-out events", arguments: [3, 4, 12, 40])
    func claims(rounds: Int) throws {
        let plan = try Self.plan()
        let (evaluation, training) = (rounds / 4, rounds - rounds / 4)
        for (adversary, shares) in zip(plan.adversaries, [8, 7, 6, 1]) {
            func event(_ rate: Double, _ sigma: Double, _ sensitivity: Double) -> PrivacyEvent {
                .poissonSampled(
                    rate: rate,
                    event: shares == 1
                        ? .discreteGaussian(sigma: sigma, sensitivity: sensitivity)
                        : .sumOfDiscreteGaussians(shares: shares, sigma: sigma, sensitivity: sensitivity)
                )
            }
            let expected = try RDPAccountant.epsilon(
                of: .composed([
                    .init(event(0.05, 64 * 900, 65_000), count: training),
                    .init(event(0.5, 64 * 20_000, 0x1p20), count: evaluation),
                ]),
                delta: 1e-6 * 1023 / 1024
            )
            let claim = try #require(try plan.claim(against: adversary, rounds: rounds))
            #expect(claim.epsilon == expected.epsilon)
            #expect(claim.deltaParts.total <= 1e-6)
            // Every round is drawn anew, whatever its kind.
            #expect(claim.deltaParts.draw == Double(rounds) * 0x1p-64)
            #expect(claim.sampling.contains("\(training) rounds"))
            #expect(claim.assumptions.contains { $0.contains("has or holds out, to three binary digits") })
            #expect(claim.sampling.contains("\(evaluation) evaluation rounds") == (evaluation > 0))
            let without = try #require(try plan.claim(against: adversary, attempts: RoundCounts(training: training)))
            #expect(evaluation == 0 ? without.epsilon == claim.epsilon : without.epsilon < claim.epsilon)
        }
    }

    @Test("A plan says both how often and with which noise, within bounds")
    func rules() throws {
        func refused(_ field: String, every: Int? = 3, _ terms: EvaluationTerms? = Self.terms) {
            let error = #expect(throws: PlanError.self) { try Self.plan(every: every, terms) }
            #expect(error?.field == field, "\(String(describing: error))")
        }
        func terms(rate: Double = 1, loss: Double = 4, bound: Int64 = 3, multiple: UInt64 = 1) -> EvaluationTerms {
            EvaluationTerms(samplingRate: rate, lossBound: loss, bound: bound, noiseMultiple: multiple)
        }
        refused("evaluation", every: nil)
        refused("evaluation", nil)
        for every in [0, -1, 40, .max, .min] { refused("evaluation.every", every: every) }
        for every in [1, 39] { #expect(throws: Never.self) { try Self.plan(every: every) } }
        for rate in [0, 0x1p-33, 1.5, .nan] { refused("evaluation.sampling-rate", terms(rate: rate)) }
        for loss in [0, -1, .nan, .infinity, 0x1p-21, 0x1p21] { refused("evaluation.loss-bound", terms(loss: loss)) }
        for bound in [2, 0, -5, (1 << 30) + 1, .max] as [Int64] { refused("evaluation.bound", terms(bound: bound)) }
        for multiple in [0, (1 << 34) + 1] as [UInt64] {
            refused("evaluation.noise-multiple", terms(multiple: multiple))
        }
        for good in [terms(), terms(rate: 0x1p-32, loss: 0x1p-20, bound: 1 << 30, multiple: 1 << 34)] {
            #expect(throws: Never.self) { try Self.plan(every: 3, good) }
        }
    }

    @Test("Caps of participation are about training rounds alone, and count them alone")
    func caps() throws {
        var terms = try Self.plan().rounds
        terms.mostParticipations = 2
        terms.leastSeparation = 3
        // 1 2 3 E 5 6 7 E: from round 2 the third training round is 6.
        let past = ServerRound.Standing(participations: 1, lastRound: 2)
        #expect([3, 4, 5, 6, 7, 8].map { terms.allows(past, inRound: $0) } == [false, true, false, true, true, true])
        let done = ServerRound.Standing(participations: 2, lastRound: 2)
        #expect([7, 8, 9, 12, 13].map { terms.allows(done, inRound: $0) } == [false, true, false, true, false])
        let plan = PlanDraft().with {
            $0.evaluationEvery = 3
            $0.evaluation = Self.terms
            $0.mostParticipations = 100
            $0.leastSeparation = 30
        }
        // 30 training rounds and 10 for evaluation.
        #expect(try plan.plan().mostParticipations == 1)
        #expect(throws: PlanError.self) { try plan.with { $0.leastSeparation = 31 }.plan() }
    }
}
