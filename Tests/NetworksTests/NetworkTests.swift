// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

@Suite struct NetworkTests {
    @Test func presetSizes() throws {
        let cnn = try Network.preset("tanh-cnn", input: Shape([1, 28, 28]), classes: 10)
        #expect(cnn.parameterCount == 26_010)
        #expect(
            cnn.layout.slices.map(\.name) == [
                "0.weight", "0.bias", "3.weight", "3.bias", "7.weight", "7.bias", "9.weight", "9.bias",
            ]
        )
        #expect(cnn.layout.slices[2].shape == Shape([32, 16, 4, 4]))
        let logistic = try Network.preset("logistic", input: Shape([8, 8]), classes: 10)
        #expect(logistic.parameterCount == 650 && logistic.layout.slices[0].name == "1.weight")
        let mlp = try Network.preset("mlp", input: Shape([1, 28, 28]), classes: 10)
        #expect(mlp.parameterCount == 784 * 512 + 512 + 512 * 256 + 256 + 2570)
    }

    /// A schedule that keeps everything needs at least the convolutions' inputs and errors, one that evaluates less.
    @Test func plannedBytes() throws {
        let cnn = try Network.preset("tanh-cnn", input: Shape([1, 28, 28]), classes: 10)
        let kept = NetworkExecution.plannedBytes(cnn, schedule: .kept, capacity: 32)
        #expect(kept >= 32 * 4 * (784 + 3136 + 2704 + 800))
        let streamed = NetworkExecution.plannedBytes(cnn, schedule: .streamed, capacity: 32)
        #expect(streamed < kept)
        #expect(NetworkExecution.plannedBytes(cnn, schedule: .forward, capacity: 32) < streamed)
    }

    @Test func tokensHaveAVocabulary() throws {
        let layers: [Layer] = [.embedding(7, 4), .flatten, .linear(3)]
        #expect(try Network(name: "t", input: Shape([5]), classes: 3, layers: layers).vocabulary == 7)
        #expect(try Network.preset("logistic", input: Shape([8, 8]), classes: 10).vocabulary == nil)
    }

    @Test func refusals() {
        let small = Shape([1, 8, 8])
        #expect(throws: NetworkError.unknownPreset("resnet", known: Network.presets)) {
            try Network.preset("resnet", input: small, classes: 10)
        }
        do {
            _ = try Network.preset("tanh-cnn", input: small, classes: 10)
            Issue.record("an 8 x 8 image is too small")
        } catch {
            #expect(
                error.description == "layer 3 (Conv2d) cannot take an input of shape [16, 3, 3]: "
                    + "its 4 x 4 window needs an image of at least [4, 4]"
            )
        }
        #expect(throws: NetworkError.self) { try Network.preset("tanh-cnn", input: Shape([28, 28]), classes: 10) }
        #expect(throws: NetworkError.self) { try Network.preset("logistic", input: small, classes: 1) }
        #expect(throws: NetworkError.output(Shape([3]), classes: 4)) {
            try Network(name: "t", input: small, classes: 4, layers: [.flatten, .linear(3)])
        }
        #expect(throws: NetworkError.self) {
            try Network(name: "t", input: small, classes: 4, layers: [.linear(4)])
        }
        #expect(throws: NetworkError.self) {
            try Network(name: "t", input: small, classes: 4, layers: [.flatten, .linear(.max)])
        }
        for layer in [
            Layer.convolution(0, kernel: 3), .convolution(2, kernel: 0), .convolution(2, kernel: 3, stride: 0),
            .convolution(2, kernel: 3, padding: -1), .convolution(.max, kernel: 3), .maxPooling(9, stride: 1),
            .maxPooling(2, stride: 1, padding: 2), .averagePooling(2, stride: 1, padding: 2),
        ] {
            #expect(throws: NetworkError.self) {
                try Network(name: "t", input: small, classes: 4, layers: [layer, .flatten, .linear(4)])
            }
        }
    }

    /// A maximum of padding alone is no number: PyTorch gives -∞ there. Both taps of the first place are outside.
    @Test func everyWindowOfAMaximumSeesTheImage() throws {
        func pooled(dilation: Int) throws(NetworkError) -> Network {
            let pool = Layer.maxPooling(2, stride: 1, padding: 1, dilation: dilation)
            return try Network(name: "t", input: Shape([1, 2, 2]), classes: 2, layers: [pool, .flatten, .linear(2)])
        }
        do {
            _ = try pooled(dilation: 3)
            Issue.record("a window sees nothing")
        } catch {
            #expect(
                error.description == "layer 0 (MaxPool2d) cannot take an input of shape [1, 2, 2]: "
                    + "every place of its window must see the image; take less padding or dilation"
            )
        }
        #expect(try pooled(dilation: 2).parameterCount == 10)
    }

    /// Inside of ±1/sqrt(fan-in), reaching near its ends, reproducible, and different for another seed.
    @Test func initialParameters() throws {
        let network = try Network.preset("tanh-cnn", input: Shape([1, 28, 28]), classes: 10)
        let values = network.initialParameters(seed: 3)
        #expect(values == network.initialParameters(seed: 3) && values != network.initialParameters(seed: 4))
        for slice in network.layout.slices where slice.shape.count >= 300 {
            let bound = 1 / Float(slice.shape.dimensions.dropFirst().reduce(1, *)).squareRoot()
            let magnitude = values[slice.range].map(abs).max() ?? 0
            #expect(magnitude <= bound && magnitude > 0.95 * bound)
        }
    }

    /// The directional derivative along random directions against central differences of the loss. The loss is computed
    /// from float logits (relative error about 1e-6) over a step of 1e-2, so 2 % of |gradient| leaves a wide margin.
    @Test(arguments: TestNetworks.all.indices)
    func finiteDifferences(index: Int) {
        let network = TestNetworks.all[index].network
        let start = network.initialParameters(seed: 5)
        let example = testFloats(network.input.count, seed: 6)
        let bench = Workbench(network, parameters: start)
        bench.run([example], labels: [1])
        let gradient = bench.gradient(0)
        let norm = Reductions.sumOfSquares(gradient.span).squareRoot()
        // Along the gradient itself the derivative is its norm; along others it is an inner product.
        let directions = [gradient] + (0..<3).map { testFloats(start.count, seed: 10 + $0) }
        for direction in directions {
            let length = Reductions.sumOfSquares(direction.span).squareRoot()
            let slope = zip(direction, gradient).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } / length
            func loss(_ step: Double) -> Double {
                let moved = zip(start, direction).map { $0 + Float(step * Double($1) / length) }
                let other = Workbench(network, parameters: moved)
                other.run([example], labels: [1], gradients: false)
                return other.execution.score(labels: [1]).loss
            }
            #expect(abs((loss(5e-3) - loss(-5e-3)) / 1e-2 - slope) <= 0.02 * norm)
        }
    }

    @Test func emptyTile() throws {
        for (_, network) in TestNetworks.all {
            let bench = Workbench(network, parameters: network.initialParameters(seed: 1))
            bench.run([], labels: [])
            #expect(bench.execution.score(labels: []) == (0, 0, 0))
        }
    }

    @Test func notANumberIsWrong() throws {
        let network = try Network.preset("logistic", input: Shape([4]), classes: 2)
        let bench = Workbench(network, parameters: [1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
        bench.run([[1, 0, 0, 0], [.nan, 0, 0, 0], [.infinity, 0, 0, 0]], labels: [0, 0, 0])
        let score = bench.execution.score(labels: [0, 0, 0])
        #expect(score.correct == 1 && score.loss == .infinity)
        #expect(bench.gradient(0).allSatisfy { $0.isFinite })
        #expect(bench.gradient(1).contains { $0.isNaN } && bench.gradient(2).contains { $0.isNaN })
    }
}
