// SPDX-License-Identifier: Apache-2.0

import Cryptography
import TestKit
import Testing

@Suite struct KeystreamTests {
    private let key = bytes(hex: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    private let counter = bytes(hex: "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")

    /// NIST SP 800-38A F.5.5: the four output blocks.
    private let output = bytes(
        hex: "0bdf7df1591716335e9a8b15c860c5025a6e699d536119065433863c8f657b94"
            + "1bc12c9c01610d5d0d8bd6a3378eca622956e1c8693536b1bee99c73a31576b6"
    )

    private func words(_ bytes: [UInt8]) -> [UInt64] {
        stride(from: 0, to: bytes.count, by: 8).map { start in
            (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << (8 * $1) }
        }
    }

    @Test func outputBlocks() throws {
        var stream = try Keystream(key: SecretBytes(copying: key), initialCounter: counter)
        var first = [UInt64](repeating: .max, count: 5)
        var second = [UInt64](repeating: 7, count: 3)
        var span = first.mutableSpan
        stream.fill(&span)
        span = second.mutableSpan
        stream.fill(&span)
        #expect(first + second == words(output))
    }

    @Test func restartBeginsAnotherStream() throws {
        var stream = try Keystream(key: SecretBytes.random(count: 32), initialCounter: counter)
        var out = [UInt64](repeating: 0, count: 8)
        var span = out.mutableSpan
        stream.fill(&span)
        try stream.restart(key: SecretBytes(copying: key), initialCounter: counter)
        stream.fill(&span)
        #expect(out == words(output))
    }

    @Test func wrongLengths() {
        #expect(throws: CryptographyError.wrongLength(of: "AES-256-CTR key", expected: 32, actual: 16)) {
            _ = try Keystream(key: SecretBytes(count: 16), initialCounter: counter)
        }
        #expect(
            throws: CryptographyError.wrongLength(of: "AES-256-CTR initial counter block", expected: 16, actual: 12)
        ) {
            _ = try Keystream(key: SecretBytes(count: 32), initialCounter: Array(counter[..<12]))
        }
    }

    @Test func systemRandomFillsAnyLength() {
        #expect(SystemRandom.bytes(0).isEmpty)
        // 256 bytes are one request; all zero tails would show a missing one.
        let many = SystemRandom.bytes(1000)
        for start in stride(from: 0, to: 1000, by: 100) {
            #expect(many[start..<start + 100].contains { $0 != 0 })
        }
        #expect(SystemRandom.bytes(32) != SystemRandom.bytes(32))
    }

    @Test func secretBuffers() {
        var secret = SecretBytes(copying: [1, 2, 3])
        #expect(secret.appending(SecretBytes(copying: [4])).copied() == [1, 2, 3, 4])
        secret[1] = 9
        #expect(secret[1] == 9)
        secret.erase()
        #expect(secret.copied() == [0, 0, 0])
    }
}
