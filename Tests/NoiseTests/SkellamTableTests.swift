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

/// The masses of the Skellam law against mpmath's Bessel functions (Tests/Fixtures/noise/README.md).
@Suite struct SkellamTableTests {
    struct Golden: Decodable {
        struct Point: Decodable {
            let k: Int
            let mass: String
            let pmf: String
        }

        let numerator: UInt64
        let denominator: UInt64
        let masses_sha256: String
        let distance_log2: Double
        let points: [Point]
    }

    /// Every mass, to the last of 127 bits.
    @Test func massesEqualTheModel() throws {
        for golden in try fixture("noise/skellam_values.json", as: [Golden].self) {
            let masses = AliasTable(masses: masses(golden)).masses
            for point in golden.points {
                #expect(try masses[point.k] == #require(UInt128(point.mass.dropFirst(2), radix: 16)))
            }
            let bytes = masses.flatMap { mass in (0..<16).map { UInt8(truncatingIfNeeded: mass >> (8 * $0)) } }
            #expect(sha256Hex(bytes) == golden.masses_sha256, "mu = \(golden.numerator)/\(golden.denominator)")
        }
    }

    /// The law that the slots and the rejected negative zero give, against e^−μ·I_k(μ).
    @Test func enumeratedLaw() throws {
        for golden in try fixture("noise/skellam_values.json", as: [Golden].self) {
            let masses = AliasTable(masses: masses(golden)).masses.map { Double($0) * 0x1p-128 }
            let accepted = 1 - masses[0]
            for point in golden.points {
                let expected = try #require(Double(point.pmf))
                let probability = masses[point.k] / accepted
                // A unit of mass is 2⁻¹²⁷; the rest is rounding of Doubles.
                #expect(abs(probability - expected) <= 1e-15 * expected + 0x1p-125, "k = \(point.k)")
            }
            // With zero counted once and the others twice, the law adds up to one.
            #expect(abs(2 * masses.reduce(0, +) - masses[0] - accepted) < 1e-14)
        }
    }

    /// The distance that mpmath sums over all integers is within the one that is claimed.
    @Test func distance() throws {
        for golden in try fixture("noise/skellam_values.json", as: [Golden].self) {
            let noise = try Skellam(varianceNumerator: golden.numerator, varianceDenominator: golden.denominator)
            #expect(golden.distance_log2 <= noise.samplerDistanceLog2)
            #expect(abs(noise.samplerDistanceLog2 + 115) < 1e-9)
        }
        let sum = try Skellam(varianceNumerator: 1 << 20, varianceDenominator: 1)
        #expect(abs(sum.samplerDistanceLog2 + 107) < 1e-9)
    }

    /// Variances at the ends and beside the change of length: the recurrence itself, in Doubles.
    @Test(
        arguments: [
            (1, .max), (1, 1 << 40), (64, 1), (6_400_000_001, 100_000_000), (4096, 1), (.max, 1 << 52),
        ] as [(UInt64, UInt64)]
    )
    func neighboursObeyTheRecurrence(numerator: UInt64, denominator: UInt64) {
        let masses = SkellamMasses.masses(numerator: numerator, denominator: denominator)
        let variance = Double(numerator) / Double(denominator)
        #expect(masses.reduce(0, +) == 1 << 127)
        #expect(masses.count == (variance <= 64 ? 256 : 1024))
        for k in 1..<masses.count - 1 where masses[k + 1] > 1 << 60 {
            let above = Double(masses[k + 1]) + 2 * Double(k) / variance * Double(masses[k])
            #expect(abs(above / Double(masses[k - 1]) - 1) < 1e-14, "k = \(k)")
        }
        // The last magnitudes have no mass that counts: nothing was cut off.
        #expect(masses[masses.count - 1] == 0)
    }

    private func masses(_ golden: Golden) -> [UInt128] {
        SkellamMasses.masses(numerator: golden.numerator, denominator: golden.denominator)
    }
}
