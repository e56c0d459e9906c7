// SPDX-License-Identifier: Apache-2.0

import Randomness
import TestKit
import Testing
import Updates

/// Everything a server decodes comes from outside. Decoding must end in values of the ring or an `UpdateError`.
@Suite("Hostile bytes")
struct HostileBytesTests {
    @Test(
        "Random, cut and changed plaintexts decode to values of the ring or are refused",
        arguments: UpdateCodec.allCases
    )
    func fuzz(codec: UpdateCodec) throws {
        var stream = InsecureTestStream(seed: 77 + UInt64(codec.rawValue))
        var accepted = 0
        for _ in 0..<6000 {
            let ring = try Ring(bits: 2 + Int(stream.next() % 61))
            let count = 1 + Int(stream.next() % 600)
            let values = (0..<count).map { _ in Int64(bitPattern: stream.next()) >> Int64(stream.next() % 64) }
            var bytes = encode(values, in: ring, as: codec).plaintext
            switch stream.next() % 5 {
            case 0:
                for _ in 0...stream.next() % 4 {
                    bytes[Int(stream.next() % 200) % bytes.count] ^= 1 << (stream.next() % 8)
                }
            case 1: bytes.removeLast(Int(stream.next() % UInt64(bytes.count + 1)))
            case 2: bytes = bytes.map { _ in UInt8(truncatingIfNeeded: stream.next()) }
            case 3:
                let payload = (0..<Int(stream.next() % 900)).map { _ in UInt8(truncatingIfNeeded: stream.next()) }
                bytes = plaintext(around: [0x28, 0xB5, 0x2F, 0xFD] + payload)
            default: for _ in 0..<8 { bytes[Int(stream.next() % UInt64(bytes.count))] = UInt8(stream.next() & 255) }
            }
            do throws(UpdateError) {
                let decoded = try decode(bytes, codec, ring, count)
                #expect(decoded.count == count && decoded.allSatisfy(ring.range.contains))
                accepted += 1
            } catch {
                #expect(!error.description.contains("\n"))
            }
        }
        #expect(accepted < 3000)
    }

    @Test("Every cut of a valid plaintext is refused", arguments: UpdateCodec.allCases)
    func truncated(codec: UpdateCodec) throws {
        let ring = try Ring(bits: 23)
        var stream = InsecureTestStream(seed: 5)
        let values = (0..<800).map { _ in Int64(stream.next() % 4000) - 2000 }
        let bytes = encode(values, in: ring, as: codec).plaintext
        #expect(try decode(bytes, codec, ring, 800) == values)
        for length in 0..<bytes.count {
            #expect(throws: UpdateError.self) { try decode(Array(bytes[..<length]), codec, ring, 800) }
        }
        for count in [0, 1, 799, 801, 1 << 28, 1 << 40, -1, .max, .min] {
            #expect(throws: UpdateError.self) { try decode(bytes, codec, ring, count) }
        }
    }

    /// In a process of its own, whose peak of memory is that of these decodings.
    @Test("A frame that states or holds 1 GiB is refused without taking the memory")
    func bomb() async {
        await #expect(processExitsWith: .success) {
            let ring = try Ring(bits: 29)
            let blocks = [HandmadeFrame.Block](repeating: .run(0, count: 128 << 10), count: 8192)
            for stated in [1 << 30, 26010 * 4, 0, .max, nil] as [UInt64?] {
                let bytes = plaintext(around: HandmadeFrame(statedSize: stated, blocks: blocks).bytes)
                try #require(bytes.count <= UpdateEncoding.largestPlaintext(count: 26010, ring: ring))
                #expect(throws: UpdateError.self) { try decode(bytes, .zstd, ring, 26010) }
            }
            #expect(try #require(peakKibibytes()) < 256 << 10)
        }
    }

    @Test("One frame only: no second frame, no skippable frame, no byte behind it, no unstated size")
    func oneFrame() throws {
        let ring = try Ring(bits: 16)
        let frame = HandmadeFrame(statedSize: 4, blocks: [.stored([1, 2, 0, 0])]).bytes
        #expect(try decode(plaintext(around: frame), .zstd, ring, 2) == [-1, 1])
        let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0]
        let unstated = HandmadeFrame(statedSize: nil, blocks: [.stored([1, 2, 0, 0])]).bytes
        for payload in [frame + frame, frame + skippable, skippable + frame, frame + [0], unstated, [], skippable] {
            #expect(throws: UpdateError.self) { try decode(plaintext(around: payload), .zstd, ring, 2) }
        }
    }

    @Test("Codes outside the ring, set padding bits and padding bytes, and wrong length fields are refused")
    func outsideTheRing() throws {
        let ring = try Ring(bits: 12)
        func planes(_ high: UInt8) throws -> [Int64] {
            let frame = HandmadeFrame(statedSize: 2, blocks: [.stored([255, high])]).bytes
            return try decode(plaintext(around: frame), .zstd, ring, 1)
        }
        #expect(try planes(0x0F) == [-2048])
        #expect(throws: UpdateError.self) { try planes(0x10) }
        #expect(try decode(plaintext(around: [0xFF, 0x0F]), .packed, ring, 1) == [-1])
        #expect(throws: UpdateError.self) { try decode(plaintext(around: [0xFF, 0x1F]), .packed, ring, 1) }
        var padded = plaintext(around: [0xFF, 0x0F])
        padded[1023] = 1
        #expect(throws: UpdateError.self) { try decode(padded, .packed, ring, 1) }
        for stated in [0, 1, 3, 1020, 1021, 2000, Int(UInt32.max)] {
            let bytes = plaintext(around: [0xFF, 0x0F], statedLength: stated)
            #expect(throws: UpdateError.self) { try decode(bytes, .packed, ring, 1) }
        }
    }
}
