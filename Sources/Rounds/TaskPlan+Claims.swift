// SPDX-License-Identifier: Apache-2.0

package import Accounting
internal import Noise

extension TaskPlan {
    /// What may be claimed after so many rounds, against each adversary.
    ///
    /// - Parameter rounds: attempts that were charged, at least 1.
    /// - Throws: ``PlanError`` where no proof covers the plan or δ is too small.
    package func claims(rounds count: Int) throws(PlanError) -> [PrivacyClaim] {
        var claims: [PrivacyClaim] = []
        for adversary in adversaries {
            claims.append(try claim(against: adversary, rounds: count))
        }
        return claims
    }

    package func claim(against adversary: Adversary, rounds count: Int) throws(PlanError) -> PrivacyClaim {
        do {
            let accounted = try RDPAccountant.epsilon(
                of: event(against: adversary).selfComposed(count),
                delta: DeltaShares.accountant(of: privacy.delta)
            )
            let distance = try DeltaParts.SamplerDistance(
                perSampleLog2: DiscreteGaussian(multiple: privacy.noiseMultiple).samplerDistanceLog2,
                steps: count,
                dimension: model.parameters,
                shares: rounds.cohort
            )
            return try PrivacyClaim(
                accounted,
                delta: privacy.delta,
                deltaParts: DeltaShares.parts(of: privacy.delta, epsilon: accounted.epsilon, sampler: distance),
                unit: .example,
                sampling: sampling(rounds: count),
                adversary: adversary,
                noiseSecure: true,
                assumptions: assumptions(against: adversary)
            )
        } catch let error as PlanError {
            throw error
        } catch {
            throw PlanError(field: "privacy", reason: "\(error)")
        }
    }

    /// The sampling that happens, in words.
    package func sampling(rounds count: Int) -> String {
        "Poisson, rate \(privacy.samplingRate) for every example of every member, \(count) rounds"
    }

    private func assumptions(against adversary: Adversary) -> [String] {
        let shares = honestShares(against: adversary)
        let noise =
            adversary == .server
            ? "clients draw their own noise; the server sees each update with one noise share"
            : "at least \(shares) of the \(rounds.fewestSurvivors) fewest survivors draw their noise as planned"
        return [
            noise,
            "AES-256 in counter mode, keyed by the operating system, cannot be told from random bits",
            "nobody measures how long a device computes",
        ]
    }
}
