// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

/// A case of Tests/Fixtures/networks whose parameters and inputs are drawn by a formula, run on its examples.
struct DrawnCase {
    static let names = [
        "logistic", "mlp", "tanh-cnn", "conv-rectangle", "conv-padded", "pool-overlapping", "pool-apart",
        "simple-convnet", "larger-convnet", "vgg11", "cifar-tanh-cnn", "mlp-mnist",
    ]

    let fixture: NetworkFixture
    let bench: Workbench
    var inputs: [[Float]] { fixture.inputs }
    var labels: [Int32] { fixture.labels }

    init(_ name: String) throws {
        let described = try #require(NetworkFixture.descriptions().first { $0.name == name })
        let fixture = try NetworkFixture(described) { bytes in
            Dictionary(uniqueKeysWithValues: try Safetensors.decode(bytes).map { ($0.name, $0.values) })
        }
        let network =
            if let preset = described.preset {
                try Network.preset(preset, input: Shape(described.input), classes: described.classes)
            } else {
                try #require(TestNetworks.all.first { $0.name == name }).network
            }
        var parameters = [Float](repeating: 0, count: network.parameterCount)
        for (slice, parameter) in zip(network.layout.slices, fixture.parameters) {
            for (place, value) in zip(slice.places(), parameter.values) { parameters[slice.offset + place] = value }
        }
        self.fixture = fixture
        bench = Workbench(network, parameters: parameters, rows: fixture.inputs.count)
        bench.run(fixture.inputs, labels: fixture.labels)
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
}
