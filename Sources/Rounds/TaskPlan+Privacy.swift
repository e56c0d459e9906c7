// SPDX-License-Identifier: Apache-2.0

package import Accounting

extension TaskPlan {
    /// The adversaries for whom a round is accounted, in the order in which they are printed.
    package var adversaries: [Adversary] { [.outsider, .client, .colluders(privacy.colluders), .server] }

    /// Rounds that one client can take part in at most, by both limits of the plan.
    package var mostParticipations: Int {
        let fitting = (rounds.rounds + rounds.leastSeparation - 1) / rounds.leastSeparation
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

    /// What one round spends against an adversary.
    ///
    /// Every example of every member flips its own coin with the plan's rate, in secret from everybody else, so the
    /// amplification by sampling holds against all of them. The noise is that of the honest shares of the fewest
    /// survivors: a round with more of them has more noise, and one with fewer is never released.
    package func event(against adversary: Adversary) -> PrivacyEvent {
        let shares = honestShares(against: adversary)
        let sigma = 64 * Double(privacy.noiseMultiple)
        let sensitivity = Double(privacy.bound)
        let noise: PrivacyEvent =
            shares == 1
            ? .discreteGaussian(sigma: sigma, sensitivity: sensitivity)
            : .sumOfDiscreteGaussians(shares: shares, sigma: sigma, sensitivity: sensitivity)
        return privacy.samplingRate == 1 ? noise : .poissonSampled(rate: privacy.samplingRate, event: noise)
    }

    /// One round against each adversary.
    package var events: [Adversary: PrivacyEvent] {
        Dictionary(uniqueKeysWithValues: adversaries.map { ($0, event(against: $0)) })
    }

    /// The noise multiplier that an adversary faces: total standard deviation over the L2 bound.
    package func noiseMultiplier(against adversary: Adversary) -> Double {
        64 * Double(privacy.noiseMultiple) * Double(honestShares(against: adversary)).squareRoot()
            / Double(privacy.bound)
    }
}
