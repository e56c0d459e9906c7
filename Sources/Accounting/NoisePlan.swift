// SPDX-License-Identifier: Apache-2.0

/// Whole numbers for the discrete Gaussian sampler: sigma = 64 K grid units a noise source, and the sensitivity bound
/// that goes with it.
package struct NoisePlan: Hashable, Sendable {
    /// K: each source draws noise of parameter 64 K; 1...2^34.
    package let multiple: UInt64
    /// The L2 bound in grid units to which a contribution is clipped; at least 1.
    package let bound: Int64
    /// The number of independent noise sources that are relied on; 1 for central noise.
    package let shares: Int

    /// A plan whose whole numbers are given, for example those of a task; `noiseMultiplier` says what it amounts to.
    package init(multiple: UInt64, bound: Int64, shares: Int = 1) throws(AccountingError) {
        guard (1...NoisePlan.maximumMultiple).contains(multiple) else {
            throw .invalid("noise parameter / 64", multiple, "1...2^34: a finer grid below, a coarser grid above")
        }
        guard bound >= 1 else { throw .invalid("sensitivity bound", bound, "at least 1 grid unit") }
        guard (1...PrivacyEvent.maximumShares).contains(shares) else {
            throw .invalid("number of honest noise shares", shares, "1...2^20")
        }
        self.multiple = multiple
        self.bound = bound
        self.shares = shares
    }

    /// The noise parameter of one source, in grid units; exact.
    package var sigma: Double { Double(64 * multiple) }

    /// The release of one step, before sampling.
    package var event: PrivacyEvent { event(honestShares: shares) }

    /// The release of one step as seen by an adversary who does not know `honestShares` of the shares.
    package func event(honestShares: Int) -> PrivacyEvent {
        let sensitivity = DirectedRounding.atLeast(bound)
        return honestShares == 1
            ? .discreteGaussian(sigma: sigma, sensitivity: sensitivity)
            : .sumOfDiscreteGaussians(shares: honestShares, sigma: sigma, sensitivity: sensitivity)
    }

    /// The noise multiplier really used, rounded down: sqrt(h sigma^2 - 9) / B, and sigma / B for one source.
    package var noiseMultiplier: Double {
        let sensitivity = DirectedRounding.atLeast(bound)
        guard shares > 1 else { return DirectedRounding.divideDown(sigma, sensitivity) }
        return NoiseStep.transferred(shares: shares, sigma: sigma, sensitivity: sensitivity) ?? 0
    }

    private static let maximumMultiple: UInt64 = 1 << 34
    private static let noiseMultiplierRange = 0x1p-20...0x1p20

    /// One noise source: K is the least whole number with 64 K >= z B, in exact integers.
    /// - Parameters:
    ///   - noiseMultiplier: z in 2^-20...2^20.
    ///   - bound: B, at least 1.
    package static func central(noiseMultiplier: Double, bound: Int64) throws(AccountingError) -> NoisePlan {
        let number = try number(noiseMultiplier, bound)
        let multiple = number.timesRoundedUpToMultiplesOf64(bound)
        guard multiple <= UInt128(maximumMultiple) else {
            throw .invalid("noise parameter / 64", multiple, "at most 2^34; a coarser grid is needed")
        }
        return try NoisePlan(multiple: UInt64(multiple), bound: bound)
    }

    /// Noise in shares: K first, the greatest whole number with 64 K sqrt(h) <= z B0; then the greatest whole B <= B0
    /// with (64 K)^2 h - 9 >= z^2 B^2, all in exact integers. The 9 is the transfer theorem's (`docs/proofs/rdp.md`)
    /// and falls away for h = 1; z is widened by 2^-49, so that the multiplier that is accounted is at least z.
    /// - Parameters:
    ///   - noiseMultiplier: z in 2^-20...2^20.
    ///   - largestBound: B0, the bound that the clip allows.
    ///   - honestShares: h in 1...2^20.
    package static func shared(
        noiseMultiplier: Double,
        largestBound: Int64,
        honestShares: Int
    ) throws(AccountingError) -> NoisePlan {
        let number = try number(noiseMultiplier, largestBound)
        guard (1...PrivacyEvent.maximumShares).contains(honestShares) else {
            throw .invalid("number of honest noise shares", honestShares, "1...2^20")
        }
        func variance(_ multiple: UInt64) -> UInt128 {
            UInt128(64 * multiple) * UInt128(64 * multiple) * UInt128(honestShares)
        }
        let multiple = greatest(upTo: maximumMultiple + 1) { multiple in
            number.compareSquare(times: largestBound, with: variance(multiple)) >= 0
        }
        guard multiple >= 1 else {
            throw .invalid(
                "the noise of one share",
                "below 64 grid units",
                "at least 64: a finer grid (bound above \(largestBound)), more noise or fewer shares"
            )
        }
        guard multiple <= maximumMultiple else {
            throw .invalid("noise parameter / 64", "above 2^34", "at most 2^34; a coarser grid is needed")
        }
        let usable = variance(multiple) - (honestShares == 1 ? 0 : 9)
        // The accounted multiplier is rounded down by less than 16 units of 2^-53.
        let required = honestShares == 1 ? number : DyadicNumber(noiseMultiplier * (1 + 0x1p-49))
        let bound = greatest(upTo: UInt64(largestBound)) { bound in
            required.compareSquare(times: Int64(bound), with: usable) <= 0
        }
        guard bound >= 1 else {
            throw .invalid("sensitivity bound", bound, "at least 1 grid unit; a finer grid is needed")
        }
        return try NoisePlan(multiple: multiple, bound: Int64(bound), shares: honestShares)
    }

    private static func number(_ noiseMultiplier: Double, _ bound: Int64) throws(AccountingError) -> DyadicNumber {
        guard noiseMultiplierRange.contains(noiseMultiplier) else {
            throw .invalid("noise multiplier", noiseMultiplier, "a number in 2^-20...2^20")
        }
        guard bound >= 1 else { throw .invalid("sensitivity bound", bound, "at least 1 grid unit") }
        return DyadicNumber(noiseMultiplier)
    }

    /// The greatest whole number in 0...`limit` that passes, for a test that passes at 0 and, once failed, fails above.
    private static func greatest(upTo limit: UInt64, where passes: (UInt64) -> Bool) -> UInt64 {
        var low: UInt64 = 0
        var high = limit
        while low < high {
            let middle = low + (high - low + 1) / 2
            if passes(middle) { low = middle } else { high = middle - 1 }
        }
        return low
    }
}
