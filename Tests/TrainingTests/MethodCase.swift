// SPDX-License-Identifier: Apache-2.0

import Datasets
import Networks
import Randomness
import TestKit
import Training

/// A network with parameters and examples, and the truth about them: every example's gradient in Double.
struct MethodCase: Sendable {
    let name: String
    let network: Network
    let parameters: [Float]
    let inputs: [[Float]]
    let labels: [Int32]
    /// By example, in PyTorch's order.
    let gradients: [[Double]]
    /// The coordinates of every layer with parameters, in PyTorch's order.
    let layers: [Range<Int>]

    init(_ name: String, _ reference: ReferenceNetwork, examples: Int, seed: UInt64, scale: Float = 1) throws {
        let network = try reference.network()
        let parameters = network.initialParameters(seed: seed)
        self.name = name
        self.network = network
        self.parameters = parameters
        inputs = (0..<examples).map { example in
            testFloats(
                network.input.count,
                seed: seed &* 1000 &+ UInt64(example),
                scale: scale * Float(1 + example % 3)
            )
        }
        labels = (0..<examples).map { Int32((3 * $0 + 1) % network.classes) }
        let tensors = network.tensors(parameters).map { $0.values.map(Double.init) }
        gradients = zip(inputs, labels).map { input, label in
            reference.gradient(input, label: label, parameters: tensors).flatMap(\.self)
        }
        var sizes = network.layout.slices.map(\.shape.count)
        var start = 0
        layers = reference.tensorsOfLayers.map { count in
            let end = start + sizes.prefix(count).reduce(0, +)
            sizes.removeFirst(count)
            defer { start = end }
            return start..<end
        }
    }

    /// `count` examples: where there are fewer, the same ones again and again.
    func examples(_ count: Int) -> FloatExamples {
        FloatExamples(
            features: (0..<count).flatMap { inputs[$0 % inputs.count] },
            featureCount: network.input.count,
            labels: (0..<count).map { labels[$0 % labels.count] }
        )
    }

    /// Norms and the clipped sum of `count` examples.
    func truth(
        _ count: Int,
        clip: Double,
        method: ClippingMethod,
        rule: ClipRule = .abadi
    ) -> (norms: [Double], sum: [Double]) {
        func factor(_ norm: Double, _ clip: Double) -> Double {
            switch (method, rule) {
            case (.none, _): 1
            case (_, .abadi): norm > clip ? clip / norm : 1
            case (_, .automatic): clip / (norm + 0.01)
            }
        }
        let parts = method == .perLayer ? layers : [0..<network.parameterCount]
        var sum = [Double](repeating: 0, count: network.parameterCount)
        let gradients = (0..<count).map { self.gradients[$0 % self.gradients.count] }
        for gradient in gradients {
            for part in parts {
                let factor = factor(norm(gradient[part]), clip / Double(parts.count).squareRoot())
                for index in part { sum[index] += factor * gradient[index] }
            }
        }
        return (gradients.map { norm($0[...]) }, sum)
    }

    /// A vector of the network's layout in PyTorch's order.
    func ordered(_ values: [Float]) -> [Double] {
        network.tensors(values).flatMap(\.values).map(Double.init)
    }
}

/// The L2 norm.
func norm(_ values: ArraySlice<Double>) -> Double {
    values.reduce(0) { $0 + $1 * $1 }.squareRoot()
}

extension MethodCase {
    /// The MNIST network of the papers: case A1.
    static let tanhCNN = make("tanh-cnn", examples: 64) {
        ReferenceNetwork(
            input: [1, 28, 28],
            classes: 10,
            layers: [
                ReferenceConvolution(16, ReferenceWindow(kernel: (8, 8), stride: (2, 2), padding: (3, 3))),
                ReferenceActivation.tanh,
                ReferencePooling(.max, ReferenceWindow(kernel: (2, 2))),
                ReferenceConvolution(32, ReferenceWindow(kernel: (4, 4), stride: (2, 2))),
                ReferenceActivation.tanh,
                ReferencePooling(.max, ReferenceWindow(kernel: (2, 2))),
                ReferenceFlatten(), ReferenceLinear(32), ReferenceActivation.tanh, ReferenceLinear(10),
            ]
        )
    }

    /// The CIFAR network of the papers: case A2. Its reference loop is slow, so two examples stand for sixteen.
    static let cifarTanhCNN = make("cifar-tanh-cnn", examples: 2) {
        func convolution(_ outputs: Int) -> [any ReferenceLayer] {
            [
                ReferenceConvolution(outputs, ReferenceWindow(kernel: (3, 3), padding: (1, 1))),
                ReferenceActivation.tanh,
            ]
        }
        let blocks = [32, 64, 128].flatMap { outputs in
            convolution(outputs) + convolution(outputs)
                + [ReferencePooling(.max, ReferenceWindow(kernel: (2, 2), stride: (2, 2)))]
        }
        let end: [any ReferenceLayer] = [
            ReferenceFlatten(), ReferenceLinear(128), ReferenceActivation.tanh, ReferenceLinear(10),
        ]
        return ReferenceNetwork(input: [3, 32, 32], classes: 10, layers: blocks + end)
    }

    /// Small networks with what the other has not: places, groups, dilation, ReLU, average pooling.
    static let small = [
        make("mlp", examples: 9) {
            ReferenceNetwork(
                input: [8, 8],
                classes: 10,
                layers: [ReferenceFlatten(), ReferenceLinear(20), ReferenceActivation.relu, ReferenceLinear(10)]
            )
        },
        make("places", examples: 9) {
            ReferenceNetwork(
                input: [6, 5],
                classes: 3,
                layers: [
                    ReferenceLinear(4), ReferenceActivation.tanh, ReferenceLinear(6), ReferenceFlatten(),
                    ReferenceLinear(3),
                ]
            )
        },
        make("groups", examples: 9) {
            let window = ReferenceWindow(kernel: (3, 2), stride: (1, 2), padding: (2, 1), dilation: (2, 1))
            return ReferenceNetwork(
                input: [4, 9, 8],
                classes: 3,
                layers: [
                    ReferenceConvolution(6, ReferenceWindow(kernel: (3, 3), padding: (1, 1)), groups: 2),
                    ReferenceActivation.relu,
                    ReferencePooling(.max, ReferenceWindow(kernel: (2, 2), stride: (2, 2))),
                    ReferenceConvolution(4, window, groups: 2),
                    ReferenceActivation.tanh, ReferenceFlatten(), ReferenceLinear(3),
                ]
            )
        },
        make("depthwise", examples: 9) {
            ReferenceNetwork(
                input: [4, 7, 6],
                classes: 3,
                layers: [
                    ReferenceConvolution(4, ReferenceWindow(kernel: (1, 1))),
                    ReferenceConvolution(
                        8,
                        ReferenceWindow(kernel: (3, 3), stride: (2, 2), padding: (1, 1)),
                        groups: 4
                    ),
                    ReferenceActivation.tanh,
                    ReferencePooling(.average, ReferenceWindow(kernel: (2, 2), padding: (1, 1))),
                    ReferenceFlatten(), ReferenceLinear(3),
                ]
            )
        },
    ]

    private static func make(_ name: String, examples: Int, _ reference: () -> ReferenceNetwork) -> MethodCase {
        do {
            return try MethodCase(name, reference(), examples: examples, seed: UInt64(name.utf8.count))
        } catch {
            preconditionFailure("\(name) cannot be built: \(error)")
        }
    }
}
