// SPDX-License-Identifier: Apache-2.0

import Noise
import Randomness
import Testing
import Updates

@Suite("Rings")
struct RingTests {
    @Test("Sizes outside 2...62 are refused", arguments: [-1, 0, 1, 63, 64])
    func sizes(bits: Int) {
        #expect(throws: UpdateError.self) { try Ring(bits: bits) }
    }

    @Test("reduce is the centred residue of a division in 128 bits")
    func reduce() throws {
        var stream = InsecureTestStream(seed: 1)
        for bits in 2...62 {
            let ring = try Ring(bits: bits)
            let modulus = Int128(1) << Int128(bits)
            #expect(Int128(ring.range.lowerBound) == -modulus / 2 && Int128(ring.range.upperBound) == modulus / 2 - 1)
            let edges = [0, -1, ring.range.lowerBound, ring.range.upperBound, ring.range.upperBound + 1, .min, .max]
            for value in edges + (0..<50).map({ _ in Int64(bitPattern: stream.next()) }) {
                var residue = (Int128(value) % modulus + modulus) % modulus
                if residue >= modulus / 2 { residue -= modulus }
                #expect(Int128(ring.reduce(value)) == residue)
            }
        }
    }

    /// t = sigma sqrt(2 ln(2 d / p)), computed by hand: d = 26010, p = 1e-9 gives 7.948 sigma; sigma = 3e5 and L = 10^7
    /// reach 1.2384e7 < 2^24 (25 bits).
    @Test("The planned ring is the smallest that the bound allows")
    func planned() throws {
        func bits(_ sum: Int64, _ deviation: Double, _ coordinates: Int, _ probability: Double = 1e-9) throws -> Int {
            try Ring.planned(
                largestSum: sum,
                standardDeviation: deviation,
                coordinates: coordinates,
                wrapProbability: probability
            ).bits
        }
        #expect(try bits(10_000_000, 3e5, 26010) == 25)
        #expect(try bits(1 << 24, 3e5, 26010) == 26)
        // Without noise a sum of +-7 fits 4 bits, whose range is -8...7; +-8 does not.
        #expect(try bits(7 - 1, 0, 1) == 4 && bits(8, 0, 1) == 5)
        #expect(try bits(0, 0, 1) == 2)
        #expect(try bits(0, 1e6, 26010, 1e-9) <= bits(0, 1e6, 26010, 1e-30))
        #expect(throws: UpdateError.ringTooSmall(bitsNeeded: 65)) { try bits(.max, 0, 1) }
        for deviation in [-1, .nan, .infinity] {
            #expect(throws: UpdateError.self) { try bits(0, deviation, 1) }
        }
        #expect(throws: UpdateError.self) { try bits(-1, 1, 1) }
        #expect(throws: UpdateError.self) { try bits(0, 1, 0) }
        #expect(throws: UpdateError.self) { try bits(0, 1, 1, 0) }
        #expect(throws: UpdateError.self) { try bits(0, 1, 1, 1) }
    }

    /// For p = 0.01 and sigma = 4992, t = 16,250 < 2^14 plans 15 bits; there a value wraps with probability 0.00103
    /// (the sub-Gaussian bound is not tight), in 14 bits with 0.1008.
    @Test("The discrete Gaussian stays inside the planned ring as often as planned, and not inside a smaller one")
    func sampled() throws {
        var stream = InsecureTestStream(seed: 2)
        let draws = 200_000
        let values = try gaussianValues(draws, multiple: 78, from: &stream)
        let ring = try Ring.planned(largestSum: 0, standardDeviation: 4992, coordinates: 1, wrapProbability: 0.01)
        #expect(ring.bits == 15)
        let smaller = try Ring(bits: ring.bits - 1)
        let wrapped = values.count { ring.reduce($0) != $0 }
        #expect(Double(wrapped) < 0.01 * Double(draws))
        #expect(Double(values.count { smaller.reduce($0) != $0 }) > 0.01 * Double(draws))
    }
}
