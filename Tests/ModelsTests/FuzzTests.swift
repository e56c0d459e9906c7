// SPDX-License-Identifier: Apache-2.0

import Models
import Networks
import Randomness
import Testing

/// Whatever the bytes are, the answer is a network or one line.
@Suite struct FuzzTests {
    private static let valid = """
        name = "fuzzed"
        input = [3, 12, 12]
        classes = 4
        [[layer]]
        kind = "conv2d"
        name = "stem"
        outputs = 8
        kernel = [3, 3]
        stride = 1
        padding = 1
        groups = 1
        [[layer]]
        kind = "group-norm"
        groups = 2
        epsilon = 1e-5
        [[layer]]
        kind = "residual"
        [[layer.layers]]
        kind = "standardised-conv2d"
        outputs = 8
        kernel = 1
        [[layer.shortcut]]
        kind = "conv2d"
        outputs = 8
        kernel = 1
        [[layer]]
        kind = "average-pool"
        kernel = 2
        counts-padding = true
        [[layer]]
        kind = "dropout"
        rate = 0.1
        [[layer]]
        kind = "flatten"
        [[layer]]
        kind = "linear"
        outputs = 4
        """

    /// Text that mutations bring in: numbers at the edges, other kinds, and what TOML is made of.
    private static let pieces = [
        "0", "-1", "2147483647", "9223372036854775807", "-9223372036854775808", "1e308", "nan", "inf", "true", "\"",
        "[", "]", "[[", "]]", "{", "}", "=", "\n", ".", ",", "#", "'''", "\u{2028}", "\\u0000", "1979-05-27", "lstm",
        "attention", "embedding", "sequence", "[[layer.layers]]\n", "[[layer]]\n", "kind = \"residual\"\n",
        "input = [9]\n",
    ]

    @Test func mutatedFiles() {
        let valid = Array(Self.valid.utf8)
        #expect(refusal(Self.valid) == nil)
        var stream = InsecureTestStream(seed: 5)
        var accepted = 0
        for _ in 0..<4000 {
            var bytes = valid
            for _ in 0...stream.uniform(below: 3) { Self.mutate(&bytes, &stream) }
            do throws(ModelError) {
                _ = try ModelSource.parse(bytes, file: "my.toml")
                accepted += 1
            } catch {
                let isOneLine = error.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{2028}" }
                #expect(isOneLine && error.description.hasPrefix("my.toml: "))
            }
        }
        // Mutations reach the checks behind the syntax and do not always hit.
        #expect((1..<3000).contains(accepted))
    }

    @Test func randomBytes() {
        var stream = InsecureTestStream(seed: 6)
        for _ in 0..<500 {
            let bytes = (0..<stream.uniform(below: 200)).map { _ in UInt8(truncatingIfNeeded: stream.next()) }
            #expect(throws: ModelError.self) { try ModelSource.parse(bytes, file: "my.toml") }
        }
    }

    private static func mutate(_ bytes: inout [UInt8], _ stream: inout InsecureTestStream) {
        let place = Int(stream.uniform(below: UInt64(bytes.count)))
        let length = min(Int(stream.uniform(below: 24)), bytes.count - place)
        let piece = pieces[Int(stream.uniform(below: UInt64(pieces.count)))]
        switch stream.uniform(below: 6) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: stream.next())
        case 1: bytes.removeSubrange(place..<place + length)
        case 2:
            bytes.insert(contentsOf: bytes[place..<place + length], at: Int(stream.uniform(below: UInt64(place + 1))))
        case 3: bytes.insert(contentsOf: piece.utf8, at: place)
        case 4: replaceLine(&bytes, at: place, with: piece)
        default:
            replaceLine(&bytes, at: place, with: "\(Int64(bitPattern: stream.next()) >> stream.uniform(below: 64))")
        }
        if bytes.isEmpty { bytes = [0x23] }
    }

    /// Replaces what stands behind the equals sign of one line.
    private static func replaceLine(_ bytes: inout [UInt8], at place: Int, with piece: String) {
        guard let equals = bytes[place...].firstIndex(of: UInt8(ascii: "=")) else { return }
        let end = bytes[equals...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
        bytes.replaceSubrange(equals + 1..<end, with: Array(" \(piece)".utf8))
    }
}
