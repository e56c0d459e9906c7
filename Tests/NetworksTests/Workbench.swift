// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks

/// One network with parameters, run on whole arrays.
struct Workbench {
    let network: Network
    let execution: NetworkExecution
    let parameters: Buffer<Float>

    init(_ network: Network, parameters: [Float]) {
        self.network = network
        execution = NetworkExecution(network)
        self.parameters = Buffer(parameters)
    }

    /// Loads the examples and runs forward and backward.
    func run(_ examples: [[Float]], labels: [Int32]) {
        execution.load(examples: examples.count) { index, row in
            for k in row.indices { row[k] = examples[index][k] }
        }
        execution.forward(parameters: parameters)
        execution.backward(labels: labels, parameters: parameters)
    }

    func gradient(_ example: Int) -> [Float] {
        let gradient = Buffer([Float](repeating: .nan, count: network.parameterCount))
        execution.gradient(example: example, into: gradient)
        return gradient.read { span in span.indices.map { span[$0] } }
    }
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
