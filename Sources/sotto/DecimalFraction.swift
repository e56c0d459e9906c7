// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A decimal number without sign or exponent, kept exactly: `12.75` is 51 / 4.
struct DecimalFraction: ExpressibleByArgument, CustomStringConvertible {
    /// In lowest terms.
    let numerator: UInt64
    let denominator: UInt64
    let description: String

    init?(argument: String) {
        let parts = argument.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count > 1 ? parts[1] : ""
        guard fraction.utf8.count <= 18, let digits = UInt64(parts[0] + fraction), argument.first?.isNumber == true
        else {
            return nil
        }
        var power: UInt64 = 1
        for _ in fraction.utf8 { power *= 10 }
        var (a, b) = (digits, power)
        while b != 0 { (a, b) = (b, a % b) }
        numerator = digits / a
        denominator = power / a
        description = argument
    }
}
