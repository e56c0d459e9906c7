// SPDX-License-Identifier: Apache-2.0

import Accounting
import Datasets
import Randomness
import Testing

/// Statistical tests draw from a fixed test stream, so that they never fail by chance once they passed; their bounds
/// are those of a false-alarm rate of 1e-6 for a stream nobody knows (two-sided normal quantile 4.892).
@Suite("Poisson sampling")
struct PoissonSamplerTests {
    private static let quantile = 4.892

    @Test(
        "Rates outside (0, 1] and below 2^-64 are refused",
        arguments: [0, -0.1, 1.0.nextUp, .nan, .infinity, 0x1p-65]
    )
    func refusedRates(rate: Double) {
        #expect(throws: DatasetError.self) { try PoissonSampler(rate: rate) }
    }

    @Test("The accounted rate is floor(q 2^64) / 2^64, the probability of a coin, and never above q")
    func realisedRate() throws {
        for rate in [1, 0.1, 0.5, 1.0.nextDown, 1.0 / 3, 1e-6, 0x1p-11, 0x1.8p-64, 0x1.fffffffffffffp-60] {
            let sampler = try PoissonSampler(rate: rate)
            #expect(sampler.rate <= rate && rate - sampler.rate < 0x1p-64)
            #expect(rate < 0x1p-11 || sampler.rate == rate)
        }
        #expect(try PoissonSampler(rate: 0x1.8p-64).rate == 0x1p-64)
    }

    @Test("A word below the threshold draws, the threshold itself does not")
    func threshold() throws {
        var script = InsecureScriptedStream([1 << 62 - 1, 1 << 62, 0, .max, 1 << 62 + 1])
        #expect(try PoissonSampler(rate: 0.25).draw(count: 5, from: &script) == [0, 2])
    }

    @Test("Rate one draws everything, no examples draw nothing, and an empty draw is an outcome")
    func extremes() throws {
        var stream = InsecureTestStream(seed: 1)
        var script = InsecureScriptedStream([.max, .max, 0])
        #expect(try PoissonSampler(rate: 1).draw(count: 3, from: &script) == [0, 1, 2])
        #expect(try PoissonSampler(rate: 0.5).draw(count: 0, from: &stream) == [])
        #expect(stream.drawn == 0)
        #expect(try PoissonSampler(rate: 0x1p-64).draw(count: 5000, from: &stream) == [])
    }

    @Test("One word an example, whatever the rate and the outcome", arguments: [0x1p-64, 0.3, 1])
    func words(rate: Double) throws {
        for count in [1, 1023, 1024, 1025, 5000] {
            var stream = InsecureTestStream(seed: 2)
            let drawn = try PoissonSampler(rate: rate).draw(count: count, from: &stream)
            #expect(stream.drawn == count)
            #expect(
                zip(drawn, drawn.dropFirst()).allSatisfy { $0 < $1 } && drawn.allSatisfy { (0..<count).contains($0) }
            )
        }
    }

    @Test("The number drawn is binomial, and a rate wrong by one per cent would be seen", arguments: [0.01, 0.2, 0.9])
    func totals(rate: Double) throws {
        let count = 4_000_000
        var stream = InsecureTestStream(seed: 3)
        let drawn = Double(try PoissonSampler(rate: rate).draw(count: count, from: &stream).count)
        func score(_ rate: Double) -> Double {
            (drawn - Double(count) * rate) / (Double(count) * rate * (1 - rate)).squareRoot()
        }
        #expect(abs(score(rate)) < Self.quantile)
        #expect(rate < 0.1 || abs(score(rate * 1.01)) > Self.quantile)
    }

    @Test("The secret stream's draws are binomial too")
    func secretTotals() throws {
        var stream = SecretStream(.draw)
        let drawn = Double(try PoissonSampler(rate: 0.25).draw(count: 1_000_000, from: &stream).count)
        #expect(abs(drawn - 250_000) < Self.quantile * (1_000_000 * 0.25 * 0.75).squareRoot())
    }

    /// With m draws of n examples: the sample variance of the sizes (standard error sqrt(2 / m) of itself; a draw of
    /// fixed size would have variance 0), and the number of neighbours drawn together.
    @Test("Sizes vary as a binomial's, and neighbours are independent")
    func independence() throws {
        let (rate, count, draws) = (0.3, 2000, 4000)
        let sampler = try PoissonSampler(rate: rate)
        var stream = InsecureTestStream(seed: 4)
        var sizes: [Double] = []
        var together = 0.0
        var perExample = [Double](repeating: 0, count: count)
        for _ in 0..<draws {
            let drawn = sampler.draw(count: count, from: &stream)
            sizes.append(Double(drawn.count))
            for (left, right) in zip(drawn, drawn.dropFirst()) where left % 2 == 0 && right == left + 1 {
                together += 1
            }
            for index in drawn { perExample[index] += 1 }
        }
        let mean = sizes.reduce(0, +) / Double(draws)
        let variance = sizes.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(draws - 1)
        let expected = Double(count) * rate * (1 - rate)
        #expect(abs(variance / expected - 1) < Self.quantile * (2 / Double(draws)).squareRoot())
        let pairs = Double(count / 2 * draws)
        let both = rate * rate
        #expect(abs(together - pairs * both) < Self.quantile * (pairs * both * (1 - both)).squareRoot())
        let spread = (Double(draws) * rate * (1 - rate)).squareRoot()
        // The largest of `count` scores; union bound: 1e-6 / 2000 two-sided is 6.22.
        #expect(perExample.allSatisfy { abs($0 - Double(draws) * rate) < 6.22 * spread })
    }

    @Test("The sampler produces the accounting event at the rate it really uses")
    func event() throws {
        let mechanism = PrivacyEvent.discreteGaussian(sigma: 640, sensitivity: 500)
        let event = try PoissonSampler(rate: 0x1.8p-64).event(for: mechanism)
        #expect(event == .poissonSampled(rate: 0x1p-64, event: mechanism))
    }
}
