// SPDX-License-Identifier: Apache-2.0

/// The clip in two passes, over a scratch vector and an Int64 sum.
extension IntegerClip {
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

    /// Clips `gradient` into `clipped`, both of at least `dimension` elements; B is at most 2^30.
    package func clip(_ gradient: Buffer<Float>, into clipped: Buffer<Int32>) -> Outcome {
        gradient.read(0..<dimension) { gradient in
            clipped.write(0..<dimension) { clip(gradient, into: &$0) }
        }
    }

    private func clip(_ gradient: Span<Float>, into clipped: inout MutableSpan<Int32>) -> Outcome {
        let squared = Reductions.sumOfSquares(gradient)
        guard squared.isFinite else {
            for index in clipped.indices { clipped[index] = 0 }
            return .zeroed
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
