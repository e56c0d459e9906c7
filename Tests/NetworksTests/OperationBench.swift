// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

/// One operation between a layer that changes nothing, through which the gradient by the operation's input is seen, and a
/// classifier, through which its output is seen. All values and parameters are in PyTorch's order.
struct OperationBench {
    /// What a run says of one example.
    struct Outcome: Equatable {
        /// The operation's output, and the gradient of the loss by it.
        var output: [Float] = []
        var outputGradient: [Double] = []
        /// The gradient by the operation's input; empty where the bench has no front.
        var inputGradient: [Float] = []
        /// The gradient by the operation's parameters, one after another.
        var gradient: [Double] = []
        /// The gradient by all parameters, in the order of the flat vector.
        var whole: [Double] = []

        var isFinite: Bool { whole.allSatisfy(\.isFinite) && output.allSatisfy(\.isFinite) }
    }

    static let classes = 3
    let network: Network
    let parameters: Buffer<Float>
    private let hasFront: Bool

    /// - Parameters:
    ///   - layer: one operation, or a few.
    ///   - input: shape of an example.
    ///   - hasFront: whether there is a layer before the operation; not where examples are token ids.
    ///   - change: changes the parameters of the operation, which are drawn at random around the start.
    init(
        _ layer: Layer,
        input: [Int],
        hasFront: Bool = true,
        seed: UInt64 = 1,
        change: (inout [Float]) -> Void = { _ in }
    ) throws {
        let shape = Shape(input)
        var layers = [layer.named("operation"), .flatten, Layer.linear(Self.classes).named("head")]
        if hasFront {
            let front: Layer = input.count == 3 ? .convolution(input[0], kernel: 1) : .linear(shape.features)
            layers.insert(front.named("front"), at: 0)
        }
        network = try Network(name: "bench", input: shape, classes: Self.classes, layers: layers)
        self.hasFront = hasFront
        var values = network.initialParameters(seed: seed)
        let noise = testFloats(values.count, seed: seed + 1, scale: 0.4)
        for slice in network.layout.slices {
            for index in slice.range { values[index] += noise[index] }
            guard slice.name.hasPrefix("front") else { continue }
            for index in slice.range { values[index] = 0 }
            guard slice.name == "front.weight" else { continue }
            let width = slice.shape.dimensions[0]
            for diagonal in 0..<width { values[slice.offset + diagonal * (width + 1)] = 1 }
        }
        parameters = Buffer(values)
        var own = operationParameters
        change(&own)
        for (place, value) in zip(operationPlaces, own) { parameters.write { $0[place] = value } }
    }

    /// Where every parameter of the operation is in the flat vector, in PyTorch's order.
    private var operationPlaces: [Int] {
        network.layout.slices.filter { $0.name.hasPrefix("operation") }.flatMap { slice in
            slice.places().map { slice.offset + $0 }
        }
    }

    /// The operation's parameters, one after another.
    var operationParameters: [Float] {
        parameters.read { values in operationPlaces.map { values[$0] } }
    }

    /// Runs examples, example i with label i mod `classes` and the seed `seeds[i]`, or i.
    func run(
        _ examples: [[Float]],
        schedule: Schedule.Kind = .kept,
        capacity: Int? = nil,
        labels: [Int32]? = nil,
        seeds: [UInt64]? = nil
    ) -> [Outcome] {
        let execution = NetworkExecution(network, schedule: schedule, capacity: capacity ?? examples.count)
        execution.load(examples: examples.count) { index, row in
            for k in row.indices { row[k] = examples[index][k] }
            return seeds?[index] ?? UInt64(index)
        }
        let collector = GradientCollector(network, examples: examples.count)
        let labels = labels ?? examples.indices.map { Int32($0 % Self.classes) }
        execution.run(parameters: parameters, labels: labels, visitor: collector)
        return examples.indices.map { outcome(collector, $0) }
    }

    /// The logits, by a schedule that only evaluates.
    func logits(_ examples: [[Float]]) -> [[Float]] {
        let execution = NetworkExecution(network, schedule: .forward, capacity: examples.count)
        execution.load(examples: examples.count) { index, row in
            for k in row.indices { row[k] = examples[index][k] }
            return 0
        }
        execution.run(parameters: parameters)
        return examples.indices.map { execution.logits(example: $0) }
    }

    private func outcome(_ collector: GradientCollector, _ example: Int) -> Outcome {
        var outcome = Outcome()
        outcome.whole = collector.gradients.last?[example] ?? []
        outcome.gradient = operationPlaces.map { outcome.whole[$0] }
        let ends = network.nodes.indices.filter { !network.nodes[$0].operation.parameters.isEmpty }
        let head = ends[ends.count - 1]
        outcome.output = collector.inputs[head]?[example] ?? []
        let errors = collector.errors[head]?[example] ?? []
        let width = outcome.output.count
        let weight = network.nodes[head].parameterOffset
        parameters.read { values in
            outcome.outputGradient = (0..<width).map { column in
                errors.indices.reduce(0.0) { $0 + Double(errors[$1]) * Double(values[weight + $1 * width + column]) }
            }
        }
        if hasFront { outcome.inputGradient = rowMajor(collector.errors[ends[0]]?[example] ?? [], ends[0]) }
        return outcome
    }

    /// A value of a node's output, in PyTorch's order.
    private func rowMajor(_ value: [Float], _ node: Int) -> [Float] {
        let shape = network.nodes[node].operation.output
        guard shape.isChannelsLast else { return value }
        let channels = shape.dimensions[0]
        let pixels = shape.count / channels
        return value.indices.map { value[$0 % pixels * channels + $0 / pixels] }
    }
}

/// Collects every example's whole gradient in Double from what a schedule lends.
final class GradientCollector: GradientVisitor {
    /// By pass, example and place in the flat vector.
    private(set) var gradients: [[[Double]]] = []
    /// By node, of every node with parameters: the gradient by its output and, where it is kept, its first input.
    private(set) var errors: [Int: [[Float]]] = [:]
    private(set) var inputs: [Int: [[Float]]] = [:]
    private let network: Network
    private var current: [[Double]]
    private var isCovered: [[Bool]]

    init(_ network: Network, examples: Int) {
        self.network = network
        let count = network.parameterCount
        current = Array(repeating: Array(repeating: 0, count: count), count: examples)
        isCovered = Array(repeating: Array(repeating: false, count: count), count: examples)
    }

    func visit(node: Int, pass: Int, tile: Tile, parameters: Buffer<Float>) {
        let operation = network.nodes[node].operation
        errors[node] = (0..<tile.examples).map { example in
            tile.bring(example..<example + 1)
            return values(tile.given, example)
        }
        if operation.gradientNeeds.contains(.input) {
            inputs[node] = (0..<tile.examples).map { example in
                tile.bring(example..<example + 1)
                return values(tile.input, example)
            }
        }
        for index in operation.products.indices { collect(index, operation, tile) }
        for example in 0..<tile.examples {
            tile.bring(example..<example + 1)
            operation.visitDirectGradient(example: example, tile, parameters: parameters) { start, piece in
                for k in piece.indices { put(Double(piece[k]), at: start + k, example) }
            }
        }
    }

    func end(pass: Int, examples: Int) {
        gradients.append(current)
        for example in current.indices {
            for place in current[example].indices {
                current[example][place] = 0
                isCovered[example][place] = false
            }
        }
    }

    private func values(_ value: TileValue, _ example: Int) -> [Float] {
        value.buffer.read(value.range(example)) { span in span.indices.map { span[$0] } }
    }

    private func put(_ value: Double, at place: Int, _ example: Int) {
        #expect(!isCovered[example][place], "two pieces of a gradient overlap")
        isCovered[example][place] = true
        current[example][place] = value
    }

    private func collect(_ index: Int, _ operation: any Operation, _ tile: Tile) {
        let product = operation.products[index]
        let step = min(tile.mostAtOnce, operation.operandExamples(index, capacity: tile.output.capacity))
        let start = tile.parameterOffset + operation.offset(ofParameter: product.parameter)
        for first in stride(from: 0, to: tile.examples, by: step) {
            let examples = first..<min(tile.examples, first + step)
            tile.bring(examples)
            for group in 0..<product.groups {
                let operands = operation.operands(index, group: group, examples: examples, tile)
                let offset = start + group * product.rows * product.columns
                for example in examples {
                    let places = (example - first) * product.places..<(example - first + 1) * product.places
                    add(operands.errors.rows(places), operands.inputs.rows(places), at: offset, example)
                }
            }
        }
    }

    private func add(_ errors: MatrixView, _ inputs: MatrixView, at offset: Int, _ example: Int) {
        for row in 0..<errors.columns {
            for column in 0..<inputs.columns {
                var sum = 0.0
                for place in 0..<errors.rows {
                    let error = errors.buffer.read { Double($0[errors.offset + place * errors.stride + row]) }
                    let input = inputs.buffer.read { Double($0[inputs.offset + place * inputs.stride + column]) }
                    sum += error * input
                }
                put(sum, at: offset + row * inputs.columns + column, example)
            }
        }
    }
}
