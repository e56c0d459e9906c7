// SPDX-License-Identifier: Apache-2.0

import Glibc

extension RenyiCurve {
    /// The curve of an event.
    ///
    /// Sampling is covered for a single additive-noise step; of a sampled or a composed event it is refused.
    package init(_ event: PrivacyEvent) throws(AccountingError) {
        if let step = try NoiseStep(event) {
            self = step.curve(rate: 1)
            return
        }
        switch try event.elementary {
        case .skellam(let variance, let l1, let l2):
            self.init(divergences: try SkellamRenyi(variance: variance, l1: l1, l2: l2).divergences)
        case .poissonSampled(let rate, let inner):
            self = try RenyiCurve.sampled(rate: rate, inner)
        case .clientsThenExamples(let clientRate, let exampleRate, let inner):
            try PrivacyEvent.check(rate: clientRate)
            self = try RenyiCurve.sampled(rate: exampleRate, inner).mixed(rate: clientRate)
        case .composed(let parts):
            self.init()
            for part in parts {
                guard part.count >= 0 else { throw .invalid("number of repetitions", part.count, "at least 0") }
                compose(try RenyiCurve(part.event), count: part.count)
            }
        case .truncatedPoisson:
            throw .unsupportedEvent(event: event.description, reason: "RDP has no bound for cut batches; use pld")
        default:
            throw .unsupportedEvent(event: event.description, reason: "RDP has no bound for it")
        }
    }

    private static func sampled(rate: Double, _ inner: PrivacyEvent) throws(AccountingError) -> RenyiCurve {
        try PrivacyEvent.check(rate: rate)
        if case .skellam(let variance, let l1, let l2) = inner {
            let skellam = try SkellamRenyi(variance: variance, l1: l1, l2: l2)
            return RenyiCurve(divergences: skellam.divergences(rate: rate))
        }
        guard let step = try NoiseStep(inner) else {
            throw .unsupportedEvent(
                event: PrivacyEvent.poissonSampled(rate: rate, event: inner).description,
                reason: "Poisson sampling is accounted for one additive-noise release"
            )
        }
        return step.curve(rate: rate)
    }

    /// The curve where, with probability 1 - `rate`, nothing depends on the unit, and it is seen which happened:
    /// e^((a-1) D) = (1 - rate) + rate e^((a-1) D_inner), rounded up (`docs/proofs/rdp.md`, 1.5).
    private func mixed(rate: Double) -> RenyiCurve {
        guard rate < 1 else { return self }
        let unit = DirectedRounding.unit
        return RenyiCurve(
            divergences: zip(SampledGaussian.orders, divergences).map { order, divergence in
                guard rate > 0, divergence > 0 else { return 0 }
                let exponent = Double(order - 1) * divergence
                guard exponent.isFinite else { return .infinity }
                let error = unit * (16 + 4 * exponent + 4 * abs(log(rate)))
                let large = exponent + log(rate)
                // Beyond e^40, the 1 is far below the last place; where e^exponent is infinite, rate e^exponent may be small.
                let logMoment =
                    exponent < 600
                    ? log1p(rate * expm1(exponent)) * (1 + error)
                    : large > 40 ? large + error : log1p(exp(large + error)) * (1 + error)
                return max(0, logMoment / Double(order - 1) * (1 + 4 * unit)).nextUp
            }
        )
    }
}
