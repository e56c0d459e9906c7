// SPDX-License-Identifier: Apache-2.0

import Noise
import Randomness
import TestKit
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the statistical tests of this suite catch: samples of wrong laws and of wrong streams, with fixed seeds. Each
/// test that must reject here passes on right samples here or in `LawTests`, at a false-alarm rate of 1e-6.
@Suite struct PowerTests {
    private static let count = 1_000_000

    /// σ too large by 2 %: from the table, from the largest table, and from the rational sampler.
    @Test(arguments: [(100, 102), (50 << 26, 51 << 26)] as [(UInt64, UInt64)])
    func twoPercentOfTheTable(right: UInt64, wrong: UInt64) throws {
        let sigma = 64 * Double(right)
        #expect(try passes(DiscreteGaussian(multiple: right), as: sigma) == [true, true])
        #expect(try passes(DiscreteGaussian(multiple: wrong), as: sigma) == [false, false])
    }

    @Test(arguments: [(1, 1), (25, 4)] as [(UInt64, UInt64)])
    func twoPercentOfTheRationalSampler(numerator: UInt64, denominator: UInt64) throws {
        let right = try RationalDiscreteGaussian(varianceNumerator: numerator, varianceDenominator: denominator)
        let wrong = try RationalDiscreteGaussian(
            varianceNumerator: numerator * 10404,
            varianceDenominator: denominator * 10000
        )
        #expect(passes(right, as: right.standardDeviation) == [true, true])
        #expect(passes(wrong, as: right.standardDeviation) == [false, false])
    }

    /// A continuous Gaussian that is rounded to integers is not a discrete one.
    @Test(arguments: [1, 2, 4] as [UInt64])
    func roundedGaussian(variance quarters: UInt64) throws {
        let right = try RationalDiscreteGaussian(varianceNumerator: quarters, varianceDenominator: 4)
        let sigma = right.standardDeviation
        #expect(passes(right, as: sigma) == [true, true])
        var stream = InsecureTestStream(seed: 42)
        let rounded = (0..<Self.count).map { _ in
            let radius = (-2 * log(1 - stream.unitDouble())).squareRoot()
            return Int64((sigma * radius * cos(2 * .pi * stream.unitDouble())).rounded())
        }
        #expect(passes(rounded, as: sigma) == [false, false])
        let bins = Bins(sigma: sigma)
        let own = ChiSquareTest(counts: bins.counts(rounded), probabilities: bins.roundedGaussian(sigma: sigma))
        #expect(own.passes, "the wrong samples are what they are meant to be")
    }

    /// One sample in fifty is the one before it: every histogram is right, and the runs are not.
    @Test func repeatedSamples() throws {
        let noise = try DiscreteGaussian(multiple: 1000)
        var stream = InsecureTestStream(seed: 43)
        let right = filled(noise, Self.count, &stream)
        var wrong = right
        for index in 1..<wrong.count where stream.uniform(below: 50) == 0 { wrong[index] = wrong[index - 1] }
        #expect(passes(wrong, as: noise.standardDeviation) == [true, true])
        for (samples, holds) in [(right, true), (wrong, false)] {
            #expect(RunsTest.signs(samples).passes == holds)
            #expect(RunsTest.magnitudes(samples, above: noise.standardDeviation).passes == holds)
            let (first, second) = (Array(samples.dropLast()), Array(samples.dropFirst()))
            #expect(CorrelationTest(first, second, variance: noise.variance).passes == holds)
        }
    }

    /// A scale that is a tenth too small and too large in turn: signs are independent, magnitudes are not.
    @Test func wanderingScale() throws {
        let (small, large) = (try DiscreteGaussian(multiple: 900), try DiscreteGaussian(multiple: 1100))
        var stream = InsecureTestStream(seed: 44)
        let samples = (0..<Self.count / 1000).flatMap { filled($0 % 2 == 0 ? small : large, 1000, &stream) }
        #expect(RunsTest.signs(samples).passes)
        #expect(!RunsTest.magnitudes(samples, above: 64_000).passes)
    }

    /// Whether samples pass χ² and Kolmogorov–Smirnov as a discrete Gaussian of deviation `sigma`.
    private func passes(_ noise: some NoiseMechanism, as sigma: Double) -> [Bool] {
        var stream = InsecureTestStream(seed: 41)
        return passes(filled(noise, Self.count, &stream), as: sigma)
    }

    private func passes(_ samples: [Int64], as sigma: Double) -> [Bool] {
        let bins = Bins(sigma: sigma)
        let (counts, law) = (bins.counts(samples), bins.discreteGaussian(sigma: sigma))
        return [
            ChiSquareTest(counts: counts, probabilities: law).passes,
            KolmogorovSmirnovTest(counts: counts, probabilities: law).passes,
        ]
    }
}
