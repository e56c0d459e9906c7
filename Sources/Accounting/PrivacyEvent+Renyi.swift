// SPDX-License-Identifier: Apache-2.0

extension PrivacyEvent {
    /// The noise multipliers for which the arithmetic is bounded; far wider than any useful one.
    package static let noiseMultiplierRange = 1e-6...1e15
    /// A share of smaller parameter is refused: the sum would not be close enough to a Gaussian.
    package static let smallestShareSigma = 3.0
    /// More shares than this are refused.
    package static let maximumShares = 1 << 20
    /// The dimension for which the transfer slack of a sum is charged; 2^40 coordinates.
    package static let maximumDimension = 1 << 40
}

/// One additive-noise step on a query of known sensitivity, reduced to a continuous Gaussian.
struct NoiseStep {
    /// Rounded down.
    let noiseMultiplier: Double
    /// What the reduction adds to the divergence at each order, rounded up.
    let slack: Double

    init(noiseMultiplier: Double, slack: Double = 0, event: PrivacyEvent) throws(AccountingError) {
        guard PrivacyEvent.noiseMultiplierRange.contains(noiseMultiplier) else {
            throw .invalid("noise multiplier of \(event)", noiseMultiplier, "a number in 1e-6...1e15")
        }
        self.noiseMultiplier = noiseMultiplier
        self.slack = slack
    }

    /// The step of an event that is neither sampled nor composed; nil for those.
    init?(_ event: PrivacyEvent) throws(AccountingError) {
        switch event {
        case .gaussian(let noiseMultiplier):
            try self.init(noiseMultiplier: noiseMultiplier, event: event)
        case .discreteGaussian(let sigma, let sensitivity):
            try NoiseStep.check(sigma: sigma, sensitivity: sensitivity)
            let noiseMultiplier = NoiseStep.noiseMultiplier(shares: 1, sigma: sigma, sensitivity: sensitivity)
            try self.init(noiseMultiplier: noiseMultiplier, event: event)
        case .sumOfDiscreteGaussians(let shares, let sigma, let sensitivity):
            try NoiseStep.check(sigma: sigma, sensitivity: sensitivity)
            guard (1...PrivacyEvent.maximumShares).contains(shares) else {
                throw .invalid("number of noise shares", shares, "1...2^20")
            }
            guard sigma >= PrivacyEvent.smallestShareSigma else {
                throw .invalid("sigma of a noise share", sigma, "at least 3 grid units, or a finer grid")
            }
            let noiseMultiplier = NoiseStep.noiseMultiplier(shares: shares, sigma: sigma, sensitivity: sensitivity)
            // 2 * 2^40 * (2 * shares * 5.4e-39 + 2.9e-77), rounded up.
            let slack = shares == 1 ? 0 : Double(shares) * 2.4e-26
            try self.init(noiseMultiplier: noiseMultiplier, slack: slack, event: event)
        case .poissonSampled, .composed:
            return nil
        }
    }

    /// The multiplier of the continuous Gaussian that accounts for the noise, rounded down: sigma / sensitivity for one
    /// share, which is exact at integer orders, and sqrt(shares sigma^2 - 9) / sensitivity for more (transfer theorem).
    static func noiseMultiplier(shares: Int, sigma: Double, sensitivity: Double) -> Double {
        if shares == 1 { return DirectedRounding.divideDown(sigma, sensitivity) }
        // At least 9 is left of at least 18, so the difference errs by 5 units of 2^-53 relative, the root and the
        // quotient together by less than 5.
        let variance = Double(shares) * sigma * sigma - 9
        return variance.squareRoot() / sensitivity * (1 - 8 * DirectedRounding.unit)
    }

    private static func check(sigma: Double, sensitivity: Double) throws(AccountingError) {
        guard sigma > 0, sigma <= 0x1p60 else { throw .invalid("sigma", sigma, "a number in (0, 2^60] grid units") }
        guard sensitivity > 0, sensitivity <= 0x1p63 else {
            throw .invalid("sensitivity", sensitivity, "a number in (0, 2^63] grid units")
        }
    }

    func curve(rate: Double) -> RenyiCurve {
        let curve = CurveCache.curve(rate: rate, noiseMultiplier: noiseMultiplier)
        guard slack > 0, rate > 0 else { return curve }
        return RenyiCurve(divergences: curve.divergences.map { DirectedRounding.addUp($0, slack) })
    }
}

extension RenyiCurve {
    /// The curve of an event.
    ///
    /// Poisson sampling is covered for a single additive-noise step; of a sampled or a composed event it is refused.
    package init(_ event: PrivacyEvent) throws(AccountingError) {
        if let step = try NoiseStep(event) {
            self = step.curve(rate: 1)
            return
        }
        switch event {
        case .poissonSampled(let rate, let inner):
            guard rate >= 0, rate <= 1, rate.sign == .plus else {
                throw .invalid("sampling rate", rate, "a number in [0, 1]")
            }
            guard let step = try NoiseStep(inner) else {
                throw .unsupportedEvent(
                    event: event.description,
                    reason: "Poisson sampling is accounted for one additive-noise release"
                )
            }
            self = step.curve(rate: rate)
        case .composed(let parts):
            self.init()
            for part in parts {
                guard part.count >= 0 else { throw .invalid("number of repetitions", part.count, "at least 0") }
                compose(try RenyiCurve(part.event), count: part.count)
            }
        case .gaussian, .discreteGaussian, .sumOfDiscreteGaussians:
            preconditionFailure("a noise step is accounted above")
        }
    }
}
