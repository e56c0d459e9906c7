// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing
import Updates

@Suite("Running sums")
struct RunningSumTests {
    private struct State: Equatable {
        var values: [Int64]
        var updates: Int
    }

    private func state(of sum: borrowing RunningSum) -> State {
        State(values: sum.decoded(), updates: sum.updates)
    }

    private func decoded(_ values: [Int64], _ ring: Ring) throws -> DecodedUpdate {
        let (codec, plaintext) = encode(values, in: ring)
        return try DecodedUpdate(plaintext: plaintext, codec: codec, ring: ring, count: values.count)
    }

    @Test(
        "The sum of encodings is the modular sum, in one sum or merged from two",
        arguments: [2, 3, 8, 13, 29, 32, 61, 62]
    )
    func modularSum(bits: Int) throws {
        let ring = try Ring(bits: bits)
        let (count, updates) = (300, 25)
        var stream = InsecureTestStream(seed: UInt64(bits))
        var sum = try RunningSum(ring: ring, count: count)
        var halves = try [0, 1].map { _ in try RunningSum(ring: ring, count: count).serialized() }
        var expected = [Int128](repeating: 0, count: count)
        for index in 0..<updates {
            // Narrow values make some of the updates zstd, wide ones packed.
            let values = uniformValues(count, in: ring, from: &stream).map {
                index % 2 == 0 ? $0 : $0 >> Int64(bits / 2)
            }
            for coordinate in 0..<count { expected[coordinate] += Int128(values[coordinate]) }
            let update = try decoded(values, ring)
            try sum.add(update)
            var half = try RunningSum(serialized: halves[index % 2], ring: ring, count: count)
            try half.add(update)
            halves[index % 2] = half.serialized()
        }
        let modulus = Int128(1) << Int128(bits)
        let residues = expected.map { total in
            let residue = (total % modulus + modulus) % modulus
            return Int64(residue >= modulus / 2 ? residue - modulus : residue)
        }
        #expect(state(of: sum) == State(values: residues, updates: updates))
        var merged = try RunningSum(serialized: halves[0], ring: ring, count: count)
        try merged.add(try RunningSum(serialized: halves[1], ring: ring, count: count))
        #expect(state(of: merged) == state(of: sum))
        let bytes = (merged.serialized(), sum.serialized())
        #expect(bytes.0 == bytes.1)
    }

    @Test("An update or a sum of another ring or count is refused and changes nothing")
    func mismatch() throws {
        let ring = try Ring(bits: 10)
        var sum = try RunningSum(ring: ring, count: 3)
        try sum.add(try decoded([1, 2, 3], ring))
        #expect(throws: UpdateError.sumMismatch(field: "count", found: 2, expected: 3)) {
            try sum.add(decoded([1, 2], ring))
        }
        #expect(throws: UpdateError.sumMismatch(field: "ring bits", found: 11, expected: 10)) {
            try sum.add(decoded([1, 2, 3], Ring(bits: 11)))
        }
        #expect(throws: UpdateError.self) { try sum.add(RunningSum(ring: ring, count: 4)) }
        #expect(state(of: sum) == State(values: [1, 2, 3], updates: 1))
        for count in [0, -1, 1 << 29] {
            #expect(throws: UpdateError.self) { _ = try RunningSum(ring: ring, count: count).count }
        }
    }

    @Test("Every cut and every changed header of a stored sum is refused")
    func storedBytes() throws {
        let ring = try Ring(bits: 13)
        var sum = try RunningSum(ring: ring, count: 5)
        try sum.add(try decoded([1, -2, 4095, -4096, 0], ring))
        let bytes = sum.serialized()
        let restored = try RunningSum(serialized: bytes, ring: ring, count: 5)
        #expect(state(of: restored) == State(values: [1, -2, 4095, -4096, 0], updates: 1))
        func refused(_ bytes: [UInt8], bits: Int = 13, count: Int = 5) {
            #expect(throws: UpdateError.self) {
                _ = try RunningSum(serialized: bytes, ring: Ring(bits: bits), count: count).count
            }
        }
        for length in 0..<bytes.count { refused(Array(bytes[..<length])) }
        refused(bytes + [0])
        refused(bytes, bits: 14)
        refused(bytes, count: 6)
        // Label with its length, bits, count, and the residues' length; the number of updates is not redundant.
        for position in Array(0..<35) + Array(43..<47) {
            var changed = bytes
            changed[position] ^= 1
            refused(changed)
        }
        // A number of updates that would overflow when one is added.
        refused(Array(bytes[..<35]) + [0x7F] + [UInt8](repeating: 0xFF, count: 7) + Array(bytes[43...]))
        var padding = bytes
        padding[padding.count - 1] |= 0x80
        refused(padding)
    }
}
