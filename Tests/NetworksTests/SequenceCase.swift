// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

/// A network of Tests/Fixtures/networks with PyTorch's parameters and results, run on its examples.
struct SequenceCase {
    let network: Network
    /// The fixture's tensors by name.
    let truth: [String: [Float]]
    let labels: [Int32]
    /// Every example's gradient, in the order of the flat vector.
    let gradients: [[Double]]
    private let inputs: [[Float]]
    private let parameters: Buffer<Float>

    init(_ name: String, input: [Int], classes: Int, _ layers: [Layer]) throws {
        network = try Network(name: name, input: Shape(input), classes: classes, layers: layers)
        let tensors = try Safetensors.decode(fixture("networks/\(name).safetensors"))
        truth = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.values) })
        var values: [Float] = []
        for slice in network.layout.slices {
            let stored = try #require(truth["parameter/\(slice.name)"], "\(slice.name)")
            try #require(stored.count == slice.shape.count, "\(slice.name)")
            values += stored
        }
        try #require(truth.keys.filter { $0.hasPrefix("parameter/") }.count == network.layout.slices.count)
        parameters = Buffer(values)
        labels = truth["y", default: []].map { Int32($0) }
        let x = try #require(truth["x"])
        let count = network.input.count
        inputs = stride(from: 0, to: x.count, by: count).map { Array(x[$0..<$0 + count]) }
        let collector = GradientCollector(network, examples: inputs.count)
        let execution = NetworkExecution(network, schedule: .recomputed, capacity: inputs.count + 2)
        Self.load(inputs, execution)
        execution.run(parameters: parameters, labels: labels, visitor: collector)
        gradients = collector.gradients[1]
        #expect(collector.gradients[0] == collector.gradients[1])
    }

    private static func load(_ inputs: [[Float]], _ execution: NetworkExecution) {
        execution.load(examples: inputs.count) { index, row in
            for k in row.indices { row[k] = inputs[index][k] }
            return UInt64(index)
        }
    }

    /// Checks logits, losses, norms by tensor and sums of clipped gradients to 1e-5.
    func expectAgreement() throws {
        let execution = NetworkExecution(network, schedule: .forward, capacity: inputs.count)
        Self.load(inputs, execution)
        execution.run(parameters: parameters)
        let logits = inputs.indices.flatMap { execution.logits(example: $0) }.map(Double.init)
        try expect(logits, are: "logits")
        let losses = try #require(truth["losses"]).reduce(0.0) { $0 + Double($1) }
        #expect(abs(execution.score(labels: labels).loss - losses) <= 1e-5 * max(losses, 1))
        let norms = gradients.map { gradient in
            network.layout.slices.map { slice in
                gradient[slice.range].reduce(0.0) { $0 + $1 * $1 }.squareRoot()
            }
        }
        try expect(norms.flatMap(\.self), are: "tensorNorms")
        for (index, clip) in try #require(truth["clips"]).enumerated() {
            var sum = [Double](repeating: 0, count: network.parameterCount)
            for gradient in gradients {
                let norm = gradient.reduce(0.0) { $0 + $1 * $1 }.squareRoot()
                let factor = norm > Double(clip) ? Double(clip) / norm : 1
                for place in sum.indices { sum[place] += factor * gradient[place] }
            }
            for slice in network.layout.slices { try expect(Array(sum[slice.range]), are: "sum\(index)/\(slice.name)") }
        }
    }

    private func expect(_ values: [Double], are name: String) throws {
        let expected = try #require(truth[name]).map(Double.init)
        try #require(values.count == expected.count, "\(name)")
        #expect(OperationBench.relativeError(values, expected) <= 1e-5, "\(name)")
    }
}

/// Sends examples through `NetworkExecution` and says which pieces of direct gradients the first node lends.
final class PieceCollector: GradientVisitor {
    /// By example: where each piece begins, and its values.
    private(set) var pieces: [[(start: Int, values: [Float])]] = []
    private let network: Network

    init(_ network: Network) { self.network = network }

    func visit(node: Int, pass: Int, tile: Tile, parameters: Buffer<Float>) {
        guard node == 0 else { return }
        for example in 0..<tile.examples {
            pieces.append([])
            network.nodes[0].operation.visitDirectGradient(example: example, tile, parameters: parameters) {
                start,
                piece in
                var values: [Float] = []
                for index in piece.indices { values.append(piece[index]) }
                pieces[example].append((start, values))
            }
        }
    }

    func end(pass: Int, examples: Int) {}
}
