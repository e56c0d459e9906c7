// SPDX-License-Identifier: Apache-2.0

extension RDPAccountant {
    /// The smallest noise multiplier, to a relative 1e-6 from above, for which `steps` Poisson-sampled Gaussian steps
    /// are (epsilon, delta)-DP. The returned value itself satisfies the target.
    /// - Parameters:
    ///   - target: positive and finite.
    ///   - delta: in (0, 1).
    ///   - samplingRate: in (0, 1]; 1 is no sampling.
    ///   - steps: at least 1.
    ///   - other: what is released beside these steps, from the same data; the target is for both together.
    package static func noiseMultiplier(
        forEpsilon target: Double,
        delta: Double,
        samplingRate: Double,
        steps: Int,
        beside other: PrivacyEvent? = nil,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> Double {
        try Calibration.check(target: target, delta: delta, samplingRate: samplingRate, steps: steps)
        let otherCurve: RenyiCurve? = if let other { try RenyiCurve(other) } else { nil }
        func meetsTarget(_ noiseMultiplier: Double) -> Bool {
            var curve = RenyiCurve()
            curve.compose(
                RenyiCurve(
                    divergences: SampledGaussian.divergences(rate: samplingRate, noiseMultiplier: noiseMultiplier)
                ),
                count: steps
            )
            if let otherCurve { curve.compose(otherCurve) }
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
        return try Calibration.most(of: event, limit: 1 << 53, where: fits)
    }
}
