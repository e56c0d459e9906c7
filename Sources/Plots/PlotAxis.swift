// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// One axis: what it shows and how values become places.
package struct PlotAxis: Hashable, Sendable {
    package enum Scale: Hashable, Sendable {
        case linear
        /// Values above 0 only; others are left out.
        case logarithmic
    }

    package let label: String
    package let scale: Scale

    package init(_ label: String, scale: Scale = .linear) {
        self.label = label
        self.scale = scale
    }
}

/// An axis over the values that are to be seen: where each lies between 0 and 1, and where the ticks are.
struct PlotRange {
    struct Tick: Equatable {
        let value: Double
        /// Empty for a tick without a number.
        let text: String
    }

    let scale: PlotAxis.Scale
    /// In the units of the axis, for a logarithmic one as powers of ten; `low` is below `high`.
    private let low: Double
    private let high: Double
    let ticks: [Tick]

    /// A range that shows all `values` that the scale can; linear ones start at 0 where no value is below.
    ///
    /// - Parameter startsAtZero: false for a linear range that begins a little below the least value.
    init(_ values: [Double], scale: PlotAxis.Scale, startsAtZero: Bool = true) {
        self.scale = scale
        switch scale {
        case .linear:
            let shown = values.filter(\.isFinite)
            let least = startsAtZero ? min(0, shown.min() ?? 0) : shown.min() ?? 0
            let most = max(shown.max() ?? 1, startsAtZero ? least : least + 1e-6)
            let steps = TickSteps(span: max(most - least, .leastNormalMagnitude * 0x1p60), about: 5)
            let first = (least / steps.size).rounded(.down)
            let last = max(first + 1, (most / steps.size).rounded(.up))
            (low, high) = (first * steps.size, last * steps.size)
            ticks = (Int(first)...Int(last)).map {
                Tick(value: Double($0) * steps.size, text: DecimalText.of($0 * steps.mantissa, power: steps.power))
            }
        case .logarithmic:
            let shown = values.filter { $0.isFinite && $0 > 0 }.map { log10($0) }
            let least = shown.min() ?? 0
            let most = max(shown.max() ?? 1, least)
            // A twentieth of the span beyond both ends, and at least a tenth of a decade.
            let edge = max(0.05, (most - least) / 20)
            (low, high) = (least - edge, most + edge)
            ticks = PlotRange.powers(from: low, to: high)
        }
    }

    private static func powers(from low: Double, to high: Double) -> [Tick] {
        let decades = high - low
        let stride = max(1, Int((decades / 7).rounded(.up)))
        let multiples = decades <= 1.2 ? [1, 2, 3, 4, 5, 6, 7, 8, 9] : decades <= 3 ? [1, 2, 5] : [1]
        var ticks: [Tick] = []
        for power in Int(low.rounded(.down))...Int(high.rounded(.up)) where power.isMultiple(of: stride) {
            for multiple in multiples {
                let place = Double(power) + log10(Double(multiple))
                guard place >= low, place <= high else { continue }
                ticks.append(
                    Tick(value: pow(10, place), text: DecimalText.of(multiple, power: power, superscript: true))
                )
            }
        }
        return ticks
    }

    /// Where a value lies, from 0 at the low end to 1 at the high end; nil where the scale has no place for it.
    func place(_ value: Double) -> Double? {
        switch scale {
        case .linear: value.isFinite ? (value - low) / (high - low) : nil
        case .logarithmic: value > 0 && value.isFinite ? (log10(value) - low) / (high - low) : nil
        }
    }
}

/// Steps of 1, 2 or 5 times a power of ten.
private struct TickSteps {
    let mantissa: Int
    let power: Int
    let size: Double

    init(span: Double, about count: Int) {
        let raw = span / Double(count)
        var power = Int(log10(raw).rounded(.down))
        let scaled = raw / pow(10, Double(power))
        var mantissa = scaled <= 1 ? 1 : scaled <= 2 ? 2 : scaled <= 5 ? 5 : 10
        if mantissa == 10 { (mantissa, power) = (1, power + 1) }
        self.mantissa = mantissa
        self.power = power
        size = Double(mantissa) * pow(10, Double(power))
    }
}

/// Whole numbers times powers of ten, as few characters as a reader needs.
enum DecimalText {
    /// `number` times 10 to the `power`.
    ///
    /// - Parameter superscript: write powers of ten from 10^5 and below 10^-3 as such.
    static func of(_ number: Int, power: Int, superscript: Bool = false) -> String {
        guard number != 0 else { return "0" }
        if superscript, power >= 5 || power < -3 {
            return (number == 1 ? "" : "\(number)·") + "10" + raised(power)
        }
        let sign = number < 0 ? "−" : ""
        var digits = String(number.magnitude)
        guard power < 0 else { return sign + grouped(digits + String(repeating: "0", count: power)) }
        let decimals = -power
        if digits.count <= decimals { digits = String(repeating: "0", count: decimals + 1 - digits.count) + digits }
        var fraction = String(digits.suffix(decimals))
        while fraction.last == "0" { fraction.removeLast() }
        return sign + String(digits.dropLast(decimals)) + (fraction.isEmpty ? "" : ".") + fraction
    }

    /// Thousands apart, from five digits on.
    private static func grouped(_ digits: String) -> String {
        guard digits.count > 4 else { return digits }
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += "\u{202F}" }
            text.append(digit)
        }
        return text
    }

    private static func raised(_ power: Int) -> String {
        let digits = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"]
        return (power < 0 ? "⁻" : "")
            + String(power.magnitude).compactMap { $0.wholeNumberValue.map { digits[$0] } }.joined()
    }
}
