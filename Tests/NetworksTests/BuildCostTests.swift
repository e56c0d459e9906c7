// SPDX-License-Identifier: Apache-2.0

import Networks
import Testing

/// A network is built, planned and scheduled without work or memory that its description does not have.
@Suite struct BuildCostTests {
    /// Every path through 2^200 of them would be too many to walk.
    @Test func residualLayersBeforeAnyParameter() throws {
        let layers = Array(repeating: Layer.residual([.tanh]), count: 200)
        let network = try Network(name: "t", input: Shape([4]), classes: 2, layers: layers + [.linear(2)])
        #expect(network.operationsPerExample == 2 * 8 * 2)
        let after = try Network(name: "t", input: Shape([4]), classes: 2, layers: [.linear(4)] + layers + [.linear(2)])
        #expect(after.operationsPerExample == 2 * 16 * 2 + 2 * 8 * 3)
        #expect(Schedule(.streamed, network).actions.count { if case .backward = $0 { true } else { false } } == 0)
        #expect(Schedule(.streamed, after).actions.count { if case .backward = $0 { true } else { false } } == 401)
    }

    /// 2^30 taps, and as many weights of one and biases of zero that are no parameters: 8 GiB.
    @Test func standardisedConvolutionOfTheLargestWindow() throws {
        let convolution = Layer.standardisedConvolution(1, kernel: 1 << 15, bias: false)
        let layers = [convolution, .flatten, .linear(2)]
        let network = try Network(name: "t", input: Shape([1, 1 << 15, 1 << 15]), classes: 2, layers: layers)
        #expect(network.parameterCount == (1 << 30) + 4)
    }

    /// 2^31 - 1 values, and as many weights and biases that are no parameters: 16 GiB.
    @Test func normalisationOfTheLargestInput() throws {
        let input = Shape([1, 1, Int(Int32.max)])
        let end: [Layer] = [.adaptiveAveragePooling(height: 1, width: 1), .flatten, .linear(2)]
        for layer in [
            Layer.layerNorm(axes: 3, affine: false), .layerNorm(axes: 1, affine: false),
            .rmsNorm(axes: 1, affine: false),
        ] {
            let network = try Network(name: "t", input: input, classes: 2, layers: [layer] + end)
            #expect(network.parameterCount == 4)
        }
    }
}
