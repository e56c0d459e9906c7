// SPDX-License-Identifier: Apache-2.0

import Networks
import Randomness
import TestKit
import Testing
import Training

/// Methods on networks that nobody chose.
@Suite struct MethodPropertyTests {
    /// Two convolutions drawn at random, with activations and poolings: case A3. Groups from 1 to 16, depthwise among them,
    /// windows of any shape, strides, dilations, and paddings up to the whole window, which may be all that one sees.
    private static func convolutions(seed: UInt64) -> ReferenceNetwork {
        var stream = InsecureTestStream(seed: seed)
        func pick(_ choices: ClosedRange<Int>) -> Int {
            choices.lowerBound + Int(stream.uniform(below: UInt64(choices.count)))
        }
        let input = [pick(1...3), pick(5...9), pick(5...9)]
        var shape = input
        func convolution(groups: Int, outputs: Int) -> ReferenceConvolution {
            let dilation = (y: pick(1...3), x: pick(1...2))
            // Up to what fits into the image without padding.
            let kernel = (y: pick(1...min(4, (shape[1] - 1) / dilation.y + 1)), x: pick(1...min(3, shape[2])))
            let across = min(dilation.x, kernel.x > 1 ? (shape[2] - 1) / (kernel.x - 1) : 1)
            let isSame = pick(0...3) == 0
            let padding =
                isSame
                ? (y: dilation.y * (kernel.y - 1) / 2, x: across * (kernel.x - 1) / 2)
                : (y: pick(0...kernel.y), x: pick(0...kernel.x))
            let window = ReferenceWindow(
                kernel: kernel,
                stride: isSame ? (1, 1) : (pick(1...3), pick(1...2)),
                padding: padding,
                dilation: (dilation.y, max(1, across))
            )
            let extents = window.output(shape)
            shape = [outputs, extents.y, extents.x]
            return ReferenceConvolution(outputs, window, groups: groups)
        }
        let groups = [1, 2, 3, 4, 8, 16][pick(0...5)]
        let first = convolution(groups: 1, outputs: groups * pick(1...2))
        let pooled = pick(0...1) == 1 && shape[1] > 1 && shape[2] > 1
        var layers: [any ReferenceLayer] = [first, ReferenceActivation.tanh]
        if pooled {
            let window = ReferenceWindow(kernel: (2, 2), stride: (1, 2))
            layers.append(ReferencePooling(pick(0...1) == 0 ? .max : .average, window))
            let extents = window.output(shape)
            shape = [shape[0], extents.y, extents.x]
        }
        layers.append(convolution(groups: groups, outputs: groups * pick(1...2)))
        return ReferenceNetwork(
            input: input,
            classes: 3,
            layers: layers + [ReferenceActivation.tanh, ReferenceFlatten(), ReferenceLinear(3)]
        )
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func randomConvolutions(seed: UInt64) throws {
        let one = try MethodCase("convolutions \(seed)", Self.convolutions(seed: seed), examples: 5, seed: seed)
        let middle = one.gradients.map { norm($0[...]) }.sorted()[2]
        for method in ClippingMethod.allCases {
            for (examples, clip) in [(0, middle), (1, middle / 10), (5, 1.001 * middle)] {
                var request = GradientComparison.Request(network: one.network, method: method, clip: clip)
                request.capacity = 1 + Int(seed % 6)
                let found = try GradientComparison(
                    request,
                    parameters: one.parameters,
                    examples: one.examples(examples)
                )
                let truth = one.truth(examples, clip: clip, method: method)
                #expect(relativeError(found.norms, truth.norms) <= 1e-5, "\(method), \(examples) examples")
                #expect(relativeError(one.ordered(found.sum), truth.sum) <= 1e-5, "\(method), \(examples) examples")
            }
        }
    }

    /// What is drawn has what it should have.
    @Test func manyKindsOfConvolutionsAreDrawn() {
        let drawn = (0..<40).flatMap { Self.convolutions(seed: $0).layers.compactMap { $0 as? ReferenceConvolution } }
        #expect(Set(drawn.map(\.groups)) == [1, 2, 3, 4, 8, 16])
        #expect(drawn.contains { $0.groups > 1 && $0.groups == $0.outputs })
        #expect(drawn.contains { $0.window.dilation.y == 3 && $0.window.kernel.y > 1 })
        #expect(drawn.contains { $0.window.padding.y >= $0.window.kernel.y })
        #expect(drawn.contains { $0.window.kernel.y != $0.window.kernel.x && $0.window.stride.y > 1 })
    }

    /// Networks of every kind of layer: all methods say the norms and the sum of the one that makes whole gradients, whose
    /// own truth is PyTorch's.
    @Test(arguments: 0..<24 as Range<UInt64>)
    func randomNetworks(seed: UInt64) throws {
        let one = try RandomNetwork(seed: seed)
        for (examples, clip) in [(0, 1.0), (11, 0.4)] {
            func gradients(_ method: ClippingMethod) throws -> (norms: [Double], sum: [Double]) {
                var request = GradientComparison.Request(network: one.network, method: method, clip: clip)
                request.capacity = method == .perExample ? 3 : 4
                let found = try GradientComparison(
                    request,
                    parameters: one.parameters,
                    examples: one.examples(examples)
                )
                return (found.norms, found.sum.map(Double.init))
            }
            let truth = try gradients(.perExample)
            #expect(truth.norms.count == examples && truth.norms.allSatisfy { $0 > 0 })
            for method in ClippingMethod.allCases where method != .perExample {
                let found = try gradients(method)
                #expect(relativeError(found.norms, truth.norms) <= 1e-5, "\(method)")
                guard method != .none, method != .perLayer else { continue }
                #expect(relativeError(found.sum, truth.sum) <= 1e-5, "\(method)")
            }
        }
    }
}
