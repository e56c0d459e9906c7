// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The loss of a composition of steps, in both directions, on a window; every value that it gives is an upper bound.
///
/// The grids of the steps are tilted by e^(theta L), transformed, raised to their powers and transformed back
/// (`docs/proofs/pld.md`, section 5). Under the tilted law what matters is in the middle of the window, so that the
/// rounding of the transform is small relative to delta, however small delta is.
struct LossComposition {
    private var directions: [LossTail] = []
    /// What every loss may be short of, over all steps.
    private let lossError: Double

    /// - Parameter laws: at least one, each at least once.
    init(_ laws: [RepeatedLaw], plan: LossPlan) {
        let fourier = FourierTransform(size: plan.cells)
        var factors = LossFactors(size: plan.cells, laws: laws.count)
        var lossError = 0.0
        var packed: [SIMD2<Double>] = []
        var other: [SIMD2<Double>] = []
        for (place, repeated) in laws.enumerated() {
            var grids = Self.tilted(repeated, plan, &lossError)
            // Two real sequences go through one transform: as its real and its imaginary part.
            packed.clear(count: plan.cells)
            for part in 0..<2 { grids[part].move(to: &packed, part: part) }
            if other.isEmpty { other.clear(count: plan.cells) }
            let norm = packed.reduce(0) { $0 + ($1 * $1).sum() }.squareRoot()
            let error = FourierTransform.relativeError(size: plan.cells) * Double(plan.cells).squareRoot() * norm
            fourier.transform(&packed, by: &other)
            let power = LossFactors.Power(grids: grids, error: error, count: repeated.count)
            if place < laws.count - 1 {
                factors.include(power, packed)
            } else {
                factors.finish(power, &packed)
            }
        }
        // The inverse transform is the conjugate of the transform of the conjugate, over N.
        fourier.transform(&packed, by: &other)
        other = []
        for (part, direction) in plan.directions.enumerated() {
            directions.append(
                LossTail(packed, part: part, factor: factors.directions[part], plan: direction, step: plan.step)
            )
        }
        self.lossError = lossError * (1 + 0x1p-40)
    }

    private static func tilted(
        _ repeated: RepeatedLaw,
        _ plan: LossPlan,
        _ lossError: inout Double
    ) -> [TiltedGrid] {
        let grids = LossGrid.both(repeated.law, step: plan.step, leaving: plan.leftMass)
        lossError += Double(repeated.count) * max(grids.remove.lossError, grids.add.lossError)
        return zip(plan.directions, [grids.remove, grids.add]).map { TiltedGrid($1, plan: $0, step: plan.step) }
    }

    /// An epsilon, also a negative one, for which `delta` holds, and how much of delta is the transform's and the truncation's.
    func epsilon(delta: Double) -> (epsilon: Double, fourier: Double) {
        var result = (epsilon: -Double.infinity, fourier: 0.0)
        for direction in directions {
            let found = direction.epsilon(delta: delta)
            // What is no number is no guarantee.
            if !(found.epsilon <= result.epsilon) {
                result = found.epsilon.isNaN ? (.infinity, found.fourier) : found
            }
        }
        result.epsilon = (result.epsilon + lossError).nextUp
        return result
    }

    /// A delta that holds for `epsilon`, not negative.
    func delta(epsilon: Double) -> Double {
        directions.reduce(0) { greatest, direction in
            let delta = direction.delta(epsilon: epsilon - lossError)
            return delta < greatest ? greatest : min(1, delta.isNaN ? 1 : delta)
        }
    }
}

extension [SIMD2<Double>] {
    /// Becomes so many zeros.
    fileprivate mutating func clear(count: Int) {
        if self.count == count {
            for index in indices { self[index] = .zero }
        } else {
            self = [SIMD2<Double>](repeating: .zero, count: count)
        }
    }
}
