// SPDX-License-Identifier: Apache-2.0

import Noise
import Randomness
import TestKit
import Testing

@Suite struct SkellamTests {
    @Test(arguments: [(0, 1), (1, 0), (1 << 20 + 1, 1), (.max, 1), (.max, 1 << 43)] as [(UInt64, UInt64)])
    func refusedVariances(numerator: UInt64, denominator: UInt64) {
        #expect(throws: NoiseError.skellamVarianceOutOfRange(numerator: numerator, denominator: denominator)) {
            _ = try Skellam(varianceNumerator: numerator, varianceDenominator: denominator)
        }
    }

    @Test(
        arguments: [
            (1, .max, 1), (4096, 1, 1), (4097, 1, 2), (.max, 1 << 52, 1), (.max, 1 << 44, 256), (1 << 20, 1, 256),
        ] as [(UInt64, UInt64, Int)]
    )
    func drawsOfASample(numerator: UInt64, denominator: UInt64, draws: Int) throws {
        let noise = try Skellam(varianceNumerator: numerator, varianceDenominator: denominator)
        #expect(noise.draws == draws)
        #expect(noise.variance == Double(numerator) / Double(denominator))
        #expect(noise.standardDeviation == noise.variance.squareRoot())
    }

    /// Whole blocks, short blocks, calls of any length and no block at all: the same samples from the same words, and
    /// no word beyond them.
    @Test(arguments: [(1, 4), (1000, 1), (20_000, 1)] as [(UInt64, UInt64)])
    func waysOfDrawingAgree(numerator: UInt64, denominator: UInt64) throws {
        let noise = try Skellam(varianceNumerator: numerator, varianceDenominator: denominator)
        var whole = InsecureTestStream(seed: 3)
        let expected = filled(noise, 6000, &whole)
        for capacity in [0, 1, 7, 4096] {
            var stream = InsecureTestStream(seed: 3)
            var block = WordBlock(capacity: capacity)
            var joined: [Int64] = []
            for length in [0, 1, 2, 4096, 1901] {
                var piece = [Int64](repeating: 0, count: length)
                var span = piece.mutableSpan
                noise.fill(&span, from: &stream, by: &block)
                joined += piece
                #expect(block.count == 0)
            }
            #expect(joined == expected)
            #expect(stream.drawn == whole.drawn)
        }
    }

    /// A word that meets its slot's threshold takes one more; then the next word is a draw of its own.
    @Test func tiesTakeASecondWord() throws {
        let noise = try Skellam(varianceNumerator: 4096, varianceDenominator: 1)
        let table = AliasTable(masses: SkellamMasses.masses(numerator: 4096, denominator: 1))
        let slot = try #require(
            (1..<1024).first { table.lowWords[$0] > 0 && ![0, $0].contains(Int(table.slots[$0] & 1023)) }
        )
        let entry = table.slots[slot]
        let tie = UInt64(slot) << 54 | entry >> 10
        let negative = 1 << 53 as UInt64
        let low = table.lowWords[slot]
        let alias = Int64(entry & 1023)
        var stream = InsecureScriptedStream([tie, low - 1, tie, low, tie | negative, low - 1, tie | negative, .max])
        #expect(filled(noise, 4, &stream) == [Int64(slot), alias, -Int64(slot), -alias])
        #expect(stream.drawn == 8)
    }

    /// The negative zero is drawn again: slot 0 of a law that is nearly always zero.
    @Test func negativeZeroIsRejected() throws {
        let noise = try Skellam(varianceNumerator: 1, varianceDenominator: 1 << 40)
        var stream = InsecureScriptedStream([1 << 53, 1 << 53, 0])
        #expect(filled(noise, 1, &stream) == [0])
        #expect(stream.drawn == 3)
    }
}

/// Skellam samples against the law as a convolution of two Poisson laws; false-alarm rate 1e-6 a test.
@Suite struct SkellamLawTests {
    private func samples(_ variance: (UInt64, UInt64), _ count: Int, seed: UInt64) throws -> [Int64] {
        let noise = try Skellam(varianceNumerator: variance.0, varianceDenominator: variance.1)
        var stream = InsecureTestStream(seed: seed)
        return filled(noise, count, &stream)
    }

    @Test(arguments: [(1, 4), (1, 1), (25, 4), (1000, 3), (4096, 1), (10_000, 1)] as [(UInt64, UInt64)])
    func followsTheLaw(numerator: UInt64, denominator: UInt64) throws {
        let variance = Double(numerator) / Double(denominator)
        let bins = Bins(sigma: variance.squareRoot())
        let counts = bins.counts(try samples((numerator, denominator), LongTests.scaled(500_000), seed: 31))
        let law = bins.skellam(variance: variance)
        let fit = ChiSquareTest(counts: counts, probabilities: law)
        #expect(fit.passes, "chi^2 = \(fit.statistic) with \(fit.degrees) degrees, tail \(fit.tail)")
        #expect(KolmogorovSmirnovTest(counts: counts, probabilities: law).passes)
        // Power: a deviation that is 2 % off does not pass, and at small variances neither does the discrete Gaussian.
        let wrong = bins.skellam(variance: variance * 1.0404)
        #expect(!ChiSquareTest(counts: counts, probabilities: wrong).passes)
        if variance < 10 {
            let gaussian = bins.discreteGaussian(sigma: variance.squareRoot())
            #expect(!ChiSquareTest(counts: counts, probabilities: gaussian).passes)
        }
    }

    /// Variance μ and fourth moment 3μ² + μ: cumulants of even order are all μ.
    @Test(arguments: [(1, 4), (25, 4), (4096, 1), (1 << 18, 1)] as [(UInt64, UInt64)])
    func moments(numerator: UInt64, denominator: UInt64) throws {
        let variance = Double(numerator) / Double(denominator)
        let count = numerator > 4096 ? 20_000 : 500_000
        let values = try samples((numerator, denominator), count, seed: 32).map(Double.init)
        let bound = Statistics.normalQuantile(upperTail: Statistics.falseAlarmRate / 4)
        let mean = values.reduce(0, +) / Double(count)
        #expect(abs(mean) < bound * (variance / Double(count)).squareRoot())
        let second = values.reduce(0) { $0 + $1 * $1 } / Double(count)
        #expect(abs(second - variance) < bound * ((2 * variance * variance + variance) / Double(count)).squareRoot())
        #expect(RunsTest.signs(values.map { Int64($0) }).passes)
    }

    /// The sum of independent samples of variances 1/2 and 3/4 is a sample of variance 5/4; that of discrete Gaussians
    /// of these parameters is not one of their sum.
    @Test func sumsAreSkellam() throws {
        let count = 500_000
        let bins = Bins(sigma: 1.25.squareRoot())
        let sums = zip(try samples((1, 2), count, seed: 33), try samples((3, 4), count, seed: 34)).map { $0 + $1 }
        let fit = ChiSquareTest(counts: bins.counts(sums), probabilities: bins.skellam(variance: 1.25))
        #expect(fit.passes, "tail \(fit.tail)")

        let gaussian = try RationalDiscreteGaussian(varianceNumerator: 1, varianceDenominator: 4)
        var stream = InsecureTestStream(seed: 35)
        let gaussians = [filled(gaussian, count, &stream), filled(gaussian, count, &stream)]
        let others = bins.counts(zip(gaussians[0], gaussians[1]).map { $0 + $1 })
        let law = bins.discreteGaussian(sigma: 0.5.squareRoot())
        #expect(!ChiSquareTest(counts: others, probabilities: law).passes)
    }
}
