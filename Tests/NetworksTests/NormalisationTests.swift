// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

/// Which elements share a mean, and which a weight, by element in PyTorch's order.
private struct Grouping {
    var isCentred = true
    var epsilon = 1e-5
    let statistic: (Int) -> Int
    let weight: (Int) -> Int
    /// Of weight and of bias.
    let parameters: (weights: Int, biases: Int)

    /// Straight from the definition, in Double.
    func normalise(_ x: [Double], _ parameters: [Double]) -> [Double] {
        var members: [Int: [Int]] = [:]
        for index in x.indices { members[statistic(index), default: []].append(index) }
        var y = x
        for group in members.values {
            let count = Double(group.count)
            let mean = isCentred ? group.reduce(0) { $0 + x[$1] } / count : 0
            let variance = group.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / count
            for index in group {
                let weight = self.parameters.weights > 0 ? parameters[self.weight(index)] : 1
                let bias = self.parameters.biases > 0 ? parameters[self.parameters.weights + self.weight(index)] : 0
                y[index] = (x[index] - mean) / (variance + epsilon).squareRoot() * weight + bias
            }
        }
        return y
    }
}

@Suite struct NormalisationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let layer: Layer
        let input: [Int]
        fileprivate let grouping: @Sendable () -> Grouping

        /// Over the last `axes` dimensions.
        static func last(
            _ input: [Int],
            axes: Int = 1,
            isCentred: Bool = true,
            epsilon: Double = 1e-5,
            affine: Bool = true,
            bias: Bool = true
        ) -> Case {
            let width = input.suffix(axes).reduce(1, *)
            let layer: Layer =
                isCentred
                ? .layerNorm(axes: axes, epsilon: epsilon, affine: affine, bias: bias)
                : .rmsNorm(axes: axes, epsilon: epsilon, affine: affine)
            return Case(
                testDescription: "\(isCentred ? "LayerNorm" : "RMSNorm") \(axes) of \(input), \(affine), \(bias)",
                layer: layer,
                input: input
            ) {
                Grouping(
                    isCentred: isCentred,
                    epsilon: epsilon,
                    statistic: { $0 / width },
                    weight: { $0 % width },
                    parameters: (affine ? width : 0, affine && bias && isCentred ? width : 0)
                )
            }
        }

        static func groups(_ groups: Int, of input: [Int], affine: Bool = true) -> Case {
            let width = input.reduce(1, *) / input[0]
            return Case(
                testDescription: "GroupNorm \(groups) of \(input), \(affine)",
                layer: .groupNorm(groups, affine: affine),
                input: input
            ) {
                Grouping(
                    statistic: { $0 / width / (input[0] / groups) },
                    weight: { $0 / width },
                    parameters: (affine ? input[0] : 0, affine ? input[0] : 0)
                )
            }
        }
    }

    static let cases: [Case] = [
        .last([6]), .last([3, 5]), .last([2, 37]), .last([4, 16]), .last([3, 4], axes: 2), .last([2, 2, 5], axes: 2),
        .last([3, 4, 5], axes: 3), .last([3, 4, 5], axes: 1), .last([3, 4, 5], axes: 2),
        .last([3, 5], affine: false), .last([3, 5], bias: false), .last([2, 3, 4], axes: 3, affine: false),
        .last([3, 5], epsilon: 0.5), .last([6], isCentred: false), .last([3, 37], isCentred: false),
        .last([3, 4], axes: 2, isCentred: false, epsilon: 0.25), .last([3, 4, 5], axes: 3, isCentred: false),
        .last([3, 5], isCentred: false, affine: false),
        .groups(1, of: [6, 3, 4]), .groups(3, of: [6, 3, 4]), .groups(6, of: [6, 3, 4]), .groups(4, of: [20, 3, 2]),
        .groups(4, of: [32, 2, 3]), .groups(3, of: [24, 1, 1]), .groups(1, of: [1, 5, 4]), .groups(2, of: [6]),
        .groups(3, of: [6, 4]), .groups(2, of: [4, 19]), .groups(2, of: [4, 2, 3, 2]),
        .groups(2, of: [6, 3, 4], affine: false), .groups(2, of: [6, 4], affine: false),
    ]

    @Test(arguments: cases)
    func agreesWithTheDefinition(of one: Case) throws {
        let bench = try OperationBench(one.layer, input: one.input)
        let grouping = one.grouping()
        #expect(bench.operationParameters.count == grouping.parameters.weights + grouping.parameters.biases)
        bench.expectAgreement(on: bench.examples(3), with: grouping.normalise)
    }

    @Test(arguments: cases)
    func anExampleIsAlone(in one: Case) throws {
        let bench = try OperationBench(one.layer, input: one.input)
        bench.expectSlotInvariance(of: bench.examples(1)[0])
        bench.expectSchedulesAgree(on: bench.examples(5))
    }

    /// A spread of 1 around `mean`: what is right to float32's last bits for the values that float32 holds there.
    @Test(arguments: cases, [1e3, -1e5] as [Float])
    func meanFarFromZero(of one: Case, mean: Float) throws {
        let grouping = one.grouping()
        guard grouping.isCentred else { return }
        let bench = try OperationBench(one.layer, input: one.input)
        let examples = bench.examples(2).map { $0.map { $0 + mean } }
        for (example, outcome) in zip(examples, bench.run(examples)) {
            let truth = grouping.normalise(example.map(Double.init), bench.operationParameters.map(Double.init))
            #expect(OperationBench.relativeError(outcome.output.map(Double.init), truth) <= 1e-6)
        }
    }

    /// Equal values have no spread: what is left is the bias, and all gradients are finite.
    @Test(arguments: cases)
    func equalValues(of one: Case) throws {
        let grouping = one.grouping()
        let bench = try OperationBench(one.layer, input: one.input)
        let examples = [3, 0, -1e7].map { [Float](repeating: $0, count: bench.network.input.count) }
        for outcome in bench.run(examples) {
            #expect(outcome.isFinite && outcome.inputGradient.allSatisfy(\.isFinite))
            guard grouping.isCentred else { continue }
            let truth = grouping.normalise(
                [Double](repeating: 0, count: bench.network.input.count),
                bench.operationParameters.map(Double.init)
            )
            #expect(zip(outcome.output, truth).allSatisfy { $0 == Float($1) })
        }
    }

    @Test(arguments: cases)
    func nothingFiniteFromNaN(of one: Case) throws {
        let bench = try OperationBench(one.layer, input: one.input)
        for bad in [Float.nan, .infinity] {
            var example = bench.examples(1)[0]
            example[0] = bad
            let outcome = bench.run([example])[0]
            #expect(!outcome.output[0].isFinite && outcome.whole.contains { !$0.isFinite })
        }
    }

    /// A weight of one and a bias of zero, named as in PyTorch.
    @Test func start() throws {
        let network = try Network(name: "start", input: Shape([4, 3, 3]), classes: 2) {
            Layer.convolution(6, kernel: 3)
            Layer.groupNorm(3)
            Layer.flatten
            Layer.layerNorm()
            Layer.rmsNorm()
            Layer.linear(2)
        }
        let names = network.layout.slices.map(\.name)
        #expect(names[2...6] == ["1.weight", "1.bias", "3.weight", "3.bias", "4.weight"])
        let values = network.initialParameters(seed: 1)
        for slice in network.layout.slices[2...6] {
            #expect(values[slice.range].allSatisfy { $0 == (slice.name.hasSuffix("weight") ? 1 : 0) })
        }
    }

    @Test func refused() {
        func reason(_ layer: Layer, _ input: [Int]) -> String {
            do {
                _ = try Network(
                    name: "refused",
                    input: Shape(input),
                    classes: 2,
                    layers: [layer, .flatten, .linear(2)]
                )
                return ""
            } catch {
                return error.description
            }
        }
        #expect(reason(.groupNorm(4), [6, 2, 2]).contains("6 channels cannot be divided into 4 groups"))
        #expect(reason(.groupNorm(0), [6]).contains("groups"))
        #expect(reason(.layerNorm(axes: 2), [6]).contains("it normalises 2 dimensions; there are 1"))
        #expect(reason(.layerNorm(axes: 0), [6]).contains("0 dimensions"))
        for epsilon in [0, -1, .nan, .infinity] {
            #expect(reason(.rmsNorm(epsilon: epsilon), [6]).contains("epsilon"))
            #expect(reason(.groupNorm(2, epsilon: epsilon), [6]).contains("epsilon"))
        }
    }
}
