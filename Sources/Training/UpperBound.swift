// SPDX-License-Identifier: Apache-2.0

import Accounting

/// A `Double` that is never below the real number, not negative, that it stands for.
///
/// Every operation is rounded upward (``DirectedRounding``): the result is at least the exact result for the operands, and
/// all operations here increase with their operands.
struct UpperBound: Hashable, Sendable, Comparable {
    /// The bound; may be infinite.
    let value: Double

    /// A bound of exactly `value`.
    init(_ value: Double) {
        precondition(value >= 0, "not a number that can be bounded from above")
        self.value = value
    }

    /// A bound of a whole number, not negative.
    init(_ value: Int) {
        self.init(DirectedRounding.atLeast(Int64(value)))
    }

    private init(rounded value: Double) {
        self.value = value == 0 ? 0 : value.nextUp
    }

    static func + (left: UpperBound, right: UpperBound) -> UpperBound {
        UpperBound(DirectedRounding.addUp(left.value, right.value))
    }

    static func * (left: UpperBound, right: UpperBound) -> UpperBound {
        UpperBound(DirectedRounding.multiplyUp(left.value, right.value))
    }

    static func < (left: UpperBound, right: UpperBound) -> Bool { left.value < right.value }

    var squared: UpperBound { self * self }

    var squareRoot: UpperBound { UpperBound(rounded: value.squareRoot()) }

    /// (1 + self)(1 + other) - 1.
    func compounded(_ other: UpperBound) -> UpperBound { self + other + self * other }

    /// γ_n = n u / (1 - n u): the relative error of a product of n factors 1 + δ, |δ| ≤ u (Higham, Accuracy and
    /// Stability of Numerical Algorithms, 2nd edition, lemma 3.1). Infinite where n u is not below 1/2.
    ///
    /// - Parameter unit: u, a power of two.
    static func gamma(_ count: Int, unit: Double) -> UpperBound {
        let numerator = UpperBound(count).value * unit
        guard numerator < 0.5 else { return UpperBound(.infinity) }
        return UpperBound(rounded: numerator / (1 - numerator).nextDown)
    }
}
