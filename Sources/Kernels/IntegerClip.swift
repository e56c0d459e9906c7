// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The exact clip of one example's gradient: a vector of integers whose L2 norm is at most B, whatever the input was.
///
/// A float gradient is scaled to the clip norm, rounded to the grid g = 2^-gridExponent and saturated; then its sum of
/// squares is computed exactly and, in the rare case that it exceeds B^2, the integers shrink toward zero. The bound
/// does not depend on any floating-point operation. Proof: docs/proofs/integer-clip.md (the method is exact integer
/// clipping as in jax_privacy's clip-and-round, with the last step in integers).
package struct IntegerClip: Hashable, Sendable {
    /// B: the greatest L2 norm of a clipped vector, in grid units.
    package let bound: Int64
    /// k of the grid g = 2^-k.
    package let gridExponent: Int
    /// d: the number of coordinates.
    package let dimension: Int

    /// The float norm that a vector is scaled down to: B g (1 - 2^-31) - g sqrt(d) / 2, but at least B g / 2.
    ///
    /// Rounding to the grid adds at most g sqrt(d) / 2 to a norm, and 2^-31 covers the rounding of the norm and of the
    /// scale, so that the integer shrink is hardly ever needed. Nothing rests on that but accuracy.
    package let target: Double

    /// What happened to one example. Private: it says something about the example.
    package struct Outcome: Hashable, Sendable {
        /// The gradient's L2 norm before clipping; 0 where the example was zeroed.
        package let norm: Double
        /// Whether the vector was made shorter.
        package let isClipped: Bool
        /// Whether the gradient had a NaN or an infinity, so that the example contributed exactly zero.
        package let isZeroed: Bool
    }

    /// - Parameters:
    ///   - bound: B, grid units, 1...2^30.
    ///   - gridExponent: k of g = 2^-k, -100...100.
    ///   - dimension: coordinates of a vector, 0..<2^32.
    package init(bound: Int64, gridExponent: Int, dimension: Int) {
        precondition(bound >= 1 && bound <= 1 << 30, "the bound is outside of 1...2^30 grid units")
        precondition(gridExponent >= -100 && gridExponent <= 100, "the grid exponent is outside of -100...100")
        precondition(dimension >= 0 && dimension < 1 << 32, "the dimension is outside of 0..<2^32")
        self.bound = bound
        self.gridExponent = gridExponent
        self.dimension = dimension
        let g = Double(sign: .plus, exponent: -gridExponent, significand: 1)
        target = max(Double(bound) * (1 - 0x1p-31) - Double(dimension).squareRoot() / 2, Double(bound) / 2) * g
    }

    /// Clips `gradient` and adds the integers to `sum`.
    ///
    /// Fewer than 2^33 vectors may be added to one sum: then no coordinate overflows.
    ///
    /// - Parameters:
    ///   - gradient: the example's gradient, at least `dimension` floats, any bits.
    ///   - scratch: at least `dimension` integers; holds the clipped vector afterwards.
    ///   - sum: at least `dimension` integers, grid units.
    package func add(_ gradient: Buffer<Float>, scratch: Buffer<Int32>, to sum: Buffer<Int64>) -> Outcome {
        let outcome = clip(gradient, into: scratch)
        if !outcome.isZeroed {
            scratch.read(0..<dimension) { clipped in
                sum.write(0..<dimension) { IntegerKernels.add(clipped, to: &$0) }
            }
        }
        return outcome
    }

    /// Clips `gradient` into `clipped`, both of at least `dimension` elements.
    package func clip(_ gradient: Buffer<Float>, into clipped: Buffer<Int32>) -> Outcome {
        gradient.read(0..<dimension) { gradient in
            clipped.write(0..<dimension) { clip(gradient, into: &$0) }
        }
    }

    private func clip(_ gradient: Span<Float>, into clipped: inout MutableSpan<Int32>) -> Outcome {
        let squared = Reductions.sumOfSquares(gradient)
        guard squared.isFinite else {
            for index in clipped.indices { clipped[index] = 0 }
            return Outcome(norm: 0, isClipped: false, isZeroed: true)
        }
        let norm = squared.squareRoot()
        let perUnit = Double(sign: .plus, exponent: gridExponent, significand: 1)
        let scale = norm <= target ? perUnit : target / norm * perUnit
        let sum = IntegerKernels.quantise(gradient, scale: scale, limit: bound, into: &clipped)
        let isOver = sum > UInt128(bound) * UInt128(bound)
        if isOver {
            IntegerKernels.shrink(&clipped, numerator: UInt64(bound), denominator: IntegerKernels.ceilingRoot(of: sum))
        }
        return Outcome(norm: norm, isClipped: norm > target || isOver, isZeroed: false)
    }
}
