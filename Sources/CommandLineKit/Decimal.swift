// SPDX-License-Identifier: Apache-2.0

/// Numbers as people read them.
package enum Decimal {
    /// `value` with `digits` digits after the point, for magnitudes below 2^53 / 10^digits; otherwise in full.
    package static func text(_ value: Double, digits: Int) -> String {
        var power = 1
        for _ in 0..<digits { power *= 10 }
        let scaled = (value.magnitude * Double(power)).rounded()
        guard scaled < 0x1p53 else { return "\(value)" }
        let whole = Int(scaled)
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return sign + String(whole) }
        let fraction = String(whole % power)
        return sign + String(whole / power) + "." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// `value` rounded up, for bounds: what is printed is never below what holds.
    package static func upperBound(_ value: Double, digits: Int) -> String {
        let power = (0..<digits).reduce(1.0) { power, _ in 10 * power }
        let up = (value * power).rounded(.up) / power
        return text(up >= value ? up : up + 1 / power, digits: digits)
    }

    /// A whole number with thousands apart: `60 000`.
    package static func grouped(_ value: Int) -> String {
        let digits = Array(String(value.magnitude))
        var text = value < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += " " }
            text.append(digit)
        }
        return text
    }
}
