// SPDX-License-Identifier: Apache-2.0

import Networks
import TestKit
import Testing

@Suite struct StandardisedConvolutionTests {
    struct Case: Sendable {
        var input = [2, 5, 4]
        var outputs = 3
        var kernel = (height: 3, width: 3)
        var stride = (y: 1, x: 1)
        var padding = (y: 0, x: 0)
        var dilation = (y: 1, x: 1)
        var groups = 1
        var bias = true
        var epsilon = 1e-6

        var layer: Layer {
            .standardisedConvolution(
                outputs,
                kernel: kernel,
                stride: stride,
                padding: padding,
                dilation: dilation,
                groups: groups,
                bias: bias,
                epsilon: epsilon
            )
        }

        /// Taps of one output channel.
        var taps: Int { input[0] / groups * kernel.height * kernel.width }

        /// Straight from the definition, in Double.
        func convolve(_ x: [Double], _ parameters: [Double]) -> [Double] {
            let reach = (y: (kernel.height - 1) * dilation.y + 1, x: (kernel.width - 1) * dilation.x + 1)
            let height = (input[1] + 2 * padding.y - reach.y) / stride.y + 1
            let width = (input[2] + 2 * padding.x - reach.x) / stride.x + 1
            var y: [Double] = []
            for channel in 0..<outputs {
                let weight = standardised(Array(parameters[channel * taps..<(channel + 1) * taps]))
                for (oy, ox) in (0..<height).flatMap({ oy in (0..<width).map { (oy, $0) } }) {
                    var sum = bias ? parameters[outputs * taps + channel] : 0
                    for tap in 0..<taps {
                        let (ky, kx) = (tap / kernel.width % kernel.height, tap % kernel.width)
                        let (row, column) = (
                            oy * stride.y + ky * dilation.y - padding.y, ox * stride.x + kx * dilation.x - padding.x
                        )
                        guard (0..<input[1]).contains(row), (0..<input[2]).contains(column) else { continue }
                        let first = channel / (outputs / groups) * (input[0] / groups)
                        let plane = first + tap / (kernel.height * kernel.width)
                        sum += weight[tap] * x[(plane * input[1] + row) * input[2] + column]
                    }
                    y.append(sum)
                }
            }
            return y
        }

        private func standardised(_ weight: [Double]) -> [Double] {
            let mean = weight.reduce(0, +) / Double(taps)
            let variance = weight.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(taps)
            return weight.map { ($0 - mean) / (variance + epsilon).squareRoot() }
        }
    }

    static let cases: [Case] = [
        Case(), Case(bias: false), Case(stride: (2, 1), padding: (1, 1)), Case(padding: (2, 0), dilation: (2, 1)),
        Case(input: [4, 4, 4], outputs: 6, groups: 2), Case(input: [4, 4, 3], outputs: 4, groups: 4),
        Case(input: [5, 3, 3], outputs: 4, kernel: (1, 1)), Case(kernel: (5, 4)), Case(kernel: (2, 3), epsilon: 0.1),
        Case(input: [1, 6, 6], outputs: 2),
    ]

    @Test(arguments: cases)
    func agreesWithTheDefinition(of one: Case) throws {
        let bench = try OperationBench(one.layer, input: one.input)
        bench.expectAgreement(on: bench.examples(3), with: one.convolve)
    }

    @Test(arguments: cases)
    func anExampleIsAlone(in one: Case) throws {
        let bench = try OperationBench(one.layer, input: one.input)
        bench.expectSlotInvariance(of: bench.examples(1)[0])
        bench.expectSchedulesAgree(on: bench.examples(5))
    }

    /// The output is that of weights without their mean, however large it was; the gradient has no part along it.
    @Test(arguments: cases)
    func meanOfTheWeights(of one: Case) throws {
        let bench = try OperationBench(one.layer, input: one.input) { weights in
            for index in 0..<one.outputs * one.taps { weights[index] += 1000 }
        }
        let own = bench.operationParameters.map(Double.init)
        let examples = bench.examples(2)
        for (example, outcome) in zip(examples, bench.run(examples)) {
            let truth = one.convolve(example.map(Double.init), own)
            #expect(OperationBench.relativeError(outcome.output.map(Double.init), truth) <= 1e-6)
            for channel in 0..<one.outputs {
                let gradient = outcome.gradient[channel * one.taps..<(channel + 1) * one.taps]
                let size = gradient.reduce(0) { $0 + abs($1) }
                #expect(abs(gradient.reduce(0, +)) <= 1e-5 * size)
            }
        }
    }

    /// No product stands for the weight, whose gradient is one piece.
    @Test func gradientIsDirect() throws {
        let bench = try OperationBench(Case().layer, input: Case().input)
        let operations = bench.network.nodes.map(\.operation).filter { $0.kind == "StdConv2d" }
        #expect(operations.count == 1 && operations[0].products.isEmpty && operations[0].hasDirectGradient)
    }

    @Test func refused() {
        #expect(throws: NetworkError.self) { try OperationBench(Case(outputs: 3, groups: 2).layer, input: [2, 5, 4]) }
        #expect(throws: NetworkError.self) { try OperationBench(Case(epsilon: 0).layer, input: [2, 5, 4]) }
    }
}
