// SPDX-License-Identifier: Apache-2.0

package import Accounting

extension TaskPlan {
    /// The adversaries for whom a round is accounted, in the order in which they are printed.
    package var adversaries: [Adversary] { [.outsider, .client, .colluders(privacy.colluders), .server] }

    /// Training rounds that one client can take part in at most, by both limits of the plan.
    package var mostParticipations: Int {
        let training = rounds.counts.training
        let fitting = (training + rounds.leastSeparation - 1) / rounds.leastSeparation
        return min(rounds.mostParticipations, fitting)
    }

    /// Noise shares that an adversary can neither see nor subtract, in a round with the fewest survivors.
    ///
    /// An outsider faces all of them, a client knows its own, colluders know theirs. The server opens each update by
    /// itself, and each holds one share.
    package func honestShares(against adversary: Adversary) -> Int {
        switch adversary {
        case .outsider: rounds.fewestSurvivors
        case .client: rounds.fewestSurvivors - 1
        case .colluders(let count): rounds.fewestSurvivors - count
        case .server: 1
        }
    }

    /// What one training round spends against an adversary.
    ///
    /// Every example of every member flips its own coin with the plan's rate, in secret from everybody else, so the
    /// amplification by sampling holds against all of them. The noise is that of the honest shares of the fewest
    /// survivors: a round with more of them has more noise, and one with fewer is never released.
    package func event(against adversary: Adversary) -> PrivacyEvent { event(against: adversary, of: .training) }

    /// What one round of a kind spends against an adversary.
    ///
    /// An evaluation round is the same mechanism on other examples with other integers. Its events are composed with those of
    /// training as if one example could be in both, which is more than it costs where clients hold examples out.
    ///
    /// - Parameter kind: one that the plan has.
    package func event(against adversary: Adversary, of kind: RoundKind) -> PrivacyEvent {
        switch kind {
        case .training:
            return event(against: adversary, privacy.noiseMultiple, privacy.bound, rate: privacy.samplingRate)
        case .evaluation:
            let terms = evaluationTerms
            return event(against: adversary, terms.noiseMultiple, terms.bound, rate: terms.samplingRate)
        }
    }

    private func event(
        against adversary: Adversary,
        _ multiple: UInt64,
        _ bound: Int64,
        rate: Double
    ) -> PrivacyEvent {
        let shares = honestShares(against: adversary)
        let sigma = 64 * Double(multiple)
        let sensitivity = Double(bound)
        let noise: PrivacyEvent =
            shares == 1
            ? .discreteGaussian(sigma: sigma, sensitivity: sensitivity)
            : .sumOfDiscreteGaussians(shares: shares, sigma: sigma, sensitivity: sensitivity)
        return rate == 1 ? noise : .poissonSampled(rate: rate, event: noise)
    }

    /// The terms of evaluation rounds, where there are such rounds: every plan that has some has terms.
    package var evaluationTerms: EvaluationTerms {
        guard let evaluation else { preconditionFailure("task \(task) has no evaluation rounds") }
        return evaluation
    }

    /// So many rounds of each kind against an adversary, in the order in which the kinds first come.
    package func events(_ counts: RoundCounts, against adversary: Adversary) -> [PrivacyEvent.Repeated] {
        RoundKind.allCases.filter { counts[$0] > 0 }.map { kind in
            PrivacyEvent.Repeated(event(against: adversary, of: kind), count: counts[kind])
        }
    }

    /// One training round against each adversary.
    package var events: [Adversary: PrivacyEvent] { events(of: .training) }

    /// One round of a kind against each adversary.
    package func events(of kind: RoundKind) -> [Adversary: PrivacyEvent] {
        Dictionary(uniqueKeysWithValues: adversaries.map { ($0, event(against: $0, of: kind)) })
    }

    /// The attempts at rounds of this task that a ledger was charged for.
    package func attempts(in ledger: Ledger) -> RoundCounts {
        var counts = RoundCounts()
        for charge in ledger.charges where charge.attempt.task == task {
            counts[rounds.kind(ofRound: charge.attempt.round)] += 1
        }
        return counts
    }

    /// The noise multiplier that an adversary faces in a training round: total standard deviation over the L2 bound.
    package func noiseMultiplier(against adversary: Adversary) -> Double {
        64 * Double(privacy.noiseMultiple) * Double(honestShares(against: adversary)).squareRoot()
            / Double(privacy.bound)
    }
}
