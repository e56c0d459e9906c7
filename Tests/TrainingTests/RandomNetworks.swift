// SPDX-License-Identifier: Apache-2.0

import Datasets
import Networks
import Randomness
import TestKit

/// Small networks of every kind of layer, drawn at random, with examples.
struct RandomNetwork {
    let network: Network
    let parameters: [Float]

    /// - Parameter seed: decides everything; four seeds in a row are of the four families.
    init(seed: UInt64) throws {
        var stream = InsecureTestStream(seed: seed)
        let layers: [Layer]
        let input: [Int]
        switch seed % 4 {
        case 0: (input, layers) = Self.vectors(&stream)
        case 1: (input, layers) = Self.places(&stream)
        case 2: (input, layers) = Self.images(&stream)
        default: (input, layers) = Self.tokens(&stream)
        }
        network = try Network(name: "random \(seed)", input: Shape(input), classes: 3, layers: layers + [.linear(3)])
        parameters = network.initialParameters(seed: seed)
    }

    /// An example: uniform in ±`scale`, or tokens.
    func example(seed: UInt64, scale: Float = 1) -> [Float] {
        guard let vocabulary = network.vocabulary else {
            return testFloats(network.input.count, seed: seed, scale: scale)
        }
        var stream = InsecureTestStream(seed: seed)
        return (0..<network.input.count).map { _ in Float(stream.uniform(below: UInt64(vocabulary))) }
    }

    /// `count` examples of different sizes.
    func examples(_ count: Int) -> FloatExamples {
        FloatExamples(
            features: (0..<count).flatMap { example(seed: UInt64($0), scale: Float(1 + $0 % 4)) },
            featureCount: network.input.count,
            labels: (0..<count).map { Int32($0 % 3) }
        )
    }

    private static func pick<Choice>(_ choices: [Choice], _ stream: inout InsecureTestStream) -> Choice {
        choices[Int(stream.uniform(below: UInt64(choices.count)))]
    }

    private static func activation(_ stream: inout InsecureTestStream) -> Layer {
        pick([.tanh, .relu, .sigmoid, .gelu, .silu, .dropout(0.3)], &stream)
    }

    private static func vectors(_ stream: inout InsecureTestStream) -> ([Int], [Layer]) {
        let width = pick([3, 8, 20], &stream)
        let inner: [Layer] = [.linear(width, bias: pick([true, false], &stream)), activation(&stream)]
        let norm = pick([[Layer.layerNorm()], [.rmsNorm()], []], &stream)
        return ([pick([5, 17], &stream)], [.linear(width)] + norm + [.residual(inner), activation(&stream)])
    }

    private static func places(_ stream: inout InsecureTestStream) -> ([Int], [Layer]) {
        let width = pick([4, 6, 8], &stream)
        let middle: [Layer] = pick(
            [
                [.lstm(width)], [.gru(width)], [.residual([.layerNorm(), .attention(heads: 2)])],
                [.linear(width), .tanh, .linear(width)], [.attention(heads: 2, causal: true), .rmsNorm()],
            ],
            &stream
        )
        return (
            [pick([2, 7, 12], &stream), 5], [.linear(width)] + middle + [pick([.meanOverPlaces, .lastPlace], &stream)]
        )
    }

    private static func tokens(_ stream: inout InsecureTestStream) -> ([Int], [Layer]) {
        let width = pick([4, 6], &stream)
        let padding = pick([nil, 0], &stream)
        let middle = pick([[Layer.lstm(width)], [.tanh], [.attention(heads: 2)], [.gru(width)]], &stream)
        return ([pick([3, 9], &stream)], [.embedding(7, width, padding: padding)] + middle + [.flatten])
    }

    private static func images(_ stream: inout InsecureTestStream) -> ([Int], [Layer]) {
        let groups = pick([1, 2, 4], &stream)
        let channels = groups * pick([1, 2], &stream)
        let (stride, padding, dilation) = (pick([1, 2], &stream), pick([0, 1, 2], &stream), pick([1, 2], &stream))
        let first = pick(
            [
                Layer.convolution(4, kernel: 3, padding: 1), .standardisedConvolution(4, kernel: 3, padding: 1),
                .convolution(4, kernel: 1),
            ],
            &stream
        )
        let second = Layer.convolution(
            channels,
            kernel: 3,
            stride: stride,
            padding: padding,
            dilation: dilation,
            groups: groups
        )
        let pooling = pick([[Layer.maxPooling(2, stride: 1)], [.averagePooling(2, stride: 2)], []], &stream)
        let norm = pick([[Layer.groupNorm(2)], []], &stream)
        let size = pick([8, 11], &stream)
        return ([2, size, size + 1], [first] + norm + [activation(&stream), second] + pooling + [.flatten])
    }
}
