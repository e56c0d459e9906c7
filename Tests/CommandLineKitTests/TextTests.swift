// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Testing

@Suite("Numbers and tables for people")
struct TextTests {
    @Test(
        "A number has the digits that were asked for, rounded to the nearest",
        arguments: [
            (0, 2, "0.00"), (-0.0, 1, "0.0"), (1, 0, "1"), (1.5, 0, "2"), (-1.5, 0, "-2"), (0.25, 1, "0.3"),
            (-0.04, 1, "0.0"), (-0.06, 1, "-0.1"), (9.999, 2, "10.00"), (0.05, 3, "0.050"), (1234.5678, 3, "1234.568"),
            (-0.5, 1, "-0.5"), (1e15, 0, "1000000000000000"), (1e300, 2, "1e+300"), (.infinity, 2, "inf"),
            (-.infinity, 0, "-inf"), (.nan, 2, "nan"),
        ] as [(Double, Int, String)]
    )
    func decimal(value: Double, digits: Int, text: String) {
        #expect(Decimal.text(value, digits: digits) == text)
    }

    @Test("What is written is within half a unit of its last digit")
    func nearest() throws {
        var value = 1e-7
        while value < 1e9 {
            for digits in 0...6 {
                for signed in [value, -value] {
                    let text = Decimal.text(signed, digits: digits)
                    let half = (0..<digits).reduce(0.5) { unit, _ in unit / 10 }
                    let back = try #require(Double(text))
                    #expect(abs(back - signed) <= half * (1 + 1e-6) + value * 1e-15, "\(signed) with \(digits) digits")
                    let fraction = text.split(separator: ".").dropFirst().first ?? ""
                    #expect(fraction.count == digits)
                }
            }
            value *= 1.37
        }
    }

    @Test(
        "Thousands stand apart",
        arguments: [
            (0, "0"), (999, "999"), (1000, "1 000"), (60_000, "60 000"), (-1, "-1"), (-123, "-123"),
            (-1234, "-1 234"), (1_234_567, "1 234 567"), (Int.max, "9 223 372 036 854 775 807"),
            (Int.min, "-9 223 372 036 854 775 808"),
        ]
    )
    func grouped(value: Int, text: String) {
        #expect(Decimal.grouped(value) == text)
    }

    @Test("Columns are as wide as their widest cell, and no line ends in blanks")
    func table() {
        var table = TextTable([.left, .right, .left])
        table.row("a", "1", "x")
        table.row("long", "1000", "")
        table.row("b")
        table.row("é", "22", "yy", "dropped")
        table.row()
        #expect(
            table.description == """
                a        1  x
                long  1000
                b
                é       22  yy

                """
        )
        #expect(TextTable().description.isEmpty)
        var pairs = TextTable()
        pairs.row("epsilon", "1.5")
        pairs.row("delta", "1e-06")
        #expect(pairs.description == "epsilon  1.5\ndelta    1e-06")
    }
}
