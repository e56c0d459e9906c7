// SPDX-License-Identifier: Apache-2.0

import Randomness
import TOML
import TestKit
import Testing

/// Whatever the text is, the answer is a table or one line.
@Suite struct FuzzTests {
    private static let valid = """
        name = "fuzzed"
        list = [3, 1.5e-3, [true, 'x'], { a.b = 1, "c d" = [] }]
        a.b.c = { x = 0x1F, y = -1_000 }
        [server]
        text = \"\"\"
        long \\
          \\u00e9"\"\"\"
        literal = '''
        it''s'''
        [[layer]]
        kind = "residual"
        [[layer.layers]]
        rate = +inf
        [layer.layers.inner]
        [[layer]]
        kind = 'linear' # the last
        """

    /// Text that mutations bring in: what TOML is made of, and numbers at the edges.
    private static let pieces = [
        "[", "]", "[[", "]]", "{", "}", "=", ",", ".", "#", "!", "\"", "'", "\"\"\"", "'''", "\\", "\n", "\r\n", "\r",
        "_", "-",
        "0", "-0", "0x", "1e", "9223372036854775807", "-9223372036854775809", "1e999", "nan", "true", "1979-05-27",
        "a.b",
        "[a]\n", "[[layer]]\n", "a = 1\n", "é", "\u{0}", "\u{7F}", "\u{2028}", "\\u0000", "\\UFFFFFFFF",
    ]

    @Test func mutatedTexts() {
        var stream = InsecureTestStream(seed: 5)
        var accepted = 0
        for _ in 0..<Self.rounds {
            var bytes = Array(Self.valid.utf8)
            for _ in 0...stream.uniform(below: 3) { Self.mutate(&bytes, &stream) }
            guard let line = refusal(String(decoding: bytes, as: UTF8.self)) else {
                accepted += 1
                continue
            }
            let isOneLine = line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{2028}" }
            #expect(isOneLine && line.hasPrefix("line "))
        }
        // Mutations do not always hit.
        #expect((Self.rounds / 20..<Self.rounds / 2).contains(accepted))
    }

    private static let rounds = LongTests.scaled(20_000)

    /// Every prefix, so that the text ends in the middle of everything.
    @Test func prefixes() {
        let bytes = Array(Self.valid.utf8)
        for count in bytes.indices {
            let line = refusal(String(decoding: bytes[..<count], as: UTF8.self))
            #expect(line?.hasPrefix("line ") != false)
        }
    }

    private static func mutate(_ bytes: inout [UInt8], _ stream: inout InsecureTestStream) {
        let place = Int(stream.uniform(below: UInt64(bytes.count + 1)))
        let length = min(Int(stream.uniform(below: 24)), bytes.count - place)
        let piece = Array(pieces[Int(stream.uniform(below: UInt64(pieces.count)))].utf8)
        switch stream.uniform(below: 5) {
        case 0: bytes.insert(UInt8(truncatingIfNeeded: stream.next()), at: place)
        case 1: bytes.removeSubrange(place..<place + length)
        case 2:
            bytes.insert(contentsOf: bytes[place..<place + length], at: Int(stream.uniform(below: UInt64(place + 1))))
        case 3: bytes.insert(contentsOf: piece, at: place)
        default: bytes.replaceSubrange(place..<min(place + 1, bytes.count), with: piece)
        }
    }
}
