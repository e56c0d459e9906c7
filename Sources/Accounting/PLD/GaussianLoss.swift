// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The Gaussian mechanism without sampling, by its closed form (Balle and Wang 2018, arXiv 1805.06530, Theorem 8):
/// delta(epsilon) = F(m/2 - epsilon/m) - e^epsilon F(-m/2 - epsilon/m), with m the sensitivity over the deviation and F the
/// standard normal's distribution function (`docs/proofs/pld.md`, 2.2).
enum GaussianLoss {
    /// delta, rounded up.
    ///
    /// - Parameters:
    ///   - precision: m^2, not negative.
    ///   - epsilon: not negative.
    static func delta(precision: Double, epsilon: Double) -> Double {
        guard precision > 0 else { return 0 }
        let m = precision.squareRoot()
        let (near, far) = (epsilon / m - m / 2, epsilon / m + m / 2)
        let unit = DirectedRounding.unit
        let half = 0.5.squareRoot()
        let scale = far * (near.magnitude + far)
        // e^epsilon F(-far) = e^(-near^2/2) erfcx(far/sqrt 2)/2, so both terms share the factor e^(-near^2/2).
        guard near > 0 else {
            let first = 0.5 * erfc(near * half)
            let second = exp(-0.5 * near * near) * 0.5 * scaledErfc(far * half)
            return min(1, max(0, first - second) + 32 * unit * (1 + scale) * (first + second)).nextUp
        }
        let factor = 0.5 * exp(-0.5 * near * near)
        let (first, second) = (scaledErfc(near * half), scaledErfc(far * half))
        let value = factor * (first - second)
        return min(1, max(0, value) + unit * factor * (64 * (first + second) + 16 * scale * first)).nextUp
    }

    /// An epsilon for which `delta` holds.
    static func epsilon(precision: Double, delta target: Double) throws(AccountingError) -> Double {
        guard precision > 0, delta(precision: precision, epsilon: 0) > target else { return 0 }
        var above = max(1, precision)
        while delta(precision: precision, epsilon: above) > target {
            above *= 2
            guard above.isFinite else { throw .noFiniteEpsilon(event: "the composition") }
        }
        var below = 0.0
        while true {
            let middle = below + (above - below) / 2
            guard middle > below, middle < above, above - below > 1e-14 * above else { return above }
            if delta(precision: precision, epsilon: middle) > target { below = middle } else { above = middle }
        }
    }

    /// e^(x^2) erfc(x) for x >= 0, within 60 units of 2^-53 relative.
    static func scaledErfc(_ x: Double) -> Double {
        guard x >= 5 else {
            // The square's rounding error would be amplified by x^2: it is split off exactly.
            let square = x * x
            let rest = (-square).addingProduct(x, x)
            return exp(square) * (1 + rest) * erfc(x)
        }
        // The continued fraction x + (1/2)/(x + 1/(x + (3/2)/(x + ...))) over sqrt(pi); all terms are positive. From 5 on
        // 60 terms are far more than enough.
        var tail = x
        for index in stride(from: 60, through: 1, by: -1) { tail = x + Double(index) / 2 / tail }
        return 1 / (tail * Double.pi.squareRoot())
    }
}
