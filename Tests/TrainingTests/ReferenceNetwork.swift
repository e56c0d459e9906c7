// SPDX-License-Identifier: Apache-2.0

import Networks

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Numbers of one example under a shape, row-major.
struct ReferenceTensor: Sendable {
    var shape: [Int]
    var values: [Double]

    init(_ shape: [Int], _ values: [Double]) {
        precondition(values.count == shape.reduce(1, *), "as many values as the shape says")
        self.shape = shape
        self.values = values
    }

    init(zeros shape: [Int]) {
        self.init(shape, [Double](repeating: 0, count: shape.reduce(1, *)))
    }
}

/// A layer written down a second time: plain loops in Double over one example, channels first.
protocol ReferenceLayer: Sendable {
    /// The layer that it is the truth for.
    var layer: Layer { get }
    /// Shapes of the parameters, PyTorch's, for an input.
    func parameterShapes(_ input: [Int]) -> [[Int]]
    func forward(_ x: ReferenceTensor, _ parameters: [[Double]]) -> ReferenceTensor
    /// The gradients by the input and by the parameters, given that by the output.
    func backward(
        _ x: ReferenceTensor,
        _ parameters: [[Double]],
        _ given: ReferenceTensor
    ) -> (input: ReferenceTensor, parameters: [[Double]])
}

extension ReferenceLayer {
    func parameterShapes(_ input: [Int]) -> [[Int]] { [] }
}

/// The truth for sums of clipped gradients: a chain of layers, and a loop over single examples in Double.
struct ReferenceNetwork: Sendable {
    let input: [Int]
    let classes: Int
    let layers: [any ReferenceLayer]

    /// The network that it is the truth for.
    func network() throws -> Network {
        try Network(name: "reference", input: Shape(input), classes: classes, layers: layers.map(\.layer))
    }

    /// The gradient of one example's cross-entropy by every parameter tensor, in order.
    func gradient(_ example: [Float], label: Int32, parameters: [[Double]]) -> [[Double]] {
        var values = [ReferenceTensor(input, example.map(Double.init))]
        var split: [[[Double]]] = []
        var next = 0
        for layer in layers {
            let count = layer.parameterShapes(values[values.count - 1].shape).count
            split.append(Array(parameters[next..<next + count]))
            next += count
            values.append(layer.forward(values[values.count - 1], split[split.count - 1]))
        }
        var given = Self.lossGradient(values[values.count - 1], label: Int(label))
        var gradients: [[[Double]]] = []
        for (index, layer) in layers.enumerated().reversed() {
            let (input, own) = layer.backward(values[index], split[index], given)
            given = input
            gradients.append(own)
        }
        return gradients.reversed().flatMap(\.self)
    }

    /// How many parameter tensors each layer with parameters has, in order.
    var tensorsOfLayers: [Int] {
        var shape = input
        var counts: [Int] = []
        for layer in layers {
            let shapes = layer.parameterShapes(shape)
            if !shapes.isEmpty { counts.append(shapes.count) }
            shape = layer.forward(ReferenceTensor(zeros: shape), shapes.map { ReferenceTensor(zeros: $0).values }).shape
        }
        return counts
    }

    private static func lossGradient(_ logits: ReferenceTensor, label: Int) -> ReferenceTensor {
        let greatest = logits.values.max() ?? 0
        let powers = logits.values.map { exp($0 - greatest) }
        let sum = powers.reduce(0, +)
        var gradient = powers.map { $0 / sum }
        gradient[label] -= 1
        return ReferenceTensor(logits.shape, gradient)
    }
}

/// The C library's tanh.
func referenceTanh(_ x: Double) -> Double { tanh(x) }
