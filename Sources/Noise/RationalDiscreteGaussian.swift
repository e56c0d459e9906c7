// SPDX-License-Identifier: Apache-2.0

package import Randomness

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// The discrete Gaussian N_ℤ(0, σ²) for any rational σ² = n / d, exactly: the law has no error at all where the
/// stream's words are uniform.
///
/// Canonne, Kamath, Steinke, "The discrete Gaussian for differential privacy" (2020), Algorithms 1 to 3, in 128-bit
/// integers. It draws some twenty words a sample and serves small σ and tests; `DiscreteGaussian` is the fast one.
/// Derivation: docs/proofs/rational-discrete-gaussian.md.
package struct RationalDiscreteGaussian: NoiseMechanism {
    /// n of σ² = n / d.
    package let varianceNumerator: UInt64
    /// d of σ² = n / d.
    package let varianceDenominator: UInt64

    /// τ = ⌊σ⌋ + 1, the scale of the discrete Laplace proposals.
    private let scale: UInt64
    /// d·τ.
    private let scaledDenominator: UInt128
    /// 2·n·d·τ².
    private let acceptanceDenominator: UInt128

    /// - Throws: `varianceOutOfRange` unless n, d ≥ 1 and 2·n·d·(⌊√(n/d)⌋ + 1)² < 2^128 (derivation, §5). Every
    ///   whole σ² up to 2^63 and every fraction with n, d < 2^62 is allowed.
    package init(varianceNumerator: UInt64, varianceDenominator: UInt64) throws(NoiseError) {
        let refusal = NoiseError.varianceOutOfRange(numerator: varianceNumerator, denominator: varianceDenominator)
        guard varianceNumerator > 0, varianceDenominator > 0 else { throw refusal }
        let scale = Self.squareRoot(varianceNumerator / varianceDenominator) + 1
        let scaledDenominator = UInt128(varianceDenominator) * UInt128(scale)
        let (product, overflow) = (2 * UInt128(varianceNumerator) * UInt128(scale))
            .multipliedReportingOverflow(by: scaledDenominator)
        guard !overflow else { throw refusal }
        self.varianceNumerator = varianceNumerator
        self.varianceDenominator = varianceDenominator
        self.scale = scale
        self.scaledDenominator = scaledDenominator
        acceptanceDenominator = product
    }

    package var name: String { "rational discrete Gaussian, sigma^2 = \(varianceNumerator)/\(varianceDenominator)" }

    /// σ, in grid units.
    package var standardDeviation: Double {
        (Double(varianceNumerator) / Double(varianceDenominator)).squareRoot()
    }

    package var variance: Double {
        let parameter = Double(varianceNumerator) / Double(varianceDenominator)
        // Beyond σ = 4 the law's variance is σ² to more digits than a Double has.
        guard parameter < 16 else { return parameter }
        var weights = 1.0
        var moment = 0.0
        for value in 1...64 {
            let square = Double(value * value)
            let weight = 2 * exp(-square / (2 * parameter))
            weights += weight
            moment += square * weight
        }
        return moment / weights
    }

    package func fill<Words: RandomWords & ~Copyable>(
        _ out: inout MutableSpan<Int64>,
        from stream: inout Words,
        by words: inout WordBlock
    ) {
        for index in out.indices {
            out[index] = sample(from: &stream)
        }
    }

    /// One sample (derivation, §4).
    package func sample<Words: RandomWords & ~Copyable>(from stream: inout Words) -> Int64 {
        while true {
            let proposal = discreteLaplace(from: &stream)
            // Accepted with probability exp(−(|Y| − σ²/τ)² / (2σ²)) = exp(−(|Y|·d·τ − n)² / (2·n·d·τ²)).
            let scaled = UInt128(proposal.magnitude) * scaledDenominator
            let mean = UInt128(varianceNumerator)
            let difference = scaled > mean ? scaled - mean : mean - scaled
            let exponent = acceptanceDenominator.dividingFullWidth(difference.multipliedFullWidth(by: difference))
            let accepted = stream.bernoulli(
                expMinus: exponent.quotient,
                plus: exponent.remainder,
                over: acceptanceDenominator
            )
            if accepted { return proposal }
        }
    }

    /// A discrete Laplace variable: P[y] ∝ exp(−|y| / τ) (derivation, §3).
    private func discreteLaplace<Words: RandomWords & ~Copyable>(from stream: inout Words) -> Int64 {
        while true {
            var low = stream.uniform(below: scale)
            while !stream.bernoulli(expMinus: UInt128(low), over: UInt128(scale)) {
                low = stream.uniform(below: scale)
            }
            var high: UInt64 = 0
            while stream.bernoulli(expMinus: 1, over: 1) {
                high += 1
            }
            let magnitude = Int64(high * scale + low)
            let isNegative = stream.uniform(below: 2) == 1
            if !isNegative { return magnitude }
            if magnitude != 0 { return -magnitude }
        }
    }

    /// ⌊√value⌋, by bits from the top.
    private static func squareRoot(_ value: UInt64) -> UInt64 {
        var root: UInt64 = 0
        var bit: UInt64 = 1 << 31
        while bit > 0 {
            let candidate = root | bit
            if candidate * candidate <= value { root = candidate }
            bit >>= 1
        }
        return root
    }
}
