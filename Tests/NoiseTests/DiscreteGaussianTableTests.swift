// SPDX-License-Identifier: Apache-2.0

import Noise
import TestKit
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite struct DiscreteGaussianTableTests {
    private struct Golden: Decodable {
        let masses_hex: [String]
        let sha256_of_table: String
    }

    private let capacity = AliasTable.slotCapacity

    private func threshold(_ slot: Int) -> UInt128 {
        UInt128(DiscreteGaussianTable.slots[slot] >> 10) << 64 | UInt128(DiscreteGaussianTable.lowWords[slot])
    }

    private func alias(_ slot: Int) -> Int {
        Int(DiscreteGaussianTable.slots[slot] & 1023)
    }

    private let masses = DiscreteGaussianTable.table.masses

    @Test func shape() {
        #expect(DiscreteGaussianTable.slots.count == 1024)
        #expect(DiscreteGaussianTable.lowWords.count == 1024)
        #expect((0..<1024).allSatisfy { threshold($0) <= capacity })
        #expect(masses.reduce(0, +) == 1 << 127)
        #expect(masses[896...].allSatisfy { $0 == 0 })
    }

    @Test func equalsTheModel() throws {
        let golden = try fixture("noise/sampler_table.json", as: Golden.self)
        #expect(masses[..<896].map { "0x" + String($0, radix: 16) } == golden.masses_hex)
        let table = (0..<1024).flatMap { slot in
            (0..<16).map { UInt8(truncatingIfNeeded: threshold(slot) >> (8 * $0)) }
                + (0..<2).map { UInt8(truncatingIfNeeded: alias(slot) >> (8 * $0)) }
        }
        #expect(sha256Hex(table) == golden.sha256_of_table)
    }

    /// The closed form, to what a Double shows.
    @Test func followsTheHalfGaussian() {
        let weights = (0..<896).map { exp(-Double($0 * $0) / 8192) }
        let total = weights.reversed().reduce(0, +)
        for (mass, weight) in zip(masses, weights) {
            let exact = weight / total
            #expect(abs(Double(mass) * 0x1p-127 - exact) <= 1e-12 * exact + 0x1p-117)
        }
    }
}
