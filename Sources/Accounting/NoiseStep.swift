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

/// One additive-noise step on a query of known sensitivity, reduced to a continuous Gaussian (`docs/proofs/rdp.md`, 1.1, 1.2
/// and 1.4; `docs/proofs/pld.md`, 2.3 and 2.7).
struct NoiseStep {
    /// The multiplier that bounds the divergence at integer orders, sampled or not; rounded down.
    let noiseMultiplier: Double
    /// The multiplier of the continuous Gaussian of which the release is post-processing, up to `slack` (transfer
    /// theorem); rounded down. Nil where the noise is too narrow for it.
    let transferredMultiplier: Double?
    /// What either reduction adds to the divergence at each order, rounded up; the logarithm of a density ratio too. At
    /// integer orders the reduction of a single discrete Gaussian is exact.
    let slack: Double
    private let isSum: Bool

    init(
        noiseMultiplier: Double,
        transferredMultiplier: Double?,
        slack: Double = 0,
        event: PrivacyEvent
    ) throws(AccountingError) {
        guard PrivacyEvent.noiseMultiplierRange.contains(noiseMultiplier) else {
            throw .invalid("noise multiplier of \(event)", noiseMultiplier, "a number in 1e-6...1e15")
        }
        self.noiseMultiplier = noiseMultiplier
        self.transferredMultiplier = transferredMultiplier
        self.slack = slack
        if case .sumOfDiscreteGaussians(let shares, _, _) = event { isSum = shares > 1 } else { isSum = false }
    }

    /// The step of an event that is neither sampled nor composed; nil for those.
    init?(_ event: PrivacyEvent) throws(AccountingError) {
        switch event {
        case .gaussian(let noiseMultiplier):
            try self.init(noiseMultiplier: noiseMultiplier, transferredMultiplier: noiseMultiplier, event: event)
        case .discreteGaussian(let sigma, let sensitivity):
            try NoiseStep.check(sigma: sigma, sensitivity: sensitivity)
            try self.init(
                noiseMultiplier: DirectedRounding.divideDown(sigma, sensitivity),
                transferredMultiplier: NoiseStep.transferred(shares: 1, sigma: sigma, sensitivity: sensitivity),
                // 2^40 * 2.9e-77, rounded up.
                slack: 3.2e-65,
                event: event
            )
        case .sumOfDiscreteGaussians(let shares, let sigma, let sensitivity):
            try NoiseStep.check(sigma: sigma, sensitivity: sensitivity)
            guard (1...PrivacyEvent.maximumShares).contains(shares) else {
                throw .invalid("number of noise shares", shares, "1...2^20")
            }
            guard sigma >= PrivacyEvent.smallestShareSigma else {
                throw .invalid("sigma of a noise share", sigma, "at least 3 grid units, or a finer grid")
            }
            let total = Double(shares).squareRoot() * sigma * (1 - 4 * DirectedRounding.unit)
            try self.init(
                noiseMultiplier: DirectedRounding.divideDown(shares == 1 ? sigma : total, sensitivity),
                transferredMultiplier: NoiseStep.transferred(shares: shares, sigma: sigma, sensitivity: sensitivity),
                // 2 * 2^40 * (2 * shares * 5.4e-39 + 2.9e-77), rounded up.
                slack: shares == 1 ? 3.2e-65 : Double(shares) * 2.4e-26,
                event: event
            )
        case .treeAggregation(let noiseMultiplier, let leaves):
            guard leaves >= 1, leaves <= 1 << 40 else { throw .invalid("leaves of a tree", leaves, "1...2^40") }
            // A leaf's path has ceil(log2(leaves + 1)) nodes: an L2 sensitivity of the root of that.
            let nodes = Double(Int.bitWidth - leaves.leadingZeroBitCount)
            let single = noiseMultiplier / nodes.squareRoot() * (1 - 4 * DirectedRounding.unit)
            try self.init(noiseMultiplier: single, transferredMultiplier: single, event: event)
        case .skellam, .poissonSampled, .truncatedPoisson, .clientsThenExamples, .boundedParticipation, .bandedMatrix,
            .composed:
            return nil
        }
    }

    /// sqrt(shares sigma^2 - 9) / sensitivity, rounded down; nil unless sigma > 3, or the result is no multiplier.
    static func transferred(shares: Int, sigma: Double, sensitivity: Double) -> Double? {
        guard sigma > 3 || (shares > 1 && sigma >= 3) else { return nil }
        // The product errs by 2 units of 2^-53, the difference by 2 of the product and 1 of its own: relative to the
        // difference less where that is larger; the root halves it, the quotient adds one.
        let product = Double(shares) * sigma * sigma * (1 - 4 * DirectedRounding.unit)
        let variance = product - 9
        guard variance > 0 else { return nil }
        let multiplier = variance.squareRoot() / sensitivity * (1 - 8 * DirectedRounding.unit)
        return PrivacyEvent.noiseMultiplierRange.contains(multiplier) ? multiplier : nil
    }

    private static func check(sigma: Double, sensitivity: Double) throws(AccountingError) {
        guard sigma > 0, sigma <= 0x1p60 else { throw .invalid("sigma", sigma, "a number in (0, 2^60] grid units") }
        guard sensitivity > 0, sensitivity <= 0x1p63 else {
            throw .invalid("sensitivity", sensitivity, "a number in (0, 2^63] grid units")
        }
    }

    func curve(rate: Double) -> RenyiCurve {
        let curve = CurveCache.curve(rate: rate, noiseMultiplier: noiseMultiplier)
        guard isSum, rate > 0 else { return curve }
        return RenyiCurve(divergences: curve.divergences.map { DirectedRounding.addUp($0, slack) })
    }
}
