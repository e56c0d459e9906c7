// SPDX-License-Identifier: Apache-2.0

import Glibc

extension PLDAccountant {
    /// The least noise multiplier for which so many Poisson-sampled Gaussian steps are (epsilon, delta)-DP, within a
    /// relative 1e-6 where the grid's error is no larger; the returned value itself satisfies the target.
    ///
    /// A search by secants (Illinois) in log z and log epsilon, inside a bracket.
    ///
    /// - Parameter bytes: what the computation may take, as in `epsilon(of:delta:bytes:)`.
    package static func noiseMultiplier(
        forEpsilon target: Double,
        delta: Double,
        samplingRate: Double,
        steps: Int,
        bytes: Int = .max
    ) throws(AccountingError) -> Double {
        try Calibration.check(target: target, delta: delta, samplingRate: samplingRate, steps: steps)
        func excess(_ multiplier: Double) throws(AccountingError) -> Double {
            let step = PrivacyEvent.poissonSampled(rate: samplingRate, event: .gaussian(noiseMultiplier: multiplier))
            let epsilon = try epsilon(of: step.selfComposed(steps), delta: delta, bytes: bytes).epsilon
            return log(max(epsilon, target * 1e-3) / target)
        }
        guard samplingRate < 1 else {
            return try Calibration.least(in: PrivacyEvent.noiseMultiplierRange) { multiplier throws(AccountingError) in
                try excess(multiplier) <= 0
            }
        }
        let range = noiseMultiplierRange
        let guess = try? RDPAccountant.noiseMultiplier(
            forEpsilon: target,
            delta: delta,
            samplingRate: samplingRate,
            steps: steps
        )
        // The multiplier of the other accountant satisfies the target, but for the grid's error.
        var above = (z: min(max(guess ?? 1, range.lowerBound), range.upperBound), excess: 0.0)
        above.excess = try excess(above.z)
        while above.excess > 0 {
            guard above.z < range.upperBound else {
                throw .unreachableTarget(what: "epsilon \(target)", reason: "no noise multiplier up to 1000 gives it")
            }
            above.z = min(above.z * 1.1, range.upperBound)
            above.excess = try excess(above.z)
        }
        var below = (z: max(above.z * 0.8, range.lowerBound), excess: 0.0)
        below.excess = try excess(below.z)
        while below.excess <= 0 {
            guard below.z > range.lowerBound else {
                throw .unreachableTarget(
                    what: "epsilon \(target)",
                    reason: "it needs a noise multiplier below 0.1, which pld does not cover"
                )
            }
            above = below
            below.z = max(below.z * 0.7, range.lowerBound)
            below.excess = try excess(below.z)
        }
        var weights = (above: 1.0, below: 1.0)
        for _ in 0..<60 where above.z - below.z > Calibration.tolerance * below.z && above.excess < -1e-7 {
            let (low, high) = (log(below.z), log(above.z))
            let (atLow, atHigh) = (below.excess * weights.below, above.excess * weights.above)
            // A little above the secant's root, so that the side that satisfies the target is found too.
            let root = low + (high - low) * min(max(atLow / (atLow - atHigh), 0.01), 0.99)
            let z = min(max(exp(root + 2e-7), below.z.nextUp), above.z.nextDown)
            let value = try excess(z)
            if value <= 0 {
                above = (z, value)
                weights = (1, weights.below / 2)
            } else {
                below = (z, value)
                weights = (weights.above / 2, 1)
            }
        }
        return above.z
    }
}
