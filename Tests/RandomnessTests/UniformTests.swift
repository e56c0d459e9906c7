// SPDX-License-Identifier: Apache-2.0

import Randomness
import TestKit
import Testing

@Suite struct UniformTests {
    /// The published first words of SplitMix64 for the seed 1234567.
    @Test func splitMix() {
        var stream = InsecureTestStream(seed: 1_234_567)
        let words = (0..<5).map { _ in stream.next() }
        #expect(
            words == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ]
        )
        #expect(stream.drawn == 5)
    }

    @Test(arguments: [2, 3, 10, 57] as [UInt64])
    func smallBoundsAreUniform(bound: UInt64) {
        var stream = InsecureTestStream(seed: bound)
        var counts = [Int](repeating: 0, count: Int(bound))
        for _ in 0..<200_000 {
            counts[Int(stream.uniform(below: bound))] += 1
        }
        let test = ChiSquareTest(counts: counts, probabilities: counts.map { _ in 1 / Double(bound) })
        #expect(test.passes, "tail \(test.tail)")
    }

    /// At 3·2^62 a plain remainder of the word, or a multiplication without the redraw, gives one third of the numbers
    /// half of the mass.
    @Test func largeBoundsAreUniform() {
        let bound: UInt64 = 3 << 62
        var stream = InsecureTestStream(seed: 1)
        var counts = [Int](repeating: 0, count: 3)
        var residues = counts
        for _ in 0..<100_000 {
            let value = stream.uniform(below: bound)
            #expect(value < bound)
            counts[Int(value >> 62)] += 1
            residues[Int(value % 3)] += 1
        }
        let third = [Double](repeating: 1.0 / 3, count: 3)
        #expect(ChiSquareTest(counts: counts, probabilities: third).passes)
        #expect(ChiSquareTest(counts: residues, probabilities: third).passes)
    }

    /// For a bound of 3 the low half of word × 3 is redrawn below 2^64 mod 3 = 1: only the word 0 is.
    @Test func theBiasedWordsAreRedrawn() {
        var stream = InsecureScriptedStream([0, 0, .max, 1])
        #expect(stream.uniform(below: 3) == 2)
        #expect(stream.drawn == 3)
        #expect(stream.uniform(below: 3) == 0)
    }

    @Test func wideBoundsAreUniform() {
        let bound: UInt128 = 3 << 100
        var stream = InsecureTestStream(seed: 2)
        var counts = [Int](repeating: 0, count: 3)
        for _ in 0..<60_000 {
            counts[Int(stream.wideUniform(below: bound) >> 100)] += 1
        }
        #expect(ChiSquareTest(counts: counts, probabilities: [Double](repeating: 1.0 / 3, count: 3)).passes)
        #expect(stream.wideUniform(below: 1) == 0)
    }

    @Test func unitNumbersStayBelowOne() {
        var largest = InsecureScriptedStream([.max, .max, 0, 0])
        #expect(largest.unitFloat() == 1 - 0x1p-24)
        #expect(largest.unitDouble() == 1 - 0x1p-53)
        #expect(largest.unitFloat() == 0)
        #expect(largest.unitDouble() == 0)

        var stream = InsecureTestStream(seed: 3)
        let samples = (0..<50_000).map { _ in stream.unitDouble() }.sorted()
        var distance = 0.0
        for (index, sample) in samples.enumerated() {
            let (below, above) = (Double(index) / 50_000, Double(index + 1) / 50_000)
            distance = max(distance, above - sample, sample - below)
        }
        #expect(distance < Statistics.kolmogorovSmirnovBound(count: samples.count))
    }
}
