// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How a Rényi divergence bound becomes (epsilon, delta).
package enum Conversion: String, Hashable, Sendable, Codable, CaseIterable {
    /// Canonne, Kamath and Steinke 2020 (arXiv 2004.00010), Proposition 12.
    case improved
    /// Mironov 2017 (arXiv 1702.07476), Proposition 3; larger, and what older papers report.
    case classic

    /// An epsilon for which `delta` holds, given D_order <= `divergence`; at least 0, infinite where the divergence is.
    ///
    /// The value is rounded up by 8 units of 2^-53 of the sum of the terms' magnitudes, which covers every rounding and
    /// 2 ulp in each logarithm (`docs/proofs/rdp.md`).
    /// - Parameters:
    ///   - divergence: not negative.
    ///   - order: above 1.
    ///   - delta: in (0, 1).
    package func epsilon(divergence: Double, order alpha: Double, delta: Double) -> Double {
        guard divergence.isFinite, delta > 0, delta < 1 else { return .infinity }
        guard divergence > 0 else { return 0 }
        let value: Double
        let magnitude: Double
        switch self {
        case .improved:
            if Conversion.distanceIsWithin(delta, divergence: divergence) { return 0 }
            // Near 1 the rounding of 1 / alpha would show.
            let first = alpha >= 2 ? log1p(-1 / alpha) : log(alpha - 1) - log(alpha)
            let second = (log(delta) + log(alpha)) / (alpha - 1)
            value = divergence + first - second
            magnitude = divergence - first + (log(alpha) - log(delta)) / (alpha - 1)
        case .classic:
            value = divergence - log(delta) / (alpha - 1)
            magnitude = value
        }
        let rounded = (value + 8 * DirectedRounding.unit * magnitude).nextUp
        return rounded.isNaN ? .infinity : max(0, rounded)
    }

    /// Whether total variation alone gives (0, delta): TV^2 <= 1 - e^-KL (Bretagnolle and Huber) and KL <= D_order.
    private static func distanceIsWithin(_ delta: Double, divergence: Double) -> Bool {
        let square = delta * delta
        guard square > .leastNormalMagnitude else { return divergence == 0 }
        return square.nextDown >= -expm1(-divergence) * (1 + 8 * DirectedRounding.unit)
    }
}

extension Conversion {
    /// The delta of the improved conversion, rounded up: e^((a-1)(D-epsilon)) (1-1/a)^a / (a-1); at most 1.
    /// - Parameters:
    ///   - divergence: D, not negative.
    ///   - order: a, above 1.
    ///   - epsilon: not negative.
    static func delta(divergence: Double, order: Double, epsilon: Double) -> Double {
        guard divergence.isFinite else { return 1 }
        guard divergence > 0 else { return 0 }
        let gain = order * log1p(-1 / order) - log(order - 1)
        let exponent = (order - 1) * (divergence - epsilon)
        let magnitude = (order - 1) * (divergence + epsilon) + abs(gain) + abs(log(order - 1)) + 1
        return min(1, exp(exponent + gain + 16 * DirectedRounding.unit * magnitude).nextUp)
    }
}
