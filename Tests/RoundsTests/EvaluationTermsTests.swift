// SPDX-License-Identifier: Apache-2.0

import Accounting
import Noise
import Randomness
import Rounds
import TestKit
import Testing

@Suite("What an evaluation round releases")
struct EvaluationTermsTests {
    static func terms(
        bound: Int64 = EvaluationTerms.largestBound,
        lossBound: Double = 4,
        noiseMultiple: UInt64 = 10_000
    ) -> EvaluationTerms {
        EvaluationTerms(samplingRate: 1, lossBound: lossBound, bound: bound, noiseMultiple: noiseMultiple)
    }

    @Test(
        "The scale is the greatest whole number whose contributions stay within the bound",
        arguments: [3, 4, 5, 7, 12, 100, 1 << 20, (1 << 20) - 1, (1 << 30) - 1, 1 << 30] as [Int64]
    )
    func scale(bound: Int64) {
        let scale = Self.terms(bound: bound).scale
        #expect(scale >= 1 && 6 * scale * scale <= bound * bound)
        #expect(6 * (scale + 1) * (scale + 1) > bound * bound)
    }

    static let losses =
        [0, -0.0, -1, 1, 2, 3.999, 4, 4.001, 1e30, -1e30, .infinity, -.infinity, .nan, -.nan, .leastNonzeroMagnitude]
        + (0...40).map { Double($0) / 10 }

    @Test(
        "Whatever the example, its integers are within the bound; the reachable corners among them",
        arguments: [3, 4, 5, 6, 7, 8, 9, 10, 50, 1 << 20, 1 << 30] as [Int64]
    )
    func bound(_ bound: Int64) {
        for lossBound in [4, 0x1p-20, 0x1p20, 2.3] {
            let terms = Self.terms(bound: bound, lossBound: lossBound)
            var corners: Set<[Int64]> = []
            for loss in Self.losses {
                for (correct, labels) in [
                    (0, 1), (1, 1), (0, 0), (1, 0), (2, 3), (5, 3), (-1, 1), (.max, 2), (.min, 1),
                ] {
                    let integers = terms.contribution(loss: loss, correct: correct, of: labels)
                    #expect(integers.count == EvaluationTerms.coordinates && integers[0] == 2 * terms.scale)
                    #expect(integers.reduce(0) { $0 + $1 * $1 } <= bound * bound, "\(loss) \(correct) of \(labels)")
                    corners.insert(integers)
                }
            }
            for (answer, loss) in [(-1, -1), (-1, 1), (1, -1), (1, 1)] as [(Int64, Int64)] {
                #expect(corners.contains([2 * terms.scale, answer * terms.scale, loss * terms.scale]))
            }
        }
        #expect(Self.terms(bound: bound).certificate.bound == bound)
        #expect(throws: Never.self) { try Self.terms(bound: bound).certificate.validate() }
    }

    @Test("A loss that is no number, or no loss, counts as the nearest that is one")
    func oddLosses() {
        let terms = Self.terms()
        func loss(_ loss: Double) -> Int64 { terms.contribution(loss: loss, correct: 0, of: 1)[2] }
        for large in [4, 5, 1e30, .infinity, .nan] as [Double] { #expect(loss(large) == terms.scale) }
        for small in [0, -1, -.infinity] as [Double] { #expect(loss(small) == -terms.scale) }
        #expect(loss(2) == 0)
    }

    @Test("Without noise the metrics are those of the examples, to the rounding of a loss")
    func metrics() throws {
        var stream = InsecureTestStream(seed: 11)
        let terms = Self.terms(noiseMultiple: 1)
        for count in [1, 7, 359, 10_000] {
            var sum = [Int64](repeating: 0, count: 3)
            var (right, losses) = (0, 0.0)
            for _ in 0..<count {
                let (correct, loss) = (Int(stream.uniform(below: 2)), 6 * stream.unitDouble())
                right += correct
                losses += min(loss, 4)
                for (index, value) in terms.contribution(loss: loss, correct: correct, of: 1).enumerated() {
                    sum[index] += value
                }
            }
            let metrics = HeldOutMetrics(sum: sum, shares: 4, terms: terms)
            #expect(metrics.count == Double(count))
            #expect(metrics.countError == 64 * 2 / Double(2 * terms.scale))
            let accuracy = try #require(metrics.accuracy)
            let loss = try #require(metrics.loss)
            #expect(abs(accuracy - Double(right) / Double(count)) < 1e-12)
            // Half a step of 2U a loss.
            #expect(abs(loss - losses / Double(count)) <= 4 / Double(2 * terms.scale) / 2 + 1e-12)
        }
    }

    @Test("A count that is not far above its noise tells nothing of its examples, and noise alone nothing at all")
    func notEnough() {
        let terms = Self.terms()
        let deviation = Int64(64 * terms.noiseMultiple * 3)
        func metrics(_ sum: [Int64]) -> HeldOutMetrics { HeldOutMetrics(sum: sum, shares: 9, terms: terms) }
        for count in [0, -deviation, 5 * deviation] {
            let told = metrics([count, deviation, 0])
            #expect(told.accuracy == nil && told.loss == nil && told.accuracyError == nil && told.lossError == nil)
            #expect(told.count == Double(count) / Double(2 * terms.scale))
        }
        let enough = metrics([5 * deviation + 1, 0, 0])
        #expect(enough.accuracy == 0.5 && enough.loss == 2)
        #expect(abs((enough.accuracyError ?? 0) - 0.2) < 1e-6)
        // What noise takes beyond the range is put at its end.
        #expect(metrics([5 * deviation + 1, 4 * deviation, -4 * deviation]).accuracy == 1)
        #expect(metrics([5 * deviation + 1, 4 * deviation, -4 * deviation]).loss == 0)
    }

    /// Over many draws of the very sampler, the spread of each metric is the standard error that is stated beside it: the sum of
    /// squares of n standardised errors is within the quantiles of χ² with n degrees. The quotient's error is of first order,
    /// and the second order, (σ/S0)², is below 0.2 %, for which the bounds are widened by 1 %.
    @Test("The stated standard errors are those of the noise (false-alarm rate 1e-6)")
    func errors() throws {
        let terms = Self.terms(noiseMultiple: 300)
        let mechanism = try DiscreteGaussian(multiple: terms.noiseMultiple)
        var stream = InsecureTestStream(seed: 23)
        let (shares, rounds, count) = (3, 3000, 100)
        // 90 of 100 right, at a loss of 0.5 each.
        var exact = [Int64](repeating: 0, count: 3)
        for example in 0..<count {
            let integers = terms.contribution(loss: 0.5, correct: example < 90 ? 1 : 0, of: 1)
            for index in exact.indices { exact[index] += integers[index] }
        }
        let truth = HeldOutMetrics(sum: exact, shares: shares, terms: terms)
        var squares = [0.0, 0.0, 0.0]
        for _ in 0..<rounds {
            var sum = exact
            for _ in 0..<shares {
                var noise = [Int64](repeating: 0, count: 3)
                var span = noise.mutableSpan
                mechanism.fill(&span, from: &stream)
                for index in sum.indices { sum[index] += noise[index] }
            }
            let told = HeldOutMetrics(sum: sum, shares: shares, terms: terms)
            let (accuracy, accuracyError) = (try #require(told.accuracy), try #require(truth.accuracyError))
            let (loss, lossError) = (try #require(told.loss), try #require(truth.lossError))
            let errors = [
                (told.count - truth.count) / truth.countError, (accuracy - 0.9) / accuracyError,
                (loss - (truth.loss ?? 0)) / lossError,
            ]
            for index in errors.indices { squares[index] += errors[index] * errors[index] }
        }
        let tail = Statistics.falseAlarmRate / 6
        let low = Statistics.chiSquareQuantile(degrees: rounds, upperTail: 1 - tail)
        let high = Statistics.chiSquareQuantile(degrees: rounds, upperTail: tail)
        for (name, square) in zip(["count", "accuracy", "loss"], squares) {
            #expect(square > low * 0.99 && square < high * 1.01, "\(name): \(square) not in \(low)...\(high)")
        }
    }
}
