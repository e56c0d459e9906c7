// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

@Suite struct EmbeddingTests {
    private static let fixtures: [String: [Layer]] = [
        "embedding-mean": [.embedding(6, 4), .tanh, .meanOverPlaces, .linear(3)],
        "embedding-flatten": [.embedding(6, 4), .flatten, .linear(3)],
        "embedding-padding": [.embedding(6, 4, padding: 2), .tanh, .flatten, .linear(3)],
    ]

    @Test(arguments: fixtures.keys.sorted())
    func agreesWithPyTorch(name: String) throws {
        try SequenceCase(name, input: [7], classes: 3, Self.fixtures[name, default: []]).expectAgreement()
    }

    /// The pieces of gradients that an embedding lends for some examples, followed by a linear layer.
    private func pieces(_ layer: Layer, _ examples: [[Float]]) throws -> [[(start: Int, values: [Float])]] {
        let input = Shape([examples[0].count])
        let network = try Network(name: "pieces", input: input, classes: 2, layers: [layer, .flatten, .linear(2)])
        let execution = NetworkExecution(network, schedule: .streamed, capacity: examples.count)
        execution.load(examples: examples.count) { index, row in
            for k in row.indices { row[k] = examples[index][k] }
            return 0
        }
        let collector = PieceCollector(network)
        let parameters = Buffer(network.initialParameters(seed: 3))
        execution.run(parameters: parameters, labels: examples.map { _ in 1 }, visitor: collector)
        return collector.pieces
    }

    /// Opacus, grad_sample_module_fast_gradient_clipping_test.py: the errors are [0.2, 0.2], [0.3, 0.1] and [0.3, 0.1]. Here
    /// all logits are 0, so that an example's error is -w of its label, as the rows w of the classifier add up to 0.
    @Test func opacusWorkedExample() throws {
        let layers: [Layer] = [.embedding(3, 1), .flatten, .linear(3)]
        let network = try Network(name: "worked", input: Shape([2]), classes: 3, layers: layers)
        let parameters = Buffer<Float>([0, 0, 0] + [-0.2, -0.2, -0.3, -0.1, 0.5, 0.3] + [0, 0, 0])
        let execution = NetworkExecution(network, schedule: .streamed, capacity: 3)
        let tokens: [[Float]] = [[1, 1], [2, 0], [2, 0]]
        execution.load(examples: 3) { index, row in
            for k in row.indices { row[k] = tokens[index][k] }
            return 0
        }
        let collector = GradientCollector(network, examples: 3)
        execution.run(parameters: parameters, labels: [0, 1, 1], visitor: collector)
        let norms = collector.gradients[0].map { $0[0..<3].reduce(0.0) { $0 + $1 * $1 }.squareRoot() }
        for (norm, truth) in zip(norms, [0.4, 0.1.squareRoot(), 0.1.squareRoot()]) {
            #expect(abs(norm - truth) <= 1e-6)
        }
    }

    @Test func onePieceForEveryDistinctTokenInOrder() throws {
        let pieces = try pieces(.embedding(9, 4), [[5, 3, 5, 1, 3, 5], [0, 0, 0, 0, 0, 0], [8, 7, 6, 5, 4, 3]])
        #expect(pieces.map { $0.map { $0.start / 4 } } == [[5, 3, 1], [0], [8, 7, 6, 5, 4, 3]])
        #expect(pieces.allSatisfy { $0.allSatisfy { $0.start % 4 == 0 && $0.values.count == 4 } })
    }

    @Test(arguments: [1, 2, 3, 64, 300])
    func agreesWithTakingRows(places: Int) throws {
        let (vocabulary, width) = (places < 10 ? 4 : 40, 3)
        let bench = try OperationBench(.embedding(vocabulary, width), input: [places], hasFront: false)
        let examples = (0..<3).map { example in
            testFloats(places, seed: UInt64(example)).map { (($0 + 1) / 2 * Float(vocabulary)).rounded(.down) }
        }
        for (tokens, outcome) in zip(examples, bench.run(examples)) {
            let rows = tokens.flatMap { token in
                bench.operationParameters[Int(token) * width..<(Int(token) + 1) * width]
            }
            #expect(outcome.output == rows)
            var sums = [Double](repeating: 0, count: vocabulary * width)
            for (place, token) in tokens.enumerated() {
                for k in 0..<width { sums[Int(token) * width + k] += outcome.outputGradient[place * width + k] }
            }
            #expect(OperationBench.relativeError(outcome.gradient, sums) <= 1e-6)
        }
        bench.expectSchedulesAgree(on: examples)
    }

    /// A token that is not valid gives NaN and touches no memory of others; valid ones beside it give their rows.
    @Test(arguments: [
        0.5, -1, -0.001, 6, 6.5, 1e30, -1e30, .nan, .infinity, -.infinity, 16_777_216, .leastNonzeroMagnitude,
    ])
    func invalidTokensGiveNaN(token: Float) throws {
        let bench = try OperationBench(.embedding(6, 2), input: [3], hasFront: false)
        let outcome = bench.run([[2, token, 5]])[0]
        let rows = bench.operationParameters
        #expect(Array(outcome.output[0..<2]) == Array(rows[4..<6]))
        #expect(outcome.output[2..<4].allSatisfy { $0.isNaN })
        #expect(Array(outcome.output[4..<6]) == Array(rows[10..<12]))
        #expect(outcome.gradient.contains { $0.isNaN })
    }

    @Test func negativeZeroIsTokenZero() throws {
        let bench = try OperationBench(.embedding(6, 2), input: [2], hasFront: false)
        let outcomes = bench.run([[-0.0, 0.0], [0, 0]], labels: [1, 1])
        #expect(outcomes[0] == outcomes[1])
    }

    @Test func paddingHasNoGradientAndStartsAsZero() throws {
        let layer = Layer.embedding(6, 2, padding: 4)
        let pieces = try pieces(layer, [[4, 1, 4, 1], [4, 4, 4, 4]])
        #expect(pieces[0].map(\.start) == [2] && pieces[1].isEmpty)
        let bench = try OperationBench(layer, input: [4], hasFront: false)
        let start = bench.network.initialParameters(seed: 5)
        #expect(start[8..<10].allSatisfy { $0 == 0 } && start[0..<8].allSatisfy { $0 != 0 })
        #expect(start[10..<12].allSatisfy { $0 != 0 })
        // The padding's own row is what the forward pass takes.
        #expect(Array(bench.run([[4, 0, 0, 0]])[0].output[0..<2]) == Array(bench.operationParameters[8..<10]))
    }

    @Test func isSlotInvariant() throws {
        for layer in [Layer.embedding(50, 5), .embedding(50, 5, padding: 3)] {
            let bench = try OperationBench(layer, input: [6], hasFront: false)
            bench.expectSlotInvariance(of: [7, 3, 7, 0, 49, 3], neighbours: [.nan, 1e30, 0, 3, -1, 7])
        }
    }

    @Test func placesAreReduced() throws {
        let examples = try OperationBench(.meanOverPlaces, input: [4, 3]).examples(3)
        for (layer, weights) in [(Layer.meanOverPlaces, [0.25, 0.25, 0.25, 0.25]), (.lastPlace, [0, 0, 0, 1])] {
            let bench = try OperationBench(layer, input: [4, 3])
            bench.expectAgreement(on: examples) { x, _ in
                (0..<3).map { k in (0..<4).reduce(0.0) { $0 + weights[$1] * x[$1 * 3 + k] } }
            }
            bench.expectSlotInvariance(of: examples[1])
            bench.expectSchedulesAgree(on: examples)
        }
    }

    @Test func refusesWhatCannotBe() {
        func refused(_ layer: Layer, _ input: [Int]) -> Bool {
            (try? Network(name: "", input: Shape(input), classes: 2, layers: [layer, .flatten, .linear(2)])) == nil
        }
        #expect(
            refused(.embedding(0, 2), [3]) && refused(.embedding(3, 0), [3]) && refused(.embedding(1 << 25, 1), [3])
        )
        #expect(refused(.embedding(3, 2, padding: 3), [3]) && refused(.embedding(3, 2, padding: -1), [3]))
        #expect(refused(.embedding(3, 2), [3, 2]) && refused(.meanOverPlaces, [3]) && refused(.lastPlace, [3, 2, 2]))
    }
}
