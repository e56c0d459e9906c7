// SPDX-License-Identifier: Apache-2.0

/// Upward rounding on top of round-to-nearest arithmetic.
///
/// One IEEE 754 operation in round-to-nearest errs by at most half a unit in the last place, so the next larger
/// `Double` is never below the exact result. Arguments are finite and not negative unless a function says otherwise.
package enum DirectedRounding {
    /// Half a unit in the last place of 1: the relative error of one rounded operation.
    static let unit = 0x1p-53

    /// At least `left + right`.
    package static func addUp(_ left: Double, _ right: Double) -> Double {
        left == 0 ? right : right == 0 ? left : (left + right).nextUp
    }

    /// At least `left * right`.
    package static func multiplyUp(_ left: Double, _ right: Double) -> Double {
        left == 0 || right == 0 ? 0 : left == 1 ? right : right == 1 ? left : (left * right).nextUp
    }

    /// The largest `Double` that is at most `numerator / denominator`; both positive and far from the ends of the
    /// range.
    static func divideDown(_ numerator: Double, _ denominator: Double) -> Double {
        let quotient = numerator / denominator
        // The residual is exact with one rounding, so its sign is right.
        let residual = numerator.addingProduct(-quotient, denominator)
        return residual >= 0 ? quotient : quotient.nextDown
    }

    /// A `Double` that is at least the integer, which is not negative.
    package static func atLeast(_ integer: Int64) -> Double {
        let nearest = Double(integer)
        // Only 2^63, which is above every Int64, is not exactly an Int64.
        guard let rounded = Int64(exactly: nearest) else { return nearest }
        return rounded >= integer ? nearest : nearest.nextUp
    }
}

extension Double {
    /// Rounded up to so many decimals: what is printed is never below what holds.
    package func roundedUp(decimals: Int) -> Double {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = self * scale
        guard scaled.isFinite, scaled < 0x1p52 else { return self }
        let nearest = scaled.rounded()
        if nearest / scale == self { return self }
        return scaled.rounded(.up) / scale
    }
}
