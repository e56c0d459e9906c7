// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// The factor c of one example's gradient: a Float with c n ≤ C, c M ≤ κ C for every leaf layer and c at most what the
/// rule allows, and in that the greatest.
///
/// n is the gradient's norm and M a layer's mass, both as computed. "At most" holds exactly for the returned number,
/// for every input: what the proofs of docs/proofs/exact-clip.md and docs/proofs/book-keeping.md take from here.
package struct ClipFactor: Hashable, Sendable {
    /// What a row's norm is increased by, errors and inputs alike, before a mass is computed from it: more where errors are
    /// rounded to formats whose least number is greater.
    package static func rowMargin(for precision: Precision) -> Double { precision == .fp32 ? 0x1p-48 : 0x1p-36 }
    /// A smaller factor becomes zero: the gradient is beyond 2^60 clip norms, and nothing of it would be meant.
    package static let smallest: Float = 0x1p-60
    /// The clip norms for which the proofs hold.
    package static let clips: ClosedRange<Double> = 0x1p-60...0x1p60
    /// The k for which they hold.
    package static let gridExponents: ClosedRange<Int> = -60...100

    /// C, the norm that gradients are clipped to.
    package let clip: Double
    /// κ C of every leaf layer, less the error of a computed mass.
    private let massLimits: [Double]
    private let rule: ClipRule
    private let perUnit: Float
    /// What gradients are multiplied by.
    private let lossScale: Double

    /// - Parameters:
    ///   - clip: C in ``clips``; ``LeafCertificate/effectiveClip(bound:)`` where a plan fixes the bound.
    ///   - massCaps: κ of every layer that is summed by leaves.
    ///   - gridExponent: k of the grid 2^-k, in ``gridExponents``.
    ///   - lossScale: a power of two by which gradients, clip norm and grid are longer than they would be.
    package init(
        clip: Double,
        massCaps: [Double],
        gridExponent: Int,
        rule: ClipRule = .abadi,
        lossScale: Double = 1
    ) {
        precondition(Self.clips.contains(clip), "the clip norm is outside of 2^-60...2^60")
        precondition(Self.gridExponents.contains(gridExponent), "the grid exponent is outside of -60...100")
        // A factor above 1 must leave every operand finite, which caps on masses do up to this norm.
        precondition(rule.largestFactor <= 1 || clip <= 0x1p40, "the clip norm is above 2^40 for a factor above 1")
        self.clip = clip
        self.rule = rule
        self.lossScale = lossScale
        massLimits = massCaps.map { $0 * clip * (1 - 0x1p-29) }
        perUnit = Float(sign: .plus, exponent: gridExponent, significand: 1)
    }

    /// c of an example; 0 where a number is not finite or is negative: such an example's operands must be overwritten
    /// with zeros, not multiplied.
    ///
    /// - Parameters:
    ///   - squaredNorm: the squares of all exact coordinates and, for every leaf layer, its computed squared norm,
    ///     which is taken as 0 where it is negative; all added in Double, relative error at most 2^-25.
    ///   - masses: of every leaf layer Σ_t (|e_t| + τ)(|a_t| + τ) with τ = ``rowMargin(for:)``, relative error at most 2^-30.
    package func factor(squaredNorm: Double, masses: Span<Double>) -> Float {
        precondition(masses.count == massLimits.count, "one mass a leaf layer")
        guard squaredNorm >= 0, squaredNorm.isFinite else { return 0 }
        // A root and a division err by less than 2^-51 together.
        let divisor = rule.divisor(norm: squaredNorm.squareRoot(), unit: lossScale)
        var factor = min(rule.largestFactor, clip / divisor * (1 - 0x1p-50))
        for layer in masses.indices {
            guard masses[layer] >= 0, masses[layer].isFinite else { return 0 }
            factor = min(factor, massLimits[layer] / masses[layer])
        }
        let rounded = Float.roundedDown(factor)
        return rounded < Self.smallest ? 0 : rounded
    }

    /// c 2^k, exactly: from a gradient's units to clipped grid units.
    package func scale(_ factor: Float) -> Float {
        factor * perUnit
    }
}
