// SPDX-License-Identifier: Apache-2.0

/// The exact clip of one example's gradient: a vector of integers whose L2 norm is at most B, whatever the input was.
///
/// A float gradient is scaled to the clip norm, rounded to the grid g = 2^-gridExponent and added to an
/// ``Accumulator``, which tells the exact sum of squares of what it added; in the case, which correct norms exclude,
/// that this exceeds B^2, the integers are taken away again and shrunk toward zero. The bound does not depend on any
/// floating-point operation. Proof: docs/proofs/integer-clip.md (the method is exact integer clipping as in
/// jax_privacy's clip-and-round, with the last step in integers).
package struct IntegerClip: Hashable, Sendable {
    /// The greatest ``bound`` for which sums of squares are compared exactly.
    package static let largestBound: Int64 = 1 << 55

    /// B: the greatest L2 norm of a clipped vector, in grid units.
    package let bound: Int64
    /// k of the grid g = 2^-k.
    package let gridExponent: Int
    /// d: the number of coordinates.
    package let dimension: Int

    /// The float norm that a vector is scaled down to: B g (1 - 2^-23) - g sqrt(d) / 2, but at least B g / 2.
    ///
    /// Rounding to the grid adds at most g sqrt(d) / 2 to a norm, and 2^-23 covers the rounding of the products and of
    /// the norm. Nothing rests on that but accuracy.
    package let target: Double

    /// What happened to one example. Private: it says something about the example.
    package struct Outcome: Hashable, Sendable {
        /// The gradient's L2 norm before clipping; 0 where the example was zeroed.
        package let norm: Double
        /// Whether the vector was made shorter.
        package let isClipped: Bool
        /// Whether the gradient had a NaN or an infinity, so that the example contributed exactly zero.
        package let isZeroed: Bool

        static let zeroed = Outcome(norm: 0, isClipped: false, isZeroed: true)
    }

    /// - Parameters:
    ///   - bound: B, grid units, 1...2^55.
    ///   - gridExponent: k of g = 2^-k, -100...100.
    ///   - dimension: coordinates of a vector, 0..<2^32.
    package init(bound: Int64, gridExponent: Int, dimension: Int) {
        precondition(bound >= 1 && bound <= Self.largestBound, "the bound is outside of 1...2^55 grid units")
        precondition(gridExponent >= -100 && gridExponent <= 100, "the grid exponent is outside of -100...100")
        precondition(dimension >= 0 && dimension < 1 << 32, "the dimension is outside of 0..<2^32")
        self.bound = bound
        self.gridExponent = gridExponent
        self.dimension = dimension
        let g = Double(sign: .plus, exponent: -gridExponent, significand: 1)
        target = max(Double(bound) * (1 - 0x1p-23) - Double(dimension).squareRoot() / 2, Double(bound) / 2) * g
    }

    /// The factor from a gradient's units to clipped grid units: 2^k where the norm is at most ``target``, else
    /// 2^k target / norm, rounded toward zero.
    ///
    /// - Parameters:
    ///   - squaredNorm: finite, not negative.
    ///   - normalises: whether shorter gradients are made as long as ``target`` too; `squaredNorm` is then above 0.
    package func scale(squaredNorm: Double, normalises: Bool = false) -> Float {
        let norm = squaredNorm.squareRoot()
        let perUnit = Double(sign: .plus, exponent: gridExponent, significand: 1)
        return norm <= target && !normalises ? Float(perUnit) : Float.roundedDown(target / norm * perUnit)
    }

    /// Clips `gradient` and adds the integers to `sum` in one pass.
    ///
    /// - Parameters:
    ///   - gradient: the example's gradient, `dimension` floats, any bits.
    ///   - squaredNorm: Σ gradient[i]², for example by ``Reductions/sumOfSquares(_:)``, relative error up to 2^-25.
    ///     Where it is not finite or is negative, the example contributes zero. Where it is wrong the clip is less
    ///     accurate, the bound holds.
    ///   - normalises: as in ``scale(squaredNorm:normalises:)``.
    ///   - sum: at least `dimension` integers; a narrow one needs B up to 2^30.
    ///   - offset: where in `sum` the gradient's first coordinate is.
    package func add(
        gradient: Span<Float>,
        squaredNorm: Double,
        normalises: Bool = false,
        to sum: Accumulator,
        at offset: Int = 0
    ) -> Outcome {
        precondition(gradient.count == dimension, "the gradient has another dimension")
        precondition(sum.width == .wide || bound <= 1 << 30, "the bound is too great for a narrow accumulator")
        guard squaredNorm >= 0, squaredNorm.isFinite else { return .zeroed }
        let norm = squaredNorm.squareRoot()
        let scale = scale(squaredNorm: squaredNorm, normalises: normalises)
        let squares = sum.addMeasured(gradient, scale: scale, at: offset)
        if squares <= UInt128(bound) * UInt128(bound) {
            return Outcome(norm: norm, isClipped: norm > target, isZeroed: false)
        }
        sum.subtract(gradient, scale: scale, at: offset)
        // A sum of squares beyond 2^126 says that the norm was no norm of this gradient.
        guard squares <= 1 << 126 else { return .zeroed }
        addShrunk(gradient, scale: scale, root: IntegerKernels.ceilingRoot(of: squares), to: sum, at: offset)
        return Outcome(norm: norm, isClipped: true, isZeroed: false)
    }

    /// Adds floor(|w| B / root) with the sign of w for every integer w of the scaled gradient, piece by piece.
    private func addShrunk(_ gradient: Span<Float>, scale: Float, root: UInt64, to sum: Accumulator, at offset: Int) {
        let piece = Buffer<Int64>(count: 256)
        for start in stride(from: 0, to: gradient.count, by: piece.count) {
            let size = min(piece.count, gradient.count - start)
            piece.write(0..<size) { w in
                let x = gradient.extracting(start..<(start + size))
                IntegerKernels.round(x, scale: scale, width: sum.width, into: &w)
                IntegerKernels.shrink(&w, numerator: UInt64(bound), denominator: root)
            }
            piece.read(0..<size) { sum.addIntegers($0, at: offset + start) }
        }
    }
}
