// SPDX-License-Identifier: Apache-2.0

/// A whole number of any length, zero or above: what the table of the Skellam law is computed with, and no more
/// (docs/proofs/skellam-sampler.md, §3). For this room and its tests.
package struct WideNatural: Hashable, Sendable {
    /// The digits in base 2^64, the lowest first, without zeros at the upper end; empty for zero.
    package private(set) var digits: [UInt64]

    /// The number `value`·2^(64·`zeros`).
    package init(_ value: UInt64, zeros: Int = 0) {
        digits = value == 0 ? [] : [UInt64](repeating: 0, count: zeros) + [value]
    }

    package static func += (left: inout WideNatural, right: WideNatural) {
        var carry: UInt64 = 0
        for index in 0..<max(left.digits.count, right.digits.count) {
            if index == left.digits.count { left.digits.append(0) }
            let added = index < right.digits.count ? right.digits[index] : 0
            let sum = UInt128(left.digits[index]) + UInt128(added) + UInt128(carry)
            left.digits[index] = UInt64(truncatingIfNeeded: sum)
            carry = UInt64(sum >> 64)
        }
        if carry > 0 { left.digits.append(carry) }
    }

    /// - Precondition: `right` is at most `left`.
    package static func -= (left: inout WideNatural, right: WideNatural) {
        precondition(left >= right, "there are no negative numbers")
        var borrow = false
        for index in left.digits.indices {
            let removed = index < right.digits.count ? right.digits[index] : 0
            let (first, isBelow) = left.digits[index].subtractingReportingOverflow(removed)
            let (second, isBelowAgain) = first.subtractingReportingOverflow(borrow ? 1 : 0)
            left.digits[index] = second
            borrow = isBelow || isBelowAgain
        }
        left.trim()
    }

    package static func *= (left: inout WideNatural, right: UInt64) {
        var carry: UInt64 = 0
        for index in left.digits.indices {
            let product = left.digits[index].multipliedFullWidth(by: right)
            let (low, overflow) = product.low.addingReportingOverflow(carry)
            left.digits[index] = low
            carry = product.high + (overflow ? 1 : 0)
        }
        if carry > 0 { left.digits.append(carry) }
        left.trim()
    }

    /// Division rounded down.
    ///
    /// - Precondition: `right` is not zero.
    package static func /= (left: inout WideNatural, right: UInt64) {
        var remainder: UInt64 = 0
        for index in left.digits.indices.reversed() {
            (left.digits[index], remainder) = right.dividingFullWidth((remainder, left.digits[index]))
        }
        left.trim()
    }

    /// This number divided by 2^(64·`count`), rounded down.
    package func dropping(_ count: Int) -> WideNatural {
        var rest = self
        rest.digits.removeFirst(min(count, digits.count))
        return rest
    }

    /// ⌊2^127·self / `divisor`⌋, a bit at a time.
    ///
    /// - Precondition: this number is below the divisor.
    package func fraction127(of divisor: WideNatural) -> UInt128 {
        precondition(self < divisor, "a fraction is below one")
        var quotient: UInt128 = 0
        var remainder = self
        for _ in 0..<127 {
            remainder *= 2
            quotient <<= 1
            if remainder >= divisor {
                remainder -= divisor
                quotient |= 1
            }
        }
        return quotient
    }

    private mutating func trim() {
        while digits.last == 0 { digits.removeLast() }
    }
}

extension WideNatural: Comparable {
    package static func < (left: WideNatural, right: WideNatural) -> Bool {
        guard left.digits.count == right.digits.count else { return left.digits.count < right.digits.count }
        for (a, b) in zip(left.digits.reversed(), right.digits.reversed()) where a != b { return a < b }
        return false
    }
}
