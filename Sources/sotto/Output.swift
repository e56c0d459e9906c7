// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import Training

/// How a command prints its result.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    /// Prints a report: as one line of JSON, or as the table, empty at first, that `rows` fills.
    func print(
        _ report: some Encodable,
        in empty: TextTable = TextTable(),
        rows: (inout TextTable) -> Void
    ) throws {
        guard !json else {
            Swift.print(try JSONText.encode(report))
            return
        }
        var table = empty
        rows(&table)
        Swift.print(table)
    }
}

extension Double {
    /// For a table: six significant digits at most, in full where it is tiny or huge.
    var short: String {
        guard isFinite, self != 0, magnitude >= 1e-3, magnitude < 1e6 else { return "\(self)" }
        let digits = max(0, 5 - Int(exponent10))
        var text = Decimal.text(self, digits: digits)
        if text.contains(".") {
            while text.last == "0" { text.removeLast() }
            if text.last == "." { text.removeLast() }
        }
        return text
    }

    private var exponent10: Double {
        var power = 0.0
        var value = magnitude
        while value >= 10 {
            value /= 10
            power += 1
        }
        while value < 1 {
            value *= 10
            power -= 1
        }
        return power
    }
}
