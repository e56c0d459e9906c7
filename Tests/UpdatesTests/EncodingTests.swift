// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing
import Updates

@Suite("Encoding")
struct EncodingTests {
    @Test("Decoding an encoding gives the ring's representatives, for every ring and both codecs", arguments: 2...62)
    func identity(bits: Int) throws {
        let ring = try Ring(bits: bits)
        var stream = InsecureTestStream(seed: UInt64(bits))
        let range = ring.range
        for count in [1, 2, 3, 7, 8, 9, 255, 1000] {
            let edges = [0, 1, -1, range.lowerBound, range.upperBound, range.lowerBound + 1, .min, .max]
            let vectors = [
                uniformValues(count, in: ring, from: &stream),
                (0..<count).map { edges[$0 % edges.count] },
                [Int64](repeating: 0, count: count),
                (0..<count).map { _ in Int64(bitPattern: stream.next()) },
                (0..<count).map { _ in Int64(stream.next() % 16) - 8 },
            ]
            for vector in vectors {
                let expected = vector.map(ring.reduce)
                for codec in UpdateCodec.allCases {
                    let (used, plaintext) = encode(vector, in: ring, as: codec)
                    #expect(used == codec)
                    if codec == .packed {
                        #expect(plaintext.count == UpdateEncoding.largestPlaintext(count: count, ring: ring))
                    }
                    guard plaintext.count <= UpdateEncoding.largestPlaintext(count: count, ring: ring) else { continue }
                    #expect(try decode(plaintext, codec, ring, count) == expected)
                }
                let (codec, plaintext) = encode(vector, in: ring)
                #expect(try decode(plaintext, codec, ring, count) == expected)
            }
        }
    }

    /// -1 is all ones; 3 coordinates of 5 bits, from the lowest: 00001, 11111, 10000 (-16).
    @Test("Packed coordinates lie in little-endian bit order behind the length")
    func packedLayout() throws {
        let (_, plaintext) = encode([1, -1, -16], in: try Ring(bits: 5), as: .packed)
        #expect(plaintext.count == 1024)
        #expect(plaintext[..<6] == [0, 0, 0, 2, 0b1110_0001, 0b0100_0011])
        #expect(plaintext[6...].allSatisfy { $0 == 0 })
    }

    /// Zigzag codes of 0, -1, 1, -300, 300 are 0, 1, 2, 0x257, 0x258.
    @Test("A handmade frame of zigzag byte planes decodes")
    func planeLayout() throws {
        let planes: [UInt8] = [0, 1, 2, 0x57, 0x58, 0, 0, 0, 2, 2]
        let frame = HandmadeFrame(statedSize: 10, blocks: [.stored(planes)]).bytes
        #expect(try decode(plaintext(around: frame), .zstd, Ring(bits: 12), 5) == [0, -1, 1, -300, 300])
    }

    @Test("Plaintexts fill whole buckets: the length tells the packed size only, and the smaller codec is used")
    func buckets() throws {
        let ring = try Ring(bits: 29)
        var stream = InsecureTestStream(seed: 9)
        for count in [1, 281, 282, 283, 5000] {
            let uniform = encode(uniformValues(count, in: ring, from: &stream), in: ring)
            let small = encode((0..<count).map { _ in Int64(stream.next() & 1) }, in: ring)
            #expect(uniform.codec == .packed)
            #expect(uniform.plaintext.count == (4 + (count * 29 + 7) / 8 + 1023) / 1024 * 1024)
            #expect(small.plaintext.count % 1024 == 0 && small.plaintext.count <= uniform.plaintext.count)
            #expect(count < 281 || small.codec == .zstd)
        }
    }

    @Test("An update of 26,010 coordinates seals to at most 80,000 bytes", arguments: [1875, 3000, 4688])
    func size(multiple: UInt64) throws {
        var stream = InsecureTestStream(seed: multiple)
        let values = try gaussianValues(26010, multiple: multiple, from: &stream)
        let ring = try Ring(bits: 29)
        let (codec, plaintext) = encode(values, in: ring)
        #expect(codec == .zstd)
        #expect(plaintext.count + 16 + 32 <= 80_000)
        #expect(try decode(plaintext, codec, ring, values.count) == values)
        #expect(UpdateEncoding.largestPlaintext(count: 26010, ring: ring) == 95_232)
    }
}
