// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The delta of every epsilon on a grid, for one direction of a composition (`docs/proofs/pld.md`, section 5).
struct LossTail {
    /// For the loss l_j of a place j: the sums over l >= l_j of the tilted mass times e^(-theta (l - l_j)) (1 - e^-(l - l_j)),
    /// from which delta(l_j) is e^(K - theta l_j) times this one.
    private var gains: [Double]
    /// The place of the first element, in steps.
    private let start: Int
    private let step: Double
    private let tilt: Double
    /// K: log of the composed moment, rounded up.
    private let logMoment: Double
    /// A bound of all tilted mass that is wrong by rounding, times the greatest weight.
    private let error: Double
    /// Chernoff's bound of the probability above the window.
    private let outside: Double
    /// The tilt of that bound, and log of the composed moment at it.
    private let tailTilt: Double
    private let tailMoment: Double
    private let infinite: Double
    /// What all relative errors together may make of a value.
    private let growth: Double

    init(
        _ packed: [SIMD2<Double>],
        part: Int,
        factor: LossFactors.Direction,
        plan: LossPlan.Direction,
        step: Double
    ) {
        let size = packed.count
        start = Int((plan.windowStart / step).rounded(.down))
        self.step = step
        tilt = plan.tilt
        infinite = factor.infinite
        logMoment = factor.logMoment
        let unit = DirectedRounding.unit
        let farthest = step * Double(size + abs(start))
        let extent: Double = abs(tilt) * farthest + abs(factor.logMoment)
        let relativeError = factor.relativeError + unit * (64 + 16 * extent + 8 * Double(size))
        growth = exp(relativeError).nextUp.nextUp
        tailTilt = tilt + plan.furtherTilt
        tailMoment = factor.logFurtherMoment
        let top = Double(start + size - 1) * step
        outside = exp(min(0, tailMoment - tailTilt * top)) * growth
        let roundOff: Double = factor.errorNorm + FourierTransform.relativeError(size: size) * factor.norm
        self.error = exp(LossPlan.logGain(tilt)) * roundOff * (1 + 0x1p-20)

        gains = [Double](repeating: 0, count: size)
        let mask = size - 1
        let decay = exp(-tilt * step)
        let faster = exp(-(tilt + 1) * step)
        let share = -expm1(-step)
        var gain = 0.0
        var held = 0.0
        for index in stride(from: size - 1, through: 0, by: -1) {
            gain = decay * (gain + share * held)
            gains[index] = gain
            let value = packed[(start + index - factor.offset) & mask]
            // The inverse transform's conjugate changes the sign of the second part.
            held = faster * held + max(0, part == 0 ? value.x : -value.y)
        }
    }

    /// An epsilon, also a negative one, for which `delta` holds, and the part of delta that the transform and the truncation take there.
    func epsilon(delta: Double) -> (epsilon: Double, fourier: Double) {
        // delta does not increase with the place.
        var above = gains.count
        var below = -1
        while above - below > 1 {
            let middle = (above + below) / 2
            if total(at: middle) <= delta { above = middle } else { below = middle }
        }
        guard above < gains.count else {
            // Beyond the window there is Chernoff's bound.
            guard delta > infinite else { return (.infinity, 0) }
            let bound = (tailMoment - log(delta - infinite)) / tailTilt * (1 + 0x1p-40)
            return (max(bound, Double(start + gains.count) * step), delta)
        }
        let upper = Double(start + above) * step
        guard below >= 0 else { return (upper, fourierPart(at: above)) }
        // delta is convex in e^epsilon, so it is below the chord.
        let (high, low) = (total(at: below), total(at: above))
        let share = high.isFinite ? (high - delta) / (high - low) : 1
        let epsilon = upper - step + log1p(min(1, share * (1 + 0x1p-40)) * expm1(step))
        return (min(upper, epsilon), fourierPart(at: above))
    }

    /// A delta that holds for `epsilon`.
    func delta(epsilon: Double) -> Double {
        let place = (epsilon / step).rounded(.down) - Double(start)
        guard place >= 0 else { return 1 }
        guard place < Double(gains.count - 1) else { return beyond(epsilon) }
        // delta is convex in e^epsilon, so it is below the chord.
        let index = Int(place)
        let (high, low) = (total(at: index), total(at: index + 1))
        guard high.isFinite else { return 1 }
        let share = expm1(epsilon - Double(start + index) * step) / expm1(step)
        return min(high, high + (low - high) * max(0, share * (1 - 0x1p-40)))
    }

    /// delta at a place, rounded up.
    private func total(at index: Int) -> Double {
        weight(at: index) * (gains[index] + error) * growth + outside + infinite
    }

    private func fourierPart(at index: Int) -> Double {
        weight(at: index) * error * growth + outside + infinite
    }

    /// e^(K - theta l).
    private func weight(at index: Int) -> Double { exp(logMoment - tilt * (Double(start + index) * step)) }

    private func beyond(_ epsilon: Double) -> Double {
        exp(min(0, tailMoment - tailTilt * epsilon)) * growth + infinite
    }
}
