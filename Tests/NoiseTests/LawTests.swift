// SPDX-License-Identifier: Apache-2.0

import Noise
import Randomness
import TestKit
import Testing

/// Both samplers of the discrete Gaussian against the closed form of the law, with fixed seeds; false-alarm rate 1e-6 a
/// test. What the tests catch is shown here and in `PowerTests`.
@Suite struct LawTests {
    /// A mechanism with its σ, and how many samples show a deviation that is 2 % off.
    struct Case: Sendable, CustomTestStringConvertible {
        let noise: any NoiseMechanism
        let count: Int

        var testDescription: String { noise.name }
    }

    static let cases: [Case] = {
        do {
            return try [(9, 100), (1, 1), (25, 4), (100, 1), (4096, 1), (1_000_000_000_000, 1)].map { variance in
                Case(
                    noise: try RationalDiscreteGaussian(varianceNumerator: variance.0, varianceDenominator: variance.1),
                    count: LongTests.scaled(300_000)
                )
            }
                + [1, 7, 15625, 1 << 34].map {
                    Case(noise: try DiscreteGaussian(multiple: $0), count: LongTests.scaled(1_000_000))
                }
        } catch {
            fatalError("\(error)")
        }
    }()

    private func samples(_ test: Case, seed: UInt64) -> [Int64] {
        var stream = InsecureTestStream(seed: seed)
        return filled(test.noise, test.count, &stream)
    }

    @Test(arguments: cases)
    func followsThePMF(test: Case) {
        let sigma = test.noise.standardDeviation
        let bins = Bins(sigma: sigma)
        let counts = bins.counts(samples(test, seed: 11))
        let law = bins.discreteGaussian(sigma: sigma)
        let fit = ChiSquareTest(counts: counts, probabilities: law)
        #expect(fit.passes, "chi^2 = \(fit.statistic) with \(fit.degrees) degrees, tail \(fit.tail)")
        #expect(KolmogorovSmirnovTest(counts: counts, probabilities: law).passes)
        // Power: the same samples do not pass for a σ that is 2 % larger or smaller.
        #expect(!ChiSquareTest(counts: counts, probabilities: bins.discreteGaussian(sigma: sigma * 1.02)).passes)
        #expect(!ChiSquareTest(counts: counts, probabilities: bins.discreteGaussian(sigma: sigma / 1.02)).passes)
    }

    @Test(arguments: cases[..<2])
    func isNotARoundedGaussian(test: Case) {
        let sigma = test.noise.standardDeviation
        let bins = Bins(sigma: sigma)
        let counts = bins.counts(samples(test, seed: 12))
        #expect(!ChiSquareTest(counts: counts, probabilities: bins.roundedGaussian(sigma: sigma)).passes)
    }

    @Test(arguments: cases)
    func moments(test: Case) {
        let values = samples(test, seed: 13).map(Double.init)
        let count = Double(values.count)
        let bound = Statistics.normalQuantile(upperTail: Statistics.falseAlarmRate / 2)
        let deviation = test.noise.variance.squareRoot()
        let mean = values.reduce(0, +) / count
        #expect(abs(mean) < bound * deviation / count.squareRoot())
        let variance = values.reduce(0) { $0 + $1 * $1 } / count
        // The variance of x² from the samples' own fourth moment: at small σ it is far from the Gaussian 2σ⁴.
        let fourth = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / count
        let error = ((fourth - variance * variance) / count).squareRoot()
        #expect(abs(variance - test.noise.variance) < bound * error)
    }

    /// Samples come in no order: neither signs nor large magnitudes cling together.
    @Test(arguments: cases)
    func runs(test: Case) {
        let samples = samples(test, seed: 14)
        #expect(RunsTest.signs(samples).passes)
        #expect(RunsTest.magnitudes(samples, above: test.noise.standardDeviation).passes)
    }

    @Test func theTwoSamplersAgree() throws {
        let table = try DiscreteGaussian(multiple: 1)
        let rational = try RationalDiscreteGaussian(varianceNumerator: 4096, varianceDenominator: 1)
        var (first, second) = (InsecureTestStream(seed: 21), InsecureTestStream(seed: 22))
        let bins = Bins(sigma: 64)
        let counts = bins.counts(filled(rational, 400_000, &first))
        let comparison = ChiSquareTest(counts: counts, against: bins.counts(filled(table, 400_000, &second)))
        #expect(comparison.passes, "tail \(comparison.tail)")
        let wider = try RationalDiscreteGaussian(varianceNumerator: 4264, varianceDenominator: 1)
        let others = bins.counts(filled(wider, 400_000, &first))
        #expect(!ChiSquareTest(counts: counts, against: others).passes)
    }
}
