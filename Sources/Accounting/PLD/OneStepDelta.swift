// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The exact delta of a single step, in both directions: closed forms, not rounded up.
package enum OneStepDelta {
    /// One Poisson-sampled Gaussian step: P = (1-q) N(0, z^2) + q N(1, z^2) against Q = N(0, z^2).
    ///
    /// - Parameters:
    ///   - rate: q in (0, 1].
    ///   - noiseMultiplier: z, positive.
    ///   - epsilon: any finite number.
    /// - Returns: delta of P against Q, and of Q against P.
    package static func sampledGaussian(
        rate: Double,
        noiseMultiplier: Double,
        epsilon: Double
    ) -> (remove: Double, add: Double) {
        let pair = LossLaw.Pair.sampled(rate: rate, noiseMultiplier: noiseMultiplier)
        let growth = exp(epsilon)
        func above(_ loss: Double) -> SIMD2<Double> {
            let place = pair.place(of: loss)
            guard place > -.infinity else { return SIMD2(1, 1) }
            return place > 0 ? pair.tail(at: place) : 1 - pair.tail(at: place)
        }
        func below(_ loss: Double) -> SIMD2<Double> {
            let place = pair.place(of: loss)
            guard place > -.infinity else { return .zero }
            return place > 0 ? 1 - pair.tail(at: place) : pair.tail(at: place)
        }
        let (over, under) = (above(epsilon), below(-epsilon))
        return (over.x - growth * over.y, under.y - growth * under.x)
    }

    /// The discrete Gaussian on a scalar integer query (Canonne, Kamath and Steinke 2020, arXiv 2004.00010, Theorem 7):
    /// P[X > epsilon sigma^2 / D - D / 2] - e^epsilon P[X > epsilon sigma^2 / D + D / 2].
    ///
    /// - Parameters:
    ///   - sigma: the parameter, in 0.1...10^6.
    ///   - sensitivity: D, at least 1.
    ///   - epsilon: not negative.
    package static func discreteGaussian(
        sigma: Double,
        sensitivity: Int,
        epsilon: Double
    ) throws(AccountingError) -> Double {
        guard sigma >= 0.1, sigma <= 1e6 else { throw .invalid("sigma", sigma, "a number in 0.1...10^6") }
        guard sensitivity >= 1, sensitivity <= 1 << 40 else {
            throw .invalid("sensitivity", sensitivity, "1...2^40 grid units")
        }
        guard epsilon >= 0, epsilon.isFinite else { throw .invalid("epsilon", epsilon, "a finite number, at least 0") }
        let width = Double(sensitivity)
        let centre = epsilon * sigma * sigma / width
        // Weights below e^-800 are nothing beside the others.
        let reach = Int((40 * sigma).rounded(.up)) + 1
        func weight(_ x: Int) -> Double { exp(-Double(x) * Double(x) / (2 * sigma * sigma)) }
        func tail(above place: Double) -> Double {
            let first =
                place < Double(-reach) ? -reach : place > Double(reach) ? reach + 1 : Int(place.rounded(.down)) + 1
            guard first <= reach else { return 0 }
            // From the far end, where the weights are smallest.
            return stride(from: reach, through: first, by: -1).reduce(0) { $0 + weight($1) }
        }
        let whole = 1 + 2 * stride(from: reach, through: 1, by: -1).reduce(0) { $0 + weight($1) }
        return max(0, (tail(above: centre - width / 2) - exp(epsilon) * tail(above: centre + width / 2)) / whole)
    }
}
