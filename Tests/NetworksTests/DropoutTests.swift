// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

@Suite struct DropoutTests {
    /// The mask as 0 and 1 by element.
    private static func mask(_ count: Int, rate: Double, seed: UInt64, stream: UInt64 = 3) -> [Float] {
        var values = [Float](repeating: Float(1 - rate), count: count)
        var span = values.mutableSpan
        DropoutMask(rate: rate).apply(&span, seed: seed, stream: stream)
        return values.map { $0 == 0 ? 0 : 1 }
    }

    /// Straight from the definition: draws are the halves of SplitMix64's words.
    @Test(arguments: [1, 2, 15, 16, 17, 100])
    func definition(count: Int) {
        func finalise(_ word: UInt64) -> UInt64 {
            var z = word
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        let golden: UInt64 = 0x9E37_79B9_7F4A_7C15
        let state = finalise(77 &+ finalise(5 &+ golden))
        let x = testFloats(count, seed: 4)
        var y = x
        var span = y.mutableSpan
        DropoutMask(rate: 0.25).apply(&span, seed: 77, stream: 5)
        for index in x.indices {
            let word = finalise(state &+ UInt64(index / 2 + 1) &* golden)
            let draw = UInt32(truncatingIfNeeded: index % 2 == 0 ? word : word >> 32)
            #expect(y[index] == (draw < 1 << 30 ? 0 : x[index] * Float(1 / 0.75)))
        }
    }

    /// Counts of kept elements against their law: a two-sided normal test at a false-alarm rate of 1e-6. A rate that is
    /// off by 0.005 would be seen with probability above 1 - 1e-6.
    @Test(arguments: [0.1, 0.5, 0.9])
    func keepRate(rate: Double) {
        let count = 1 << 20
        let z = Statistics.normalQuantile(upperTail: Statistics.falseAlarmRate / 2)
        let deviation = (Double(count) * rate * (1 - rate)).squareRoot()
        let byOneSeed = Self.mask(count, rate: rate, seed: 1).reduce(0) { $0 + Double($1) }
        #expect(abs(byOneSeed - Double(count) * (1 - rate)) <= z * deviation)
        #expect(0.005 * Double(count) >= 2 * z * deviation)
        // Small masks of many neighbouring seeds, as a batch has them.
        var byManySeeds = 0.0
        for seed in 0..<UInt64(count / 64) {
            byManySeeds += Self.mask(64, rate: rate, seed: seed).reduce(0) { $0 + Double($1) }
        }
        #expect(abs(byManySeeds - Double(count) * (1 - rate)) <= z * deviation)
    }

    /// Neighbouring elements, examples, seeds and operations: agreement of two masks is that of independent ones (a normal
    /// test at 1e-6), and equal masks would be seen at once.
    @Test func masksAreIndependent() {
        let count = 1 << 18
        let z = Statistics.normalQuantile(upperTail: Statistics.falseAlarmRate / 2)
        let one = Self.mask(count + 16, rate: 0.5, seed: 8, stream: 2)
        func agreement(_ other: ArraySlice<Float>) -> Double {
            abs(zip(one, other).reduce(0.0) { $0 + ($1.0 == $1.1 ? 1 : -1) }) / Double(count).squareRoot()
        }
        #expect(agreement(one[..<count]) > 100 * z)
        for lag in 1...16 { #expect(agreement(one[lag..<count + lag]) <= z, "lag \(lag)") }
        for (seed, stream): (UInt64, UInt64) in [(9, 2), (8, 3), (2, 8), (9, 1), (0, 0), (8 << 32, 2), (~8, 2)] {
            #expect(agreement(Self.mask(count, rate: 0.5, seed: seed, stream: stream)[...]) <= z)
        }
    }

    @Test func sameSeedSameMask() throws {
        let bench = try OperationBench(.dropout(0.4), input: [4, 25])
        let example = [Float](repeating: 1, count: 100)
        let outcomes = bench.run([example, example, example], labels: [1, 1, 1], seeds: [5, 6, 5])
        #expect(outcomes[0] == outcomes[2] && outcomes[0].output != outcomes[1].output)
        #expect(Set(outcomes[0].output) == [0, Float(1 / 0.6)])
        bench.expectSchedulesAgree(on: bench.examples(5))
        bench.expectSlotInvariance(of: example)
    }

    /// The backward pass drops what the forward pass dropped.
    @Test func gradientFollowsTheMask() throws {
        let bench = try OperationBench(.dropout(0.4), input: [4, 25])
        let example = [Float](repeating: 1, count: 100)
        let outcome = bench.run([example])[0]
        for index in example.indices {
            let expected = outcome.outputGradient[index] * Double(outcome.output[index])
            #expect(abs(Double(outcome.inputGradient[index]) - expected) <= 1e-6 * abs(expected))
        }
    }

    /// Two dropouts of a network, and the same network with one of them at another place.
    @Test func anotherPlaceAnotherMask() throws {
        let example = [Float](repeating: 1, count: 256)
        let once = try OperationBench(.dropout(0.5), input: [256]).run([example])[0].output
        let twice = try OperationBench(.sequence([.dropout(0.5), .dropout(0.5)]), input: [256]).run([example])[0].output
        let ratio = twice.map { $0 / 2 }
        #expect(zip(once, ratio).allSatisfy { $0 != 0 || $1 == 0 })
        // With the same mask twice, nothing more would be zero.
        let (first, second) = (once.count { $0 != 0 }, twice.count { $0 != 0 })
        #expect(second < first && second > 0)
    }

    @Test func nothingIsDroppedInEvaluation() throws {
        let shape = [4, 6]
        let with = try OperationBench(.dropout(0.5), input: shape)
        let without = try OperationBench(.dropout(0), input: shape)
        let examples = with.examples(3)
        #expect(with.logits(examples) == without.logits(examples))
        #expect(without.run(examples).map(\.output) == examples)
    }

    /// A dropped NaN or infinity is gone, so that a mask and not its neighbours decide.
    @Test func droppedIsZero() {
        let count = 64
        let mask = Self.mask(count, rate: 0.5, seed: 1)
        for bad in [Float.nan, .infinity] {
            var values = [Float](repeating: bad, count: count)
            var span = values.mutableSpan
            DropoutMask(rate: 0.5).apply(&span, seed: 1, stream: 3)
            #expect(zip(values, mask).allSatisfy { $1 == 0 ? $0 == 0 : !$0.isFinite })
        }
    }

    @Test(arguments: [-0.1, 1, 1.5, .nan])
    func refused(rate: Double) throws {
        #expect(throws: NetworkError.self) { try OperationBench(.dropout(rate), input: [4]) }
    }
}
