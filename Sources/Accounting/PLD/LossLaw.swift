// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The dominating pair (P, Q) of one step: P is the law of the release with the unit, Q without it.
///
/// A mixture: with probability `weight` the release is that of a part, and it is seen which; with what is left of
/// probability 1, nothing depends on the unit. Statements and sources: `docs/proofs/pld.md`, section 2.
struct LossLaw: Hashable {
    /// A pair of one-dimensional laws in units of the sensitivity, whose loss L(x) = log dP/dQ (x) increases in x.
    enum Pair: Hashable {
        /// P = (1-q) N(0, z^2) + q N(1, z^2), Q = N(0, z^2).
        case sampled(rate: Double, noiseMultiplier: Double)
        /// P = (1-q) N(0, z^2) + q N(2, z^2), Q = (1-q) N(0, z^2) + q N(-2, z^2).
        case replaced(rate: Double, noiseMultiplier: Double)
    }

    struct Part: Hashable {
        let weight: Double
        let pair: Pair
    }

    let parts: [Part]
    /// The probability that nothing depends on the unit.
    let rest: Double

    init(_ pair: Pair) {
        parts = [Part(weight: 1, pair: pair)]
        rest = 0
    }

    init(parts: [Part], rest: Double) {
        self.parts = parts
        self.rest = rest
    }

    /// The parts that are heavier than `mass`.
    func parts(above mass: Double) -> [Part] { parts.filter { $0.weight > mass } }
}

extension LossLaw.Pair {
    var noiseMultiplier: Double {
        switch self {
        case .sampled(_, let noiseMultiplier), .replaced(_, let noiseMultiplier): noiseMultiplier
        }
    }

    /// Whether an edge's place has a relative error that grows as the loss falls.
    var isSteep: Bool {
        if case .sampled(let rate, _) = self { rate < 1 } else { false }
    }

    /// The infimum of the loss.
    var smallestLoss: Double {
        switch self {
        case .sampled(let rate, _): log1p(-rate)
        case .replaced: -.infinity
        }
    }

    /// L(x).
    func loss(at x: Double) -> Double {
        switch self {
        case .sampled(let rate, let z):
            let exponent = (x - 0.5) / (z * z)
            guard rate < 1 else { return exponent }
            return Self.mixedExponential(rate: rate, exponent: exponent)
        case .replaced(let rate, let z):
            let scale = 2 / (z * z)
            guard rate < 1 else { return 2 * scale * x }
            return Self.mixedExponential(rate: rate, exponent: scale * (x - 1))
                - Self.mixedExponential(rate: rate, exponent: scale * (-x - 1))
        }
    }

    /// The x at which the loss is `loss`; infinite where there is none.
    func place(of loss: Double) -> Double {
        switch self {
        case .sampled(let rate, let z):
            guard rate < 1 else { return z * z * loss + 0.5 }
            let change = expm1(loss) / rate
            guard change > -1 else { return -.infinity }
            // Where e^loss is infinite, the 1 - q and the 1 of the exact expression no longer show.
            let exponent = change.isFinite ? log1p(change) : loss - log(rate)
            return z * z * exponent + 0.5
        case .replaced(let rate, let z):
            guard rate < 1 else { return z * z / 4 * loss }
            let odds = exp(2 / (z * z)) * ((1 - rate) / rate)
            let sine = odds * sinh(loss / 2)
            // asinh x = sign(x) log(2|x|) beyond the range in which sinh is finite.
            let angle =
                sine.isFinite
                ? asinh(sine)
                : (loss < 0 ? -1 : 1) * (abs(loss) / 2 + 2 / (z * z) + log((1 - rate) / rate))
            return z * z / 2 * (loss / 2 + angle)
        }
    }

    /// log(1 - q + q e^exponent).
    private static func mixedExponential(rate: Double, exponent: Double) -> Double {
        exponent < 600 ? log1p(rate * expm1(exponent)) : exponent + log(rate)
    }

    /// P and Q of the losses at most L(x), for x <= 0, or above L(x), for x > 0: the smaller sides.
    func tail(at x: Double) -> SIMD2<Double> {
        let sign = x > 0 ? 1.0 : -1.0
        func side(_ shift: Double) -> Double { 0.5 * erfc(sign * (x - shift) / noiseMultiplier * 0.5.squareRoot()) }
        guard x.isFinite else { return .zero }
        switch self {
        case .sampled(let rate, _):
            let unshifted = side(0)
            return SIMD2((1 - rate) * unshifted + rate * side(1), unshifted)
        case .replaced(let rate, _):
            let unshifted = (1 - rate) * side(0)
            return SIMD2(unshifted + rate * side(2), unshifted + rate * side(-2))
        }
    }

    /// The density of P at x.
    func density(at x: Double) -> Double {
        let z = noiseMultiplier
        func normal(_ shift: Double) -> Double {
            let distance = (x - shift) / z
            return exp(-0.5 * distance * distance) / (z * (2 * Double.pi).squareRoot())
        }
        return switch self {
        case .sampled(let rate, _): (1 - rate) * normal(0) + rate * normal(1)
        case .replaced(let rate, _): (1 - rate) * normal(0) + rate * normal(2)
        }
    }

    /// The places between which all but `mass` of P lies on either side, and all but `mass` of Q.
    func range(leaving mass: Double) -> ClosedRange<Double> {
        // erfc(t / sqrt 2) <= e^(-t^2 / 2).
        let distance = noiseMultiplier * (-2 * log(mass)).squareRoot()
        return switch self {
        case .sampled: -distance...1 + distance
        case .replaced: -2 - distance...2 + distance
        }
    }
}
