// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Testing

@Suite("Byte sizes")
struct ByteSizeTests {
    @Test(
        "A whole number with a binary unit is read exactly",
        arguments: [
            ("0", 0), ("0TiB", 0), ("1048576", 1_048_576), ("7B", 7), ("1KiB", 1024), ("64MiB", 67_108_864),
            ("1GiB", 1_073_741_824), ("2TiB", 2_199_023_255_552), ("0064MiB", 67_108_864),
            ("9223372036854775807", Int.max), ("8388607TiB", 9_223_370_937_343_148_032),
        ]
    )
    func read(text: String, bytes: Int) {
        #expect(ByteSize(text)?.bytes == bytes)
        #expect(ByteSize(argument: text)?.bytes == bytes)
    }

    @Test(
        "Everything else is refused",
        arguments: [
            "", " ", "-1", "-0", "+1", "1.5GiB", "1e3", "0x10", "1_000", "1,000", "1 GiB", " 1", "1 ", "1\n", "MiB",
            "1mib", "1MB", "1kB", "1K", "1PiB", "1MiBB", "1MiB1", "9223372036854775808", "8388608TiB",
            "9007199254740992KiB", "99999999999999999999", "٣", "３", "½", "1٣",
        ]
    )
    func refused(text: String) {
        #expect(ByteSize(text) == nil)
    }

    @Test(
        "A size is written rounded up to a tenth of its unit",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1025, "1.1 KiB"), (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"), ((1 << 20) + 1, "1.1 MiB"), (64 << 20, "64.0 MiB"), (1 << 30, "1.0 GiB"),
            (3 << 40, "3.0 TiB"),
        ]
    )
    func written(bytes: Int, text: String) {
        #expect("\(ByteSize(bytes: bytes))" == text)
    }

    @Test("What is written is never less than the size, and at most a tenth of a unit more")
    func neverLess() throws {
        let units = ["B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40]
        var bytes = 1
        while bytes < 1 << 52 {
            let words = ByteSize(bytes: bytes).description.split(separator: " ")
            let unit = try #require(units[String(words[1])])
            let shown = try #require(Double(words[0])) * Double(unit)
            // The text is decimal and the size is binary: room for one rounding.
            #expect(shown >= Double(bytes) * (1 - 1e-15) && shown <= Double(bytes) + 0.1001 * Double(unit), "\(bytes)")
            bytes += bytes / 7 + 1
        }
    }
}
