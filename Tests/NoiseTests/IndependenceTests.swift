// SPDX-License-Identifier: Apache-2.0

import Noise
import Randomness
import TestKit
import Testing

/// Noise of different workers, purposes and restarts is unrelated, at any small shift too; false-alarm rate 1e-6 a
/// test.
@Suite struct IndependenceTests {
    private static let count = 100_000
    private static let lags = -4...4

    private func noise() throws -> DiscreteGaussian { try DiscreteGaussian(multiple: 1000) }

    /// All pairs of four workers' secret streams, and a stream that was made again for the same worker.
    @Test func secretStreams() throws {
        let noise = try noise()
        let samples = [0, 1, 2, 3, 0].map { worker in
            var stream = SecretStream(.noise, worker: worker)
            return filled(noise, Self.count, &stream)
        }
        expectUnrelated(samples, variance: noise.variance)
        for sequence in samples {
            #expect(RunsTest.signs(sequence).passes)
            #expect(RunsTest.magnitudes(sequence, above: noise.standardDeviation).passes)
        }
    }

    /// Under one key, purpose and worker alone make the difference.
    @Test func purposesAndWorkersUnderOneKey() throws {
        let noise = try noise()
        let samples = [(StreamPurpose.noise, 0), (.noise, 1), (.mask, 0), (.draw, 0), (.rounding, 1)].map {
            var stream = PublicStream(seed: 1, purpose: $0, worker: $1)
            return filled(noise, Self.count, &stream)
        }
        expectUnrelated(samples, variance: noise.variance)
    }

    /// Power: two workers with one stream, and with one stream that is a sample ahead in one of them.
    @Test func aSharedStreamIsCaught() throws {
        let noise = try noise()
        var stream = PublicStream(seed: 1, purpose: .noise, worker: 0)
        let samples = filled(noise, Self.count, &stream)
        let ahead = Array(samples.dropFirst(3))
        #expect(!CorrelationTest(samples, samples, variance: noise.variance, lags: Self.lags).passes)
        #expect(!CorrelationTest(samples, ahead, variance: noise.variance, lags: Self.lags).passes)
        #expect(!CorrelationTest(ahead, samples, variance: noise.variance, lags: Self.lags).passes)
        // And where only one sample in twenty is shared.
        var other = PublicStream(seed: 1, purpose: .noise, worker: 1)
        var mixed = filled(noise, Self.count, &other)
        for index in stride(from: 0, to: mixed.count, by: 20) { mixed[index] = samples[index] }
        #expect(!CorrelationTest(samples, mixed, variance: noise.variance, lags: Self.lags).passes)
    }

    private func expectUnrelated(_ samples: [[Int64]], variance: Double) {
        let pairs = samples.count * (samples.count - 1) / 2
        for (index, first) in samples.enumerated() {
            for second in samples[..<index] {
                let test = CorrelationTest(first, second, variance: variance, lags: Self.lags, tests: pairs)
                #expect(test.passes, "score \(test.score)")
            }
        }
    }
}
