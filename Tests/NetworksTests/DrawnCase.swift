// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import Randomness
import TestKit
import Testing

/// A case of Tests/Fixtures/networks whose parameters and inputs are drawn by a formula, run on its examples.
struct DrawnCase {
    static let names = [
        "logistic", "mlp", "tanh-cnn", "conv-rectangle", "conv-padded", "pool-overlapping", "pool-apart",
        "simple-convnet", "larger-convnet", "vgg11", "cifar-tanh-cnn", "mlp-mnist",
    ]

    let bench: Workbench
    let inputs: [[Float]]
    let labels: [Int32]
    private let truth: [String: [Float]]

    /// What the list of cases says.
    private struct Description: Decodable {
        let name: String
        let input: [Int]
        let classes: Int
        let preset: String?
        let seed: UInt64?
        let gain: Float?
        let examples: Int
    }

    init(_ name: String) throws {
        let all = try fixture("networks/cases.json", as: [Description].self)
        let described = try #require(all.first { $0.name == name })
        let seed = try #require(described.seed)
        let gain = try #require(described.gain)
        let network =
            if let preset = described.preset {
                try Network.preset(preset, input: Shape(described.input), classes: described.classes)
            } else {
                try #require(TestNetworks.all.first { $0.name == name }).network
            }
        var stream = InsecureTestStream(seed: seed)
        var parameters = [Float](repeating: 0, count: network.parameterCount)
        var bound: Float = 0
        for slice in network.layout.slices {
            if slice.name.hasSuffix(".weight") {
                bound = gain / Float(slice.shape.dimensions.dropFirst().reduce(1, *)).squareRoot()
            }
            for place in slice.places() { parameters[slice.offset + place] = (2 * stream.unitFloat() - 1) * bound }
        }
        inputs = (0..<described.examples).map { _ in (0..<network.input.count).map { _ in stream.unitFloat() } }
        let tensors = try Safetensors.decode(fixture("networks/\(name).safetensors"))
        truth = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.values) })
        labels = truth["y", default: []].map { Int32($0) }
        bench = Workbench(network, parameters: parameters, rows: inputs.count)
        bench.run(inputs, labels: labels)
    }

    func has(_ name: String) -> Bool { truth[name] != nil }

    func tensor(_ name: String) throws -> [Double] {
        try #require(truth[name], "\(name)").map(Double.init)
    }

    /// The clipped sum in PyTorch's order, on a grid of 2^-45 clip norms, and which examples were clipped.
    func clippedSum(clip: Double) -> (sum: [Double], isClipped: [Bool]) {
        let network = bench.network
        let exponent = 45 - Int(clip.exponent)
        let step = Double(sign: .plus, exponent: -exponent, significand: 1)
        let integerClip = IntegerClip(
            bound: Int64(clip / step),
            gridExponent: exponent,
            dimension: network.parameterCount
        )
        let sum = Accumulator(count: network.parameterCount, width: .wide)
        let isClipped = inputs.indices.map { example in
            let gradient = bench.gradient(example)
            let squaredNorm = Reductions.sumOfSquares(gradient.span)
            return integerClip.add(gradient: gradient.span, squaredNorm: squaredNorm, to: sum).isClipped
        }
        var integers = [Int64](repeating: 0, count: sum.count)
        var span = integers.mutableSpan
        sum.read(0..<sum.count, into: &span)
        let ordered = network.layout.slices.flatMap { slice in
            slice.places().map { Double(integers[slice.offset + $0]) * step }
        }
        return (ordered, isClipped)
    }

    /// Norms of the parameters' parts of a vector in PyTorch's order, and their products with 16 vectors of signs.
    func projections(of sum: [Double]) -> (norms: [Double], projections: [Double]) {
        var stream = InsecureTestStream(seed: 2026)
        var norms: [Double] = []
        var projections: [Double] = []
        for slice in bench.network.layout.slices {
            var squares = 0.0
            var products = [Double](repeating: 0, count: 16)
            for index in slice.range {
                let word = stream.next()
                squares += sum[index] * sum[index]
                for k in 0..<16 { products[k] += word >> UInt64(k) & 1 == 1 ? -sum[index] : sum[index] }
            }
            norms.append(squares.squareRoot())
            projections += products
        }
        return (norms, projections)
    }
}
