// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

/// Operations in every precision against sums in Float64 over operands that are rounded here, within the bound of
/// floating-point summation: γ_N Σ|x||y| with N roundings of 2^-24 a term (Higham, Accuracy and Stability of Numerical
/// Algorithms, 2nd edition, section 3.1).
@Suite struct PrecisionTests {
    /// A sum of products, and the sum of their magnitudes.
    private struct Sum {
        var value = 0.0
        var magnitude = 0.0
        var terms = 0

        mutating func add(_ x: Double, _ y: Double) {
            value += x * y
            magnitude += abs(x * y)
            terms += 1
        }

        /// Whether a float is within the bound, with `more` roundings beside those of the sum.
        func admits(_ found: Float, _ arithmetic: ProductArithmetic, more: Int) -> Bool {
            let roundings = Double((arithmetic.accumulation == .fp64 ? 1 : terms) + more + 1)
            let bound = roundings * 0x1p-24 / (1 - roundings * 0x1p-24) * magnitude + Double(terms + 1) * 0x1p-125
            return abs(Double(found) - value) <= bound + abs(value) * 0x1p-50
        }
    }

    private func count(_ sums: [Sum], _ found: [Float], _ arithmetic: ProductArithmetic, more: Int) -> Int {
        zip(sums, found).count { !$0.admits($1, arithmetic, more: more) }
    }

    /// An operation after a pass forward and backward, with what its products are of.
    private struct Pass {
        let bench: OperationTile
        /// As they are; a bias is no operand of a product.
        let weights: [Float]
        /// Operands: weights, inputs, errors.
        let w, x, e: [Double]

        init(_ operation: any Operation, examples: Int, _ arithmetic: ProductArithmetic) {
            bench = OperationTile(operation, examples: examples, arithmetic: arithmetic)
            operation.forward(bench.tile, parameters: bench.parameters)
            operation.backward(bench.tile, parameters: bench.parameters)
            weights = bench.parameters.read { span in span.indices.map { span[$0] } }
            w = weights.map(arithmetic.rounded)
            x = OperationTile.floats(bench.tile.input).map(arithmetic.rounded)
            e = OperationTile.floats(bench.tile.given).map(arithmetic.rounded)
        }
    }

    @Test(arguments: ProductArithmetic.everyKind, [(7, 3, 1), (200, 17, 1), (33, 5, 6)])
    func linear(arithmetic: ProductArithmetic, size: (inputs: Int, outputs: Int, places: Int)) throws {
        let shape = size.places == 1 ? Shape([size.inputs]) : Shape([size.places, size.inputs])
        let examples = 3
        let pass = Pass(try Linear(input: shape, outputs: size.outputs), examples: examples, arithmetic)
        let (bench, weights) = (pass.bench, pass.weights)
        let (w, x, e) = (pass.w, pass.x, pass.e)
        let rows = examples * size.places
        var output: [Sum] = []
        var input: [Sum] = []
        for row in 0..<rows {
            for out in 0..<size.outputs {
                var sum = Sum()
                for k in 0..<size.inputs { sum.add(x[row * size.inputs + k], w[out * size.inputs + k]) }
                // The bias is no operand of a product.
                sum.add(Double(weights[size.outputs * size.inputs + out]), 1)
                output.append(sum)
            }
            for k in 0..<size.inputs {
                var sum = Sum()
                for out in 0..<size.outputs { sum.add(e[row * size.outputs + out], w[out * size.inputs + k]) }
                input.append(sum)
            }
        }
        #expect(count(output, OperationTile.floats(bench.tile.output), arithmetic, more: 1) == 0)
        #expect(count(input, OperationTile.floats(bench.tile.inputGradient), arithmetic, more: 0) == 0)
        for example in 0..<examples {
            var gradient: [Sum] = []
            for out in 0..<size.outputs {
                for k in 0..<size.inputs {
                    var sum = Sum()
                    for place in example * size.places..<(example + 1) * size.places {
                        sum.add(e[place * size.outputs + out], x[place * size.inputs + k])
                    }
                    gradient.append(sum)
                }
            }
            #expect(count(gradient, bench.gradient(0, example: example), arithmetic, more: 0) == 0)
        }
    }

    static let windows = [
        Window(channels: 3, height: 6, width: 5, kernel: (3, 3), stride: (1, 1), padding: (1, 1)),
        Window(channels: 4, height: 12, width: 13, kernel: (3, 2), stride: (1, 2), padding: (0, 1), groups: 2),
        Window(channels: 5, height: 4, width: 4, kernel: (1, 1), stride: (1, 1), padding: (0, 0)),
        Window(
            channels: 4,
            height: 9,
            width: 9,
            kernel: (3, 3),
            stride: (2, 2),
            padding: (2, 2),
            dilation: (2, 1),
            groups: 4
        ),
    ]

    @Test(arguments: ProductArithmetic.everyKind, 0..<windows.count)
    func convolution(arithmetic: ProductArithmetic, index: Int) throws {
        let window = Self.windows[index]
        let (examples, outputs) = (3, 8)
        let input = Shape([window.channels, window.height, window.width], isChannelsLast: true)
        let pass = Pass(
            try Convolution(input: input, outputs: outputs, window: window),
            examples: examples,
            arithmetic
        )
        let (bench, weights) = (pass.bench, pass.weights)
        let (w, x, e) = (pass.w, pass.x, pass.e)
        let depth = window.channels / window.groups
        let width = outputs / window.groups
        let patch = window.kernelHeight * window.kernelWidth * depth
        var output = [Sum](repeating: Sum(), count: examples * window.positions * outputs)
        var inputs = [Sum](repeating: Sum(), count: examples * input.count)
        var gradients = [[Sum]](repeating: Array(repeating: Sum(), count: outputs * patch), count: examples)
        // Every pair of an output and a tap that sees the image.
        for example in 0..<examples {
            for position in 0..<window.positions {
                let (oy, ox) = (position / window.outputWidth, position % window.outputWidth)
                for channel in 0..<outputs {
                    let out = (example * window.positions + position) * outputs + channel
                    for ky in 0..<window.kernelHeight {
                        let iy = oy * window.strideY - window.paddingY + ky * window.dilationY
                        for kx in 0..<window.kernelWidth {
                            let ix = ox * window.strideX - window.paddingX + kx * window.dilationX
                            guard (0..<window.height).contains(iy), (0..<window.width).contains(ix) else { continue }
                            for c in 0..<depth {
                                let pixel = (iy * window.width + ix) * window.channels + channel / width * depth + c
                                let tap = channel * patch + (ky * window.kernelWidth + kx) * depth + c
                                output[out].add(x[example * input.count + pixel], w[tap])
                                inputs[example * input.count + pixel].add(e[out], w[tap])
                                gradients[example][tap].add(e[out], x[example * input.count + pixel])
                            }
                        }
                    }
                    output[out].add(Double(weights[outputs * patch + channel]), 1)
                }
            }
        }
        #expect(count(output, OperationTile.floats(bench.tile.output), arithmetic, more: 1) == 0)
        // In Float64, every tap's sum is rounded before the taps are added up.
        let taps = window.kernelHeight * window.kernelWidth
        #expect(count(inputs, OperationTile.floats(bench.tile.inputGradient), arithmetic, more: taps) == 0)
        for example in 0..<examples {
            #expect(count(gradients[example], bench.gradient(0, example: example), arithmetic, more: 0) == 0)
        }
    }

    /// Operations whose products follow one another cannot be held to one rounding of each operand. No bound is proved for
    /// them: what they differ by from the same in floats is held to twice the roundoff of both operands of every product on
    /// the way, to first order and without cancellation; and they must differ.
    @Test(arguments: ProductArithmetic.everyKind.filter { $0.precision != .fp32 })
    func chainsOfProducts(arithmetic: ProductArithmetic) throws {
        let operations: [(any Operation, depth: Int)] = [
            (try AttentionCore(input: Shape([9, 24]), heads: 2, isCausal: false), 4),
            (try LSTM(input: Shape([6, 7]), hidden: 5), 12),
            (try GRU(input: Shape([6, 7]), hidden: 5), 12),
        ]
        for (operation, depth) in operations {
            func values(_ arithmetic: ProductArithmetic) -> [[Float]] {
                let bench = OperationTile(operation, examples: 4, arithmetic: arithmetic)
                operation.forward(bench.tile, parameters: bench.parameters)
                operation.backward(bench.tile, parameters: bench.parameters)
                return [OperationTile.floats(bench.tile.output), OperationTile.floats(bench.tile.inputGradient)]
                    + operation.products.indices.map { bench.gradient($0, example: 2) }
            }
            for (found, exact) in zip(values(arithmetic), values(.single)) {
                let error = OperationBench.relativeError(found.map(Double.init), exact.map(Double.init))
                #expect(error <= 4 * Double(depth) * arithmetic.operandRoundoff, "\(operation.kind)")
                #expect(error > arithmetic.operandRoundoff / 64, "\(operation.kind)")
            }
        }
    }
}
