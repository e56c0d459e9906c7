// SPDX-License-Identifier: Apache-2.0

import Glibc

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

extension PrivacyEvent {
    /// The same guarantee by the elementary events: a bounded participation is so many rounds in a row, since what a unit
    /// does not take part in says nothing about it; a banded factorisation is a sampled step for each turn of a group
    /// (`docs/proofs/pld.md`, 2.6 and 2.7).
    var elementary: PrivacyEvent {
        get throws(AccountingError) {
            switch self {
            case .boundedParticipation(let rounds, let participations, let separation, let event):
                guard rounds >= 0 else { throw .invalid("number of rounds", rounds, "at least 0") }
                guard participations >= 0 else { throw .invalid("participations", participations, "at least 0") }
                guard separation >= 1 else { throw .invalid("minimum separation", separation, "at least 1") }
                let fitting = rounds / separation + (rounds % separation == 0 ? 0 : 1)
                return .composed([Repeated(event, count: min(participations, fitting))])
            case .bandedMatrix(let noiseMultiplier, let iterations, let bands, let rate):
                guard iterations >= 1 else { throw .invalid("number of iterations", iterations, "at least 1") }
                guard bands >= 1 else { throw .invalid("number of bands", bands, "at least 1") }
                let turns = iterations / bands + (iterations % bands == 0 ? 0 : 1)
                let step = PrivacyEvent.gaussian(noiseMultiplier: noiseMultiplier)
                return .composed([Repeated(.poissonSampled(rate: rate, event: step), count: turns)])
            default:
                return self
            }
        }
    }

    static func check(rate: Double) throws(AccountingError) {
        guard rate >= 0, rate <= 1, rate.sign == .plus else {
            throw .invalid("sampling rate", rate, "a number in [0, 1]")
        }
    }
}

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
