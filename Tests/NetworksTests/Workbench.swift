// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks

/// One network with parameters, run on whole arrays.
struct Workbench {
    /// The most examples of a tile.
    static let rows = 32

    let network: Network
    /// Holds logits and losses of the last run.
    let execution: NetworkExecution
    let parameters: Buffer<Float>
    private let training: NetworkExecution
    private let collector: ExampleGradients

    init(_ network: Network, parameters: [Float], rows: Int = rows) {
        self.network = network
        execution = NetworkExecution(network, schedule: .forward, capacity: rows)
        training = NetworkExecution(network, schedule: .streamed, capacity: rows)
        collector = ExampleGradients(network, rows: rows)
        self.parameters = Buffer(parameters)
    }

    /// Loads the examples and runs forward and, where `gradients`, backward.
    func run(_ examples: [[Float]], labels: [Int32], gradients: Bool = true) {
        for execution in gradients ? [execution, training] : [execution] {
            execution.load(examples: examples.count) { index, row in
                for k in row.indices { row[k] = examples[index][k] }
                return 0
            }
        }
        execution.run(parameters: parameters)
        if gradients { training.run(parameters: parameters, labels: labels, visitor: collector) }
    }

    /// An example's gradient, in the order of the flat vector.
    func gradient(_ example: Int) -> [Float] {
        collector.gradients[example].read { span in span.indices.map { span[$0] } }
    }
}

/// Makes every example's whole gradient of what a schedule lends.
final class ExampleGradients: GradientVisitor {
    let gradients: [Buffer<Float>]
    private let network: Network

    init(_ network: Network, rows: Int) {
        self.network = network
        gradients = (0..<rows).map { _ in Buffer(count: network.parameterCount) }
    }

    func visit(node: Int, pass: Int, tile: Tile, parameters: Buffer<Float>) {
        let operation = network.nodes[node].operation
        for example in 0..<tile.examples {
            let gradient = gradients[example]
            gradient.clear(tile.parameterOffset..<tile.parameterOffset + operation.parameterCount)
            operation.visitDirectGradient(example: example, tile, parameters: parameters) { offset, values in
                gradient.write(offset..<offset + values.count) { Elementwise.copy(values, into: &$0) }
            }
            for (index, product) in operation.products.enumerated() {
                let start = tile.parameterOffset + operation.offset(ofParameter: product.parameter)
                for group in 0..<product.groups {
                    let operands = operation.operands(index, group: group, examples: example..<example + 1, tile)
                    let target = MatrixView(
                        gradient,
                        offset: start + group * product.rows * product.columns,
                        rows: product.rows,
                        columns: product.columns
                    )
                    MatrixProduct.multiply(operands.errors.transposed, operands.inputs.asIs, into: target)
                }
            }
        }
    }

    func end(pass: Int, examples: Int) {}
}

extension Operation {
    /// Floats of all parameters.
    fileprivate var parameterCount: Int { parameters.reduce(0) { $0 + $1.shape.count } }
}

/// Networks that have every operation, with strides, paddings and shapes that differ; those of make_fixtures.py.
enum TestNetworks {
    static let all: [(name: String, network: Network)] = [
        ("logistic", preset("logistic", [8, 8])),
        ("mlp", preset("mlp", [1, 8, 8])),
        ("tanh-cnn", preset("tanh-cnn", [1, 28, 28])),
        (
            "conv-rectangle",
            custom(
                [3, 7, 9],
                3,
                [
                    .convolution(4, kernel: (3, 2), stride: (2, 1), padding: (1, 0)), .tanh,
                    .convolution(2, kernel: (2, 3), stride: (1, 2), padding: (0, 2)), .flatten, .linear(3),
                ]
            )
        ),
        (
            "conv-padded",
            custom(
                [2, 6, 6],
                4,
                [
                    .convolution(3, kernel: 3, stride: 2, padding: 1), .relu, .convolution(4, kernel: 5, padding: 2),
                    .maxPooling(2, stride: 1), .flatten, .linear(4),
                ]
            )
        ),
        (
            "pool-overlapping",
            custom(
                [1, 11, 11],
                2,
                [
                    .convolution(3, kernel: 1), .tanh, .maxPooling(3, stride: 2),
                    .convolution(5, kernel: 4, stride: 3, padding: 3), .flatten, .linear(2),
                ]
            )
        ),
        (
            "pool-apart",
            custom(
                [1, 8, 8],
                5,
                [
                    .convolution(2, kernel: 7, padding: 3), .maxPooling(2, stride: 3), .relu, .flatten, .linear(6),
                    .tanh, .linear(5),
                ]
            )
        ),
    ]

    private static func preset(_ name: String, _ input: [Int]) -> Network {
        guard let network = try? Network.preset(name, input: Shape(input), classes: 10) else {
            preconditionFailure("no preset \(name)")
        }
        return network
    }

    private static func custom(_ input: [Int], _ classes: Int, _ layers: [Layer]) -> Network {
        guard let network = try? Network(name: "test", input: Shape(input), classes: classes, layers: layers) else {
            preconditionFailure("a test network cannot be built")
        }
        return network
    }
}
