// SPDX-License-Identifier: Apache-2.0

/// Why a noise mechanism was not built.
package enum NoiseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The multiple K of σ = 64·K lies outside 1 ... 2^34.
    case multipleOutOfRange(UInt64)
    /// The variance n / d is zero, has a zero denominator, or is too large for 128-bit integers.
    case varianceOutOfRange(numerator: UInt64, denominator: UInt64)
    /// The variance a / b of a Skellam law is zero, has a zero denominator, or is above 2^20.
    case skellamVarianceOutOfRange(numerator: UInt64, denominator: UInt64)

    package var description: String {
        switch self {
        case .multipleOutOfRange(let multiple):
            "discrete Gaussian: the multiple of 64 is \(multiple), allowed are 1 ... \(DiscreteGaussian.largestMultiple)"
        case .varianceOutOfRange(let numerator, let denominator):
            "rational discrete Gaussian: the variance is \(numerator)/\(denominator); both must be above zero and "
                + "2·n·d·(⌊√(n/d)⌋ + 1)² below 2^128"
        case .skellamVarianceOutOfRange(let numerator, let denominator):
            "Skellam: the variance is \(numerator)/\(denominator); allowed is anything above 0 and up to "
                + "\(Skellam.largestVariance) (sigma 1024); take the discrete Gaussian for more"
        }
    }
}
