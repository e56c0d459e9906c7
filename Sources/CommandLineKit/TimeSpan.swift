// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// How long something lasts: a whole number and a unit, `30s`, `15m`, `12h` or `7d`.
package struct TimeSpan: Hashable, Sendable, ExpressibleByArgument {
    package let milliseconds: UInt64

    /// At most 100 years.
    package init?(argument: String) {
        let units: [Character: UInt64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }),
            let count = UInt64(argument.dropLast()), argument.first != "+",
            case let (seconds, overflow) = count.multipliedReportingOverflow(by: unit), !overflow,
            seconds <= 100 * 365 * 86_400
        else { return nil }
        milliseconds = seconds * 1000
    }

    package init(days: UInt64) { milliseconds = days * 86_400_000 }

    package var defaultValueDescription: String { "\(milliseconds / 86_400_000)d" }
}
