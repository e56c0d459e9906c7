// SPDX-License-Identifier: Apache-2.0

extension RDPAccountant {
    /// The smallest noise multiplier, to a relative 1e-6 from above, for which `steps` Poisson-sampled Gaussian steps
    /// are (epsilon, delta)-DP. The returned value itself satisfies the target.
    /// - Parameters:
    ///   - target: positive and finite.
    ///   - delta: in (0, 1).
    ///   - samplingRate: in (0, 1]; 1 is no sampling.
    ///   - steps: at least 1.
    package static func noiseMultiplier(
        forEpsilon target: Double,
        delta: Double,
        samplingRate: Double,
        steps: Int,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> Double {
        guard target > 0, target.isFinite else { throw .invalid("epsilon", target, "a positive number") }
        guard samplingRate > 0, samplingRate <= 1 else {
            throw .invalid("sampling rate", samplingRate, "a number in (0, 1]")
        }
        guard steps >= 1 else { throw .invalid("number of steps", steps, "at least 1") }
        guard delta > 0, delta < 1 else { throw .invalid("delta", delta, "a number in (0, 1)") }

        func meetsTarget(_ noiseMultiplier: Double) -> Bool {
            var curve = RenyiCurve()
            curve.compose(
                RenyiCurve(
                    divergences: SampledGaussian.divergences(rate: samplingRate, noiseMultiplier: noiseMultiplier)
                ),
                count: steps
            )
            return zip(orders, curve.divergences).contains { order, divergence in
                conversion.epsilon(divergence: divergence, order: Double(order), delta: delta) <= target
            }
        }

        return try Calibration.least(in: PrivacyEvent.noiseMultiplierRange, where: meetsTarget)
    }

    /// The most repetitions of `event` that stay within (epsilon, delta); 0 where one already exceeds it.
    ///
    /// Throws where `event` costs so little that 2^53 repetitions fit.
    package static func maximumSteps(
        of event: PrivacyEvent,
        epsilon target: Double,
        delta: Double,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> Int {
        guard target >= 0, target.isFinite else { throw .invalid("epsilon", target, "a finite number, at least 0") }
        guard delta > 0, delta < 1 else { throw .invalid("delta", delta, "a number in (0, 1)") }
        let step = try RenyiCurve(event)
        func fits(_ count: Int) -> Bool {
            var curve = RenyiCurve()
            curve.compose(step, count: count)
            return zip(orders, curve.divergences).contains { order, divergence in
                conversion.epsilon(divergence: divergence, order: Double(order), delta: delta) <= target
            }
        }
        guard fits(0) else { return 0 }
        var above = 1
        while fits(above) {
            guard above < 1 << 53 else {
                throw .unreachableTarget(what: "a limit of steps", reason: "2^53 steps of \(event) stay within it")
            }
            above *= 2
        }
        var below = above / 2
        while above - below > 1 {
            let middle = below + (above - below) / 2
            if fits(middle) { below = middle } else { above = middle }
        }
        return below
    }
}
