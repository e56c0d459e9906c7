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

    init(_ laws: [RepeatedLaw], plan: LossPlan) {
        let fourier = FourierTransform(size: plan.cells)
        let size = plan.cells
        var packed = [SIMD2<Double>](repeating: .zero, count: size)
        var other = packed
        var factors = [LossFactor](repeating: LossFactor(size: size), count: 2)
        var lossError = 0.0
        let names: [LossDirection] = [.remove, .add]
        for repeated in laws where repeated.count > 0 {
            let grids = LossGrid.both(repeated.law, step: plan.step, leaving: plan.leftMass)
            lossError += Double(repeated.count) * max(grids.remove.lossError, grids.add.lossError)
            let tilted = zip(names, [grids.remove, grids.add]).map { name, grid in
                TiltedGrid(grid, tilt: plan.tilts[name] ?? 1, further: plan.tailTilts[name] ?? 1, step: plan.step)
            }
            // Two real sequences go through one transform: as its real and its imaginary part.
            packed.clear()
            for (part, grid) in tilted.enumerated() { grid.add(to: &packed, part: part) }
            let norm = packed.reduce(0) { $0 + ($1 * $1).sum() }.squareRoot()
            let error = FourierTransform.relativeError(size: size) * Double(size).squareRoot() * norm
            fourier.transform(&packed, by: &other)
            for part in 0..<2 {
                factors[part].multiply(tilted[part], packed, part: part, error: error, count: repeated.count)
            }
        }
        // The inverse transform is the conjugate of the transform of the conjugate, over N.
        packed.clear()
        for part in 0..<2 { factors[part].finish(into: &packed, part: part) }
        fourier.transform(&packed, by: &other)
        for (part, name) in names.enumerated() {
            directions.append(
                LossTail(
                    packed,
                    part: part,
                    factor: factors[part],
                    tilt: plan.tilts[name] ?? 1,
                    further: plan.tailTilts[name] ?? 1,
                    start: Int(((plan.windowStarts[name] ?? 0) / plan.step).rounded(.down)),
                    step: plan.step
                )
            )
        }
        self.lossError = lossError * (1 + 0x1p-40)
    }

    /// An epsilon for which `delta` holds, and how much of delta is the transform's and the truncation's.
    func epsilon(delta: Double) -> (epsilon: Double, fourier: Double) {
        var result = (epsilon: -1.0, fourier: 0.0)
        for direction in directions {
            let found = direction.epsilon(delta: delta)
            if found.epsilon > result.epsilon { result = found }
        }
        guard result.epsilon > 0 else { return result }
        result.epsilon = (result.epsilon + lossError).nextUp
        return result
    }

    /// A delta that holds for `epsilon`, not negative.
    func delta(epsilon: Double) -> Double {
        min(1, directions.map { $0.delta(epsilon: epsilon - lossError) }.max() ?? 0)
    }
}

extension [SIMD2<Double>] {
    /// Sets every element to zero.
    fileprivate mutating func clear() {
        for index in indices { self[index] = .zero }
    }
}
