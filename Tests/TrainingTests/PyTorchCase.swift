// SPDX-License-Identifier: Apache-2.0

import Datasets
import Networks
import TestKit
import Testing
import Training

/// A case of Tests/Fixtures/networks as a network, parameters and examples.
struct PyTorchCase {
    let fixture: NetworkFixture
    let network: Network
    let parameters: [Float]

    /// The names of all cases.
    static let names = (try? NetworkFixture.descriptions().map(\.name)) ?? []

    init(_ name: String) throws {
        let description = try #require(NetworkFixture.descriptions().first { $0.name == name }, "\(name)")
        let fixture = try NetworkFixture(description) { bytes in
            Dictionary(uniqueKeysWithValues: try Safetensors.decode(bytes).map { ($0.name, $0.values) })
        }
        self.fixture = fixture
        network = try Network(
            name: name,
            input: Shape(description.input),
            classes: description.classes,
            layers: description.layers.map { try Layer($0) }
        )
        var parameters = [Float](repeating: 0, count: network.parameterCount)
        try #require(network.layout.slices.map(\.name) == fixture.parameters.map(\.name))
        for (slice, parameter) in zip(network.layout.slices, fixture.parameters) {
            try #require(slice.shape.count == parameter.values.count)
            for (place, value) in zip(slice.places(), parameter.values) { parameters[slice.offset + place] = value }
        }
        self.parameters = parameters
    }

    /// The examples of these numbers.
    func examples(_ indices: some Collection<Int>) -> FloatExamples {
        let labels = network.labelsPerExample
        return FloatExamples(
            features: indices.flatMap { fixture.inputs[$0] },
            featureCount: network.input.count,
            labels: indices.flatMap { fixture.labels[$0 * labels..<($0 + 1) * labels] },
            labelsPerExample: labels
        )
    }

    /// What `sotto gradients` computes on the fine grid: norms, and the sum in PyTorch's order.
    func gradients(
        _ method: ClippingMethod,
        clip: Double,
        of indices: [Int]? = nil,
        capacity: Int? = nil
    ) throws -> (norms: [Double], sum: [Double]) {
        var request = GradientComparison.Request(network: network, method: method, clip: clip)
        request.capacity = capacity
        let examples = examples(indices ?? Array(fixture.inputs.indices))
        let result = try GradientComparison(request, parameters: parameters, examples: examples)
        return (result.norms, network.tensors(result.sum).flatMap(\.values).map(Double.init))
    }

    /// Every example's unclipped gradient, in PyTorch's order.
    func singleGradients() throws -> [[Double]] {
        let clip = 2 * (fixture.tensor("norms").max() ?? 1)
        return try fixture.inputs.indices.map { try gradients(.perExample, clip: clip, of: [$0]).sum }
    }

    /// The coordinates of every operation with parameters, in PyTorch's order: in both orders they lie at one place.
    var layers: [Range<Int>] {
        let starts = network.nodes.filter { !$0.operation.parameters.isEmpty }.map(\.parameterOffset)
        return zip(starts, starts.dropFirst() + [network.parameterCount]).map { $0..<$1 }
    }
}

/// Σ over parts and gradients of min(1, clip / norm) · part.
func clippedSum(_ gradients: [[Double]], clip: Double, parts: [Range<Int>]) -> [Double] {
    var sum = [Double](repeating: 0, count: gradients.first?.count ?? 0)
    for gradient in gradients {
        for part in parts {
            let norm = norm(gradient[part])
            let factor = norm > clip ? clip / norm : 1
            for index in part { sum[index] += factor * gradient[index] }
        }
    }
    return sum
}

extension Layer {
    /// A layer of a fixture.
    init(_ layer: FixtureLayer) throws {
        func pair(_ values: [Int]?) -> (Int, Int) { values.map { ($0[0], $0[1]) } ?? (0, 0) }
        let kernel = (height: pair(layer.kernel).0, width: pair(layer.kernel).1)
        let stride = (y: pair(layer.stride).0, x: pair(layer.stride).1)
        let padding = (y: pair(layer.padding).0, x: pair(layer.padding).1)
        let dilation = (y: pair(layer.dilation).0, x: pair(layer.dilation).1)
        let bias = layer.bias ?? true
        let (axes, groups) = (layer.axes ?? 1, layer.groups ?? 1)
        func outputs() throws -> [Int] { try #require(layer.outputs).values }
        self =
            switch layer.kind {
            case "linear": .linear(try outputs()[0], bias: bias)
            case "conv2d":
                if let epsilon = layer.epsilon {
                    .standardisedConvolution(
                        try outputs()[0],
                        kernel: kernel,
                        stride: stride,
                        padding: padding,
                        dilation: dilation,
                        groups: groups,
                        bias: bias,
                        epsilon: epsilon
                    )
                } else {
                    .convolution(
                        try outputs()[0],
                        kernel: kernel,
                        stride: stride,
                        padding: padding,
                        dilation: dilation,
                        groups: groups,
                        bias: bias
                    )
                }
            case "embedding":
                .embedding(
                    try #require(layer.vocabulary),
                    try #require(layer.width),
                    padding: layer.paddingIndex
                )
            case "layer-norm": .layerNorm(axes: axes, epsilon: try #require(layer.epsilon))
            case "rms-norm": .rmsNorm(axes: axes, epsilon: try #require(layer.epsilon))
            case "group-norm": .groupNorm(groups, epsilon: try #require(layer.epsilon))
            case "attention":
                .attention(heads: try #require(layer.heads), causal: layer.isCausal ?? false, bias: bias)
            case "lstm": .lstm(try #require(layer.hidden), bias: bias)
            case "gru": .gru(try #require(layer.hidden), bias: bias)
            case "max-pool": .maxPooling(kernel, stride: stride, padding: padding)
            case "average-pool":
                .averagePooling(
                    kernel,
                    stride: stride,
                    padding: padding,
                    countsPadding: layer.countsPadding ?? true
                )
            case "adaptive-average-pool":
                .adaptiveAveragePooling(height: try outputs()[0], width: try outputs()[1])
            case "residual": .residual(try #require(layer.layers).map { try Layer($0) })
            case "relu": .relu
            case "tanh": .tanh
            case "sigmoid": .sigmoid
            case "gelu": .gelu
            case "gelu-tanh": .geluTanh
            case "silu": .silu
            case "flatten": .flatten
            case "mean-over-places": .meanOverPlaces
            case "last-place": .lastPlace
            default: throw UnknownLayer(kind: layer.kind)
            }
    }

    private struct UnknownLayer: Error {
        let kind: String
    }
}
