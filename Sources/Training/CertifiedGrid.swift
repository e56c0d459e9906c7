// SPDX-License-Identifier: Apache-2.0

import Kernels

/// The integer grid on which one example's gradient is clipped, summed and noised.
///
/// A gradient x is rounded to whole multiples of `step` = 2^-`exponent`, and its integer vector q then obeys
/// Σ q² ≤ `bound`². Adding or removing one example therefore changes an integer sum by at most `bound` in L2: exactly,
/// for every input (reference/maths.md §0.4, §3.5).
package struct CertifiedGrid: Hashable, Sendable {
    /// The largest `bound`: squares of two coordinates still add up within a `UInt64`, and 2^32 examples within an `Int64`.
    package static let largestBound: Int64 = 1 << 30

    /// The clipping norm C, in the gradient's units; positive.
    package let clip: Double
    /// The number of coordinates d, at least 1.
    package let dimension: Int
    /// k, where the grid's step is 2^-k; in -100...100.
    package let exponent: Int
    /// B: the L2 bound of one example in grid units, in 1...2^30.
    package let bound: Int64

    /// g = 2^-k, exactly.
    package var step: Double { Double(sign: .plus, exponent: -exponent, significand: 1) }

    /// The grid whose step g is the largest power of two with g√d ≤ 2^-10·C, and B = floor(C/g).
    ///
    /// - Throws: ``TrainingError/invalidArgument(name:value:expected:)`` when C or d is out of range, or B exceeds 2^30
    ///   (d above about 2^38).
    package init(clip: Double, dimension: Int) throws(TrainingError) {
        try Self.check(clip: clip, dimension: dimension)
        // The largest step is 2^floor(log2(C / (2^10 √d))), and the floor of a logarithm is the exponent of the
        // floating-point number. A quotient rounded across a power of two moves the step, never the guarantee.
        let exponent = -Int((clip / (1024 * Double(dimension).squareRoot())).exponent)
        let bound = (clip / Double(sign: .plus, exponent: -exponent, significand: 1)).rounded(.down)
        guard bound <= Double(Self.largestBound) else {
            throw .invalidArgument(
                name: "clip bound in grid units",
                value: "\(bound)",
                expected: "at most 2^30: fewer parameters than \(dimension)"
            )
        }
        try self.init(clip: clip, dimension: dimension, exponent: exponent, bound: Int64(bound))
    }

    /// The same grid or, where a sum of so many examples then fits integers of 32 bits, that with twice the step: what
    /// rounding adds stays far below the noise, and sums take half of the memory and of its traffic.
    ///
    /// - Parameters:
    ///   - examples: the most examples of a sum.
    ///   - options: what errors and noise may add to it.
    package init(
        clip: Double,
        dimension: Int,
        examples: Int,
        options: ClippingPlan.Options = ClippingPlan.Options()
    ) throws(TrainingError) {
        let fine = try CertifiedGrid(clip: clip, dimension: dimension)
        let coarse = try CertifiedGrid(
            clip: clip,
            dimension: dimension,
            exponent: fine.exponent - 1,
            bound: max(1, fine.bound / 2)
        )
        func isNarrow(_ grid: CertifiedGrid) -> Bool {
            ClippingPlan.width(examples: examples, grid, options: options) == .narrow
        }
        self = !isNarrow(fine) && isNarrow(coarse) ? coarse : fine
    }

    /// The same grid with a smaller bound, as a federated plan chooses it so that its noise is a whole multiple.
    ///
    /// - Throws: ``TrainingError/invalidArgument(name:value:expected:)`` when `bound` is not in 1...floor(C/g).
    package init(clip: Double, dimension: Int, bound: Int64) throws(TrainingError) {
        let natural = try CertifiedGrid(clip: clip, dimension: dimension)
        try self.init(clip: clip, dimension: dimension, exponent: natural.exponent, bound: bound)
    }

    /// A grid as a plan states it.
    ///
    /// - Throws: ``TrainingError/invalidArgument(name:value:expected:)`` when a value is out of range or `bound` · 2^-k
    ///   exceeds the clip.
    package init(clip: Double, dimension: Int, exponent: Int, bound: Int64) throws(TrainingError) {
        try Self.check(clip: clip, dimension: dimension)
        guard (-100...100).contains(exponent) else {
            throw .invalidArgument(name: "grid exponent", value: "\(exponent)", expected: "a whole number, -100...100")
        }
        let largest = min(Double(Self.largestBound), clip * Double(sign: .plus, exponent: exponent, significand: 1))
        guard bound >= 1, Double(bound) <= largest else {
            throw .invalidArgument(
                name: "clip bound in grid units",
                value: "\(bound)",
                expected: "a whole number in 1...\(largest.rounded(.down))"
            )
        }
        self.clip = clip
        self.dimension = dimension
        self.exponent = exponent
        self.bound = bound
    }

    /// A grid with the step 2^-`exponent` and B = floor(C/g), up to the largest bound that integer clipping takes: for
    /// comparing gradients, not for noise.
    ///
    /// - Throws: ``TrainingError/invalidArgument(name:value:expected:)`` when a value is out of range.
    package init(fine clip: Double, dimension: Int, exponent: Int) throws(TrainingError) {
        try Self.check(clip: clip, dimension: dimension)
        let bound = (clip * Double(sign: .plus, exponent: exponent, significand: 1)).rounded(.down)
        guard (-60...100).contains(exponent), bound >= 1, bound <= Double(IntegerClip.largestBound) else {
            throw .invalidArgument(
                name: "grid exponent",
                value: "\(exponent)",
                expected: "-60...100, with 1 to 2^55 steps in the clip norm"
            )
        }
        self.clip = clip
        self.dimension = dimension
        self.exponent = exponent
        self.bound = Int64(bound)
    }

    private static func check(clip: Double, dimension: Int) throws(TrainingError) {
        // The limits keep 2^k, the scale of gradients in Float, a normal number.
        guard clip.isFinite, clip >= 0x1p-60, clip <= 0x1p60 else {
            throw .invalidArgument(name: "clip", value: "\(clip)", expected: "a norm from 2^-60 to 2^60")
        }
        guard dimension >= 1, dimension <= 1 << 40 else {
            throw .invalidArgument(name: "dimension", value: "\(dimension)", expected: "1 to 2^40 parameters")
        }
    }
}
