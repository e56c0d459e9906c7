// SPDX-License-Identifier: Apache-2.0

package import Accounting

extension TaskPlan {
    /// What may be claimed after the first so many rounds, against each adversary against whom anything may be.
    ///
    /// - Parameter count: rounds that were tried once each, at least 1.
    /// - Throws: ``PlanError`` where no proof covers the plan.
    package func claims(rounds count: Int) throws(PlanError) -> [PrivacyClaim] {
        try claims(attempts: rounds.counts(through: count))
    }

    /// What may be claimed after so many attempts of each kind.
    ///
    /// - Parameter attempts: all that were charged, at least 1.
    package func claims(attempts: RoundCounts) throws(PlanError) -> [PrivacyClaim] {
        var claims: [PrivacyClaim] = []
        for adversary in adversaries {
            if let claim = try claim(against: adversary, attempts: attempts) { claims.append(claim) }
        }
        return claims
    }

    /// The claim against one adversary after the first so many rounds, or `nil` where no ε can be stated at the plan's δ
    /// (``DeltaShares``).
    package func claim(against adversary: Adversary, rounds count: Int) throws(PlanError) -> PrivacyClaim? {
        try claim(against: adversary, attempts: rounds.counts(through: count))
    }

    /// The same after so many attempts of each kind.
    package func claim(
        against adversary: Adversary,
        attempts: RoundCounts
    ) throws(PlanError) -> PrivacyClaim? {
        do throws(AccountingError) {
            let repeated = events(attempts, against: adversary)
            let event = repeated.count == 1 ? repeated[0].event.selfComposed(repeated[0].count) : .composed(repeated)
            let accounted = try RDPAccountant.epsilon(of: event, delta: DeltaShares.accountant(of: privacy.delta))
            let parts = try DeltaShares.parts(
                of: privacy.delta,
                epsilon: accounted.epsilon,
                event: event,
                // Smaller releases are counted with the largest one's dimension.
                dimension: max(model.parameters, evaluation == nil ? 0 : EvaluationTerms.coordinates)
            )
            guard let parts else { return nil }
            return try PrivacyClaim(
                accounted,
                delta: privacy.delta,
                deltaParts: parts,
                unit: .example,
                sampling: sampling(attempts: attempts),
                adversary: adversary,
                noiseSecure: true,
                assumptions: assumptions(against: adversary)
            )
        } catch {
            throw PlanError(field: "privacy", reason: "\(error)")
        }
    }

    /// The sampling that happens, in words.
    package func sampling(attempts: RoundCounts) -> String {
        let training =
            "Poisson, rate \(privacy.samplingRate) for every example of every member, \(attempts.training) rounds"
        guard let evaluation, attempts.evaluation > 0 else { return training }
        return training
            + "; rate \(evaluation.samplingRate) for every held-out example, \(attempts.evaluation) evaluation"
            + " rounds"
    }

    /// What is assumed about time. Work is padded (``PaddedDraw``), and the padding's failure is an item of δ; that the padded
    /// work takes the same time on every draw is assumed within the device, and needs not be where nothing leaves before a
    /// planned time.
    private var time: String {
        let heldOut = evaluation == nil ? "" : " or holds out"
        let number = "how many examples a device has\(heldOut), to three binary digits, is no secret"
        return rounds.uploadAfterMilliseconds > 0
            ? "nobody measures time inside a device; what it sends leaves at planned times, and \(number)"
            : "nobody measures how long a device computes more exactly than its padded work tells, and \(number)"
    }

    private func assumptions(against adversary: Adversary) -> [String] {
        let shares = honestShares(against: adversary)
        let conduct =
            adversary == .server
            ? "the server sees each update with the one noise share that its client draws"
            : "the server releases only sums of at least \(rounds.fewestSurvivors) updates, and keeps single ones to itself;"
                + " at least \(shares) of their clients draw their noise as planned"
        return [
            conduct,
            "AES-256 in counter mode, keyed by the operating system, cannot be told from random bits",
            time,
        ]
    }
}
