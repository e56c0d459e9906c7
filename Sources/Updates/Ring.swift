// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// The integers modulo 2^bits, written by their centred representatives in [-2^(bits-1), 2^(bits-1)).
///
/// Updates are added in a ring, so that a sum needs no more bits than its result. Wrapping around is post-processing of
/// what was noised: it costs utility, never privacy.
package struct Ring: Hashable, Sendable {
    /// The sizes that there are: one bit holds no sign, and 62 leave room above the ring in a 64-bit integer.
    package static let bitRange = 2...62
    /// The most coordinates an update may have: with 62 bits each they fill 2 GiB.
    package static let countRange = 1...(1 << 28)

    package let bits: Int

    /// - Throws: ``UpdateError/outOfRange(what:found:expected:)`` unless `bits` is in ``bitRange``.
    package init(bits: Int) throws(UpdateError) {
        guard Self.bitRange.contains(bits) else {
            throw .outOfRange(what: "ring bits", found: "\(bits)", expected: "2 to 62")
        }
        self.bits = bits
    }

    /// The smallest and the largest representative.
    package var range: ClosedRange<Int64> {
        -(1 << Int64(bits - 1))...((1 << Int64(bits - 1)) - 1)
    }

    /// The representative of the class of `value`. Sums that wrapped around modulo 2^64 have the right class.
    @inlinable
    package func reduce(_ value: Int64) -> Int64 {
        let unused = Int64(64 - bits)
        return (value &<< unused) &>> unused
    }

    /// The smallest ring in which a whole sum wraps around with at most the given probability.
    ///
    /// Let every coordinate of the exact sum be at most L in absolute value (the sum of the parts' L2 bounds is such an
    /// L), and let the noise of the sum be discrete Gaussians with sigma^2 = the sum of their sigma_i^2. Each is
    /// sub-Gaussian, E e^(tX) <= e^(t^2 sigma_i^2 / 2) (Canonne, Kamath and Steinke 2020, arXiv 2004.00010), hence so
    /// is their sum with sigma, and P(|X| >= t) <= 2 e^(-t^2 / (2 sigma^2)). By the union bound over d coordinates,
    /// |X_j| < t for all j with probability at least 1 - p for t = sigma sqrt(2 ln(2 d / p)); then every coordinate is
    /// below L + t, and nothing wraps where L + t <= 2^(b-1). A sampler at statistical distance s from the discrete
    /// Gaussian adds at most s for every value drawn. The result is rounded up by 2^-40 of itself and one unit, far
    /// more than the error of its four Float64 operations.
    ///
    /// - Parameters:
    ///   - largestSum: L in grid units.
    ///   - standardDeviation: sigma in grid units, with the *most* shares that can be in the sum.
    ///   - coordinates: d, in ``countRange``.
    ///   - wrapProbability: p, in (0, 1).
    package static func planned(
        largestSum: Int64,
        standardDeviation: Double,
        coordinates: Int,
        wrapProbability: Double = 1e-9
    ) throws(UpdateError) -> Ring {
        guard largestSum >= 0 else {
            throw .outOfRange(what: "largest sum", found: "\(largestSum)", expected: "at least 0 grid units")
        }
        guard standardDeviation >= 0, standardDeviation < 0x1p62 else {
            throw .outOfRange(what: "noise of the sum", found: "\(standardDeviation)", expected: "0 to 2^62 grid units")
        }
        guard countRange.contains(coordinates) else {
            throw .outOfRange(what: "coordinates", found: "\(coordinates)", expected: "1 to \(countRange.upperBound)")
        }
        guard wrapProbability >= 1e-300, wrapProbability < 1 else {
            throw .outOfRange(what: "wrap probability", found: "\(wrapProbability)", expected: "a number in (0, 1)")
        }
        let tail = standardDeviation * (2 * log(2 * Double(coordinates) / wrapProbability)).squareRoot()
        let reach = (Double(largestSum) + tail) * (1 + 0x1p-40) + 1
        for bits in bitRange where reach <= Double(sign: .plus, exponent: bits - 1, significand: 1) {
            return try Ring(bits: bits)
        }
        throw .ringTooSmall(bitsNeeded: Int(reach.exponent) + 2)
    }
}
