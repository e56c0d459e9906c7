// SPDX-License-Identifier: Apache-2.0

import Randomness
import TestKit
import Testing

/// Streams of different workers and purposes do not correlate, at any small shift either; false-alarm rate 1e-6 a test.
@Suite struct IndependenceTests {
    private static let count = 20_000
    private static let lags = -3...3

    @Test func workers() {
        let samples = (0..<6).map { worker in
            var stream = SecretStream(.noise, worker: worker)
            return uniform(&stream)
        }
        #expect(largestScore(samples) < 1)
    }

    @Test func purposes() {
        let samples = StreamPurpose.allCases.map { purpose in
            var stream = SecretStream(purpose)
            return uniform(&stream)
        }
        #expect(largestScore(samples) < 1)
    }

    /// Under one key the counter block alone keeps streams apart.
    @Test func purposesAndWorkersUnderOneKey() {
        let samples = StreamPurpose.allCases.flatMap { purpose in
            (0..<2).map { worker in
                var stream = PublicStream(seed: 77, purpose: purpose, worker: worker)
                return uniform(&stream)
            }
        }
        #expect(largestScore(samples) < 1)
    }

    /// Power: the same stream twice, two words ahead in one place, and with a tenth of its words in another stream.
    @Test func sharedWordsAreCaught() {
        var stream = PublicStream(seed: 77, purpose: .noise)
        var other = PublicStream(seed: 77, purpose: .noise, worker: 1)
        let samples = uniform(&stream)
        var mixed = uniform(&other)
        for index in stride(from: 0, to: mixed.count, by: 10) { mixed[index] = samples[index] }
        #expect(largestScore([samples, samples]) > 1)
        #expect(largestScore([samples, Array(samples.dropFirst(2))]) > 1)
        #expect(largestScore([samples, mixed]) > 1)
    }

    /// Uniform on −1/2 ..< 1/2.
    private func uniform<Words: RandomWords & ~Copyable>(_ stream: inout Words) -> [Double] {
        (0..<Self.count).map { _ in stream.unitDouble() - 0.5 }
    }

    /// The largest correlation of any two sequences at any lag, as a share of the critical value for all of them
    /// together.
    private func largestScore(_ samples: [[Double]]) -> Double {
        let tests = samples.count * (samples.count - 1) / 2 * Self.lags.count
        let bound = Statistics.normalQuantile(upperTail: Statistics.falseAlarmRate / Double(2 * tests))
        var largest = 0.0
        for (index, first) in samples.enumerated() {
            for second in samples[..<index] {
                for lag in Self.lags {
                    let (left, right) = (first.dropFirst(max(0, -lag)), second.dropFirst(max(0, lag)))
                    let sum = zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
                    // The variance of one product is (1/12)².
                    let score = 12 * sum / Double(min(left.count, right.count)).squareRoot()
                    largest = max(largest, abs(score))
                }
            }
        }
        return largest / bound
    }
}
