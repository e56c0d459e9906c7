// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import Randomness
import TestKit
import Testing

/// Against per-example gradients by PyTorch in Float64: see Tests/Fixtures/networks.
@Suite struct PyTorchTests {
    private static let examples = 5

    private struct Case {
        let bench: Workbench
        let inputs: [[Float]]
        let labels: [Int32]
        let truth: [String: [Float]]

        /// Parameters and inputs are drawn from SplitMix64 as in make_fixtures.py.
        init(_ number: Int) throws {
            let (name, network) = TestNetworks.all[number]
            var stream = InsecureTestStream(seed: UInt64(number))
            var parameters: [Float] = []
            for slice in network.layout.slices {
                let bound = 1 / Float(slice.fanIn).squareRoot()
                for _ in 0..<slice.shape.count { parameters.append((2 * stream.unitFloat() - 1) * bound) }
            }
            inputs = (0..<examples).map { _ in (0..<network.input.count).map { _ in stream.unitFloat() } }
            let tensors = try Safetensors.decode(fixture("networks/\(name).safetensors"))
            truth = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.values) })
            labels = truth["y", default: []].map { Int32($0) }
            bench = Workbench(network, parameters: parameters)
            bench.run(inputs, labels: labels)
        }
    }

    private static func relativeError(_ x: [Double], _ truth: [Float]) -> Double {
        let error = zip(x, truth).reduce(0.0) { $0 + ($1.0 - Double($1.1)) * ($1.0 - Double($1.1)) }
        return (error / truth.reduce(0.0) { $0 + Double($1) * Double($1) }).squareRoot()
    }

    @Test(arguments: TestNetworks.all.indices)
    func logitsAndLosses(number: Int) throws {
        let one = try Case(number)
        let logits = (0..<Self.examples).flatMap { one.bench.execution.logits(example: $0).map(Double.init) }
        #expect(Self.relativeError(logits, try #require(one.truth["logits"])) <= 1e-5)
        let losses = try #require(one.truth["losses"])
        let loss = one.bench.execution.score(labels: one.labels).loss
        #expect(abs(loss - losses.reduce(0.0) { $0 + Double($1) }) <= 1e-5 * loss)
    }

    @Test(arguments: TestNetworks.all.indices)
    func perExampleNorms(number: Int) throws {
        let one = try Case(number)
        let norms = (0..<Self.examples).map { Reductions.sumOfSquares(one.bench.gradient($0).span).squareRoot() }
        for (norm, truth) in zip(norms, try #require(one.truth["norms"])) {
            #expect(abs(norm - Double(truth)) <= 1e-5 * norm)
        }
    }

    /// On a grid so fine that it does not show: what is left is the float gradient's own error.
    @Test(arguments: TestNetworks.all.indices)
    func sumsOfClippedGradients(number: Int) throws {
        let one = try Case(number)
        let clips = try #require(one.truth["clips"])
        let stride = Int(try #require(one.truth["stride"])[0])
        let count = one.bench.network.parameterCount
        for (index, norm) in clips.enumerated() {
            // The clip norm C is B 2^-k with B in 2^29..<2^30, to 9 digits.
            let exponent = 29 - Int(norm.exponent)
            let grid = Double(sign: .plus, exponent: -exponent, significand: 1)
            let clip = IntegerClip(bound: Int64(Double(norm) / grid), gridExponent: exponent, dimension: count)
            let sum = Buffer<Int64>(count: count)
            let scratch = Buffer<Int32>(count: count)
            var clipped = 0
            for example in 0..<Self.examples {
                let outcome = clip.add(Buffer(one.bench.gradient(example)), scratch: scratch, to: sum)
                clipped += outcome.isClipped ? 1 : 0
            }
            #expect(index == 0 ? (1..<Self.examples).contains(clipped) : clipped == Self.examples)
            let values = sum.read { sum in
                Swift.stride(from: 0, to: count, by: stride).map { Double(sum[$0]) * grid }
            }
            #expect(Self.relativeError(values, try #require(one.truth["sum\(index)"])) <= 1e-5)
        }
    }
}
