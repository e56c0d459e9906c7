// SPDX-License-Identifier: Apache-2.0

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

@Suite struct BernoulliTests {
    @Test(arguments: [(0, 1), (1, 7), (1, 2), (999, 1000), (1, 1), (7, 2), (20, 9)] as [(UInt128, UInt128)])
    func exponentialCoins(numerator: UInt128, denominator: UInt128) {
        var stream = InsecureTestStream(seed: UInt64(numerator * 1000 + denominator))
        let throwCount = 100_000
        let trueCount = (0..<throwCount).count { _ in stream.bernoulli(expMinus: numerator, over: denominator) }
        let probability = exp(-Double(numerator) / Double(denominator))
        guard numerator > 0 else {
            #expect(trueCount == throwCount)
            return
        }
        let law = [probability, 1 - probability]
        #expect(ChiSquareTest(counts: [trueCount, throwCount - trueCount], probabilities: law).passes)
        let wrong = [probability * 1.03, 1 - probability * 1.03]
        if probability > 0.3, wrong[1] > 0 {
            #expect(!ChiSquareTest(counts: [trueCount, throwCount - trueCount], probabilities: wrong).passes)
        }
    }

    /// Fractions whose products would not fit 128 bits.
    @Test func exponentialCoinsOfLongFractions() {
        var stream = InsecureTestStream(seed: 4)
        let denominator: UInt128 = .max - 12345
        let trueCount = (0..<50_000).count { _ in stream.bernoulli(expMinus: denominator / 3, over: denominator) }
        let probability = exp(-1.0 / 3)
        #expect(
            ChiSquareTest(counts: [trueCount, 50_000 - trueCount], probabilities: [probability, 1 - probability]).passes
        )
        let impossible = stream.bernoulli(expMinus: .max, plus: 0, over: 1)
        #expect(!impossible)
    }

    /// The threshold is the floor of q · 2^64.
    @Test(arguments: [0, .leastNonzeroMagnitude, 1e-300, 0x1p-64, 1e-19, 0.001, 1.0 / 3, 0.5, 0.99, 1 - 0x1p-53])
    func ratesAreRoundedDown(rate: Double) {
        let coin = BernoulliRate(rate)
        // Exact on both sides: the product by a power of two, and its floor, which is a Double again.
        #expect(Double(coin.threshold) == (rate * 0x1p64).rounded(.down))
        var below = InsecureScriptedStream([coin.threshold])
        let atThreshold = coin.draw(from: &below)
        #expect(!atThreshold)
        if coin.threshold > 0 {
            var above = InsecureScriptedStream([coin.threshold - 1])
            let belowThreshold = coin.draw(from: &above)
            #expect(belowThreshold)
        }
    }

    @Test func theCertainCoin() {
        var stream = InsecureScriptedStream([.max, .max - 1, 0])
        let coin = BernoulliRate(1)
        let throwResults = (0..<3).map { _ in coin.draw(from: &stream) }
        #expect(throwResults == [true, true, true])
    }

    @Test func ratesOutsideTheUnitIntervalStop() async {
        await #expect(processExitsWith: .failure) { _ = BernoulliRate(1.5) }
        await #expect(processExitsWith: .failure) { _ = BernoulliRate(.nan) }
    }
}
