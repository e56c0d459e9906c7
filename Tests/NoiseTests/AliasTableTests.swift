// SPDX-License-Identifier: Apache-2.0

import Noise
import Randomness
import TestKit
import Testing

@Suite struct AliasTableTests {
    private struct Golden: Decodable {
        let masses_hex: [String]
    }

    /// The table that Python made of the discrete Gaussian's masses, slot by slot.
    @Test func equalsTheTableOfTheScript() throws {
        let masses = try fixture("noise/sampler_table.json", as: Golden.self).masses_hex.map {
            try #require(UInt128($0.dropFirst(2), radix: 16))
        }
        let table = AliasTable(masses: masses)
        #expect(table.slots == DiscreteGaussianTable.slots)
        #expect(table.lowWords == DiscreteGaussianTable.lowWords)
    }

    /// Laws of any shape come back when the slots' shares are added up.
    @Test(arguments: [1, 2, 3, 1000, 1023, 1024])
    func sharesAddUpToTheMasses(count: Int) {
        var random = InsecureTestStream(seed: UInt64(count))
        var masses = (1..<count).map { _ in UInt128(random.next()) << random.uniform(below: 53) }
        masses.append(1 << 127 - masses.reduce(0, +))
        #expect(AliasTable(masses: masses).masses == masses + [UInt128](repeating: 0, count: 1024 - count))
    }

    @Test func whatIsNotALawStops() async {
        await #expect(processExitsWith: .failure) { _ = AliasTable(masses: [1 << 126]) }
        await #expect(processExitsWith: .failure) {
            _ = AliasTable(masses: [1 << 127] + [UInt128](repeating: 0, count: 1024))
        }
    }
}

extension AliasTable {
    /// The law that the slots give, in units of 2⁻¹²⁷: every slot's threshold for itself, and the rest for its alias.
    var masses: [UInt128] {
        var masses = [UInt128](repeating: 0, count: Self.slotCount)
        for slot in 0..<Self.slotCount {
            let threshold = UInt128(slots[slot] >> 10) << 64 | UInt128(lowWords[slot])
            masses[slot] += threshold
            masses[Int(slots[slot] & 1023)] += Self.slotCapacity - threshold
        }
        return masses
    }
}
