// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A number of bytes, written `1048576`, `64MiB` or `1GiB` (`KiB`, `MiB`, `GiB`, `TiB`; `B` for bytes).
package struct ByteSize: Hashable, Sendable {
    /// At least 0.
    package let bytes: Int

    package init(bytes: Int) {
        precondition(bytes >= 0, "a size is not negative")
        self.bytes = bytes
    }

    /// `nil` where the text is not a whole number with a known unit, or does not fit an `Int`.
    package init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int(digits), let unit = Self.units[String(text.dropFirst(digits.count))] else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    private static let units = ["": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40]
}

extension ByteSize: ExpressibleByArgument {
    package init?(argument: String) {
        self.init(argument)
    }
}

extension ByteSize: CustomStringConvertible {
    /// Rounded up to a tenth of the largest unit that is not above the size: `61.4 MiB`.
    package var description: String {
        for (unit, name) in [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] where bytes >= unit
        {
            return Decimal.text((Double(bytes) / Double(unit) * 10).rounded(.up) / 10, digits: 1) + " \(name)"
        }
        return "\(bytes) B"
    }
}
