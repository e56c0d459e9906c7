// SPDX-License-Identifier: Apache-2.0

package import Accounting
package import Kernels

/// What adding or removing one example changes, at most, in integer sums of which some layers are summed exactly and
/// others by leaves (book-keeping).
///
/// The bound, with C the clip norm, g the grid's step, u = 2^-24, d_e the coordinates summed exactly and for every leaf
/// layer its coordinates d, capacity p, mass cap κ, norm error e, operand error η and accumulation error α:
///
///     (C/g) (√(1 + 2^-24 + Σ e κ²) (1 + u) + ‖η κ‖ + ‖α κ‖ + tiny) + √(d_e / 4 + Σ 9 d / 4)
///
/// ‖·‖ over layers, where layers with one place count together as one of κ = 1. Without leaf layers it bounds sums that
/// are exact for every example. Proof: docs/proofs/book-keeping.md and docs/proofs/exact-clip.md, which also say what
/// the clip factors (``ClipFactor``) must obey. Computed with every operation rounded upward.
package struct LeafCertificate: Hashable, Sendable {
    /// d_e: the coordinates summed exactly.
    package let exactCoordinates: Int
    /// The layers summed by leaves.
    package let layers: [LeafLayer]
    /// The leaves' capacities, one a layer.
    package let capacities: [Int]
    /// k of the grid g = 2^-k.
    package let gridExponent: Int

    /// Δ = clip 2^k ``slope`` + ``offset``.
    let slope: UpperBound
    let offset: UpperBound

    /// - Parameters:
    ///   - exactCoordinates: 0...2^40, biases and every other parameter whose sum is exact included.
    ///   - capacities: one a layer, 1...2^20.
    ///   - gridExponent: -60...100.
    package init(exactCoordinates: Int, layers: [LeafLayer], capacities: [Int], gridExponent: Int) {
        precondition((0...(1 << 40)).contains(exactCoordinates), "the coordinates are outside of 0...2^40")
        precondition(layers.count == capacities.count, "one capacity a layer")
        precondition(capacities.allSatisfy { (1...(1 << 20)).contains($0) }, "a capacity is outside of 1...2^20")
        precondition(ClipFactor.gridExponents.contains(gridExponent), "the grid exponent is outside of -60...100")
        self.exactCoordinates = exactCoordinates
        self.layers = layers
        self.capacities = capacities
        self.gridExponent = gridExponent
        (slope, offset) = Self.terms(exactCoordinates, layers, capacities, gridExponent)
    }

    /// The L2 bound in grid units of clip norm `clip`, rounded up to a whole number; nil where it exceeds 2^55.
    ///
    /// - Parameter clip: 2^-60...2^60.
    package func bound(clip: Double) -> Int64? {
        precondition(ClipFactor.clips.contains(clip), "the clip norm is outside of 2^-60...2^60")
        let perUnit = Double(sign: .plus, exponent: gridExponent, significand: 1)
        let bound = (UpperBound(clip * perUnit) * slope + offset).value.rounded(.up)
        return bound <= Double(IntegerClip.largestBound) ? Int64(bound) : nil
    }

    /// The greatest clip norm, within a relative 2^-40, whose bound is at most `bound`; nil where errors alone exceed
    /// it or no clip norm in 2^-60...2^60 would do.
    ///
    /// A plan that fixes the bound clips to this norm.
    package func effectiveClip(bound: Int64) -> Double? {
        let step = Double(sign: .plus, exponent: -gridExponent, significand: 1)
        var clip = min((Double(bound) - offset.value) / slope.value * step, ClipFactor.clips.upperBound)
        while ClipFactor.clips.contains(clip) {
            if let needed = self.bound(clip: clip), needed <= bound { return clip }
            clip *= 1 - 0x1p-51
        }
        return nil
    }

    /// The bound over C / g; infinite where there is no bound.
    package func inflation(clip: Double) -> Double {
        let step = Double(sign: .plus, exponent: -gridExponent, significand: 1)
        return bound(clip: clip).map { (Double($0) * step / clip).nextUp } ?? .infinity
    }

    /// The integers that hold any sum of `examples` examples or fewer, and what any leaf adds.
    ///
    /// A sum of m examples is m additions to the empty sum: its norm, and so each coordinate, is at most m bounds.
    package func width(examples: Int, bound: Int64) -> Accumulator.Width {
        let most = UInt64(max(examples, capacities.max() ?? 1))
        let (product, overflow) = most.multipliedReportingOverflow(by: UInt64(bound))
        return !overflow && product <= UInt64(Accumulator.Width.narrow.limit) ? .narrow : .wide
    }

    /// The certificate that an accountant takes; nil where there is no bound.
    package func certificate(clip: Double, method: String, environment: String) -> SensitivityCertificate? {
        bound(clip: clip).map { bound in
            let proof = layers.isEmpty ? "exact-clip" : "book-keeping"
            return SensitivityCertificate(
                method: method,
                bound: bound,
                gridExponent: gridExponent,
                dimension: layers.reduce(exactCoordinates) { $0 + $1.coordinates },
                inflation: inflation(clip: clip),
                derivation: "\(exactCoordinates) coordinates exact, \(layers.count) layers by leaves of up to "
                    + "\(capacities.max() ?? 0) examples: docs/proofs/\(proof).md",
                environment: environment
            )
        }
    }

    private static func terms(
        _ exactCoordinates: Int,
        _ layers: [LeafLayer],
        _ capacities: [Int],
        _ gridExponent: Int
    ) -> (slope: UpperBound, offset: UpperBound) {
        let unit = UpperBound(LeafLayer.unit)
        let one = UpperBound(1.0)
        var squaredNorm = UpperBound(1 + LeafLayer.unit)
        for layer in layers {
            squaredNorm = squaredNorm + UpperBound(layer.normError) * UpperBound(layer.massCap).squared
        }
        let accumulation = zip(layers, capacities).map { $0.accumulation(capacity: $1) }

        // ‖factor κ‖: the masses of layers with one place are norms, and all norms together are at most squaredNorm.
        func combined(_ factors: [UpperBound]) -> UpperBound {
            var many = UpperBound(0.0)
            var single = UpperBound(0.0)
            var greatest = UpperBound(0.0)
            for (layer, factor) in zip(layers, factors) {
                let square = (factor * UpperBound(layer.massCap)).squared
                if layer.isOnePlace {
                    single = single + square
                    greatest = max(greatest, factor.squared)
                } else {
                    many = many + square
                }
            }
            return (many + min(single, greatest * squaredNorm)).squareRoot
        }

        var tiny = UpperBound(0.0)
        var grid = UpperBound(exactCoordinates) * UpperBound(0.25)
        var underflow = UpperBound(0.0)
        for (index, layer) in layers.enumerated() {
            let error = layer.tinyError * UpperBound(layer.massCap)
            tiny = tiny + (error * (one + accumulation[index])).squared
            let coordinates = UpperBound(layer.coordinates)
            grid = grid + coordinates * UpperBound(2.25)
            let products = UpperBound((2 * capacities[index] + 1) * layer.places)
            underflow = underflow + coordinates * (products * layer.smallestProduct(gridExponent: gridExponent)).squared
        }
        let slope =
            squaredNorm.squareRoot * (one + unit) + combined(layers.map(\.operandError)) + combined(accumulation)
            + tiny.squareRoot
        return (slope, grid.squareRoot + underflow.squareRoot)
    }
}
