// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

/// Softmax cross-entropy with a label for every place, -1 where it does not count.
@Suite struct TokenLossTests {
    private static let fixtures: [String: (input: [Int], classes: Int, layers: [Layer])] = [
        "tokens-linear": ([6, 5], 4, [.linear(6), .tanh, .linear(4)]),
        "tokens-embedding": ([7], 6, [.embedding(6, 4), .tanh, .linear(6)]),
        "tokens-lstm": ([7], 6, [.embedding(6, 4, padding: 0), .lstm(5), .linear(6)]),
        "tokens-gru": ([7], 6, [.embedding(6, 4), .gru(5), .linear(6)]),
    ]

    @Test(arguments: fixtures.keys.sorted())
    func agreesWithPyTorch(name: String) throws {
        let form = try #require(Self.fixtures[name])
        try SequenceCase(name, input: form.input, classes: form.classes, form.layers).expectAgreement()
    }

    private struct Bench {
        let network: Network
        let parameters: Buffer<Float>
        let inputs: [[Float]]

        init(_ layers: [Layer], input: [Int], classes: Int, examples: Int) throws {
            network = try Network(name: "tokens", input: Shape(input), classes: classes, layers: layers)
            parameters = Buffer(network.initialParameters(seed: 8))
            inputs = (0..<examples).map { testFloats(input.reduce(1, *), seed: UInt64($0), scale: 2) }
        }

        private func execution(_ schedule: Schedule.Kind, _ inputs: [[Float]]) -> NetworkExecution {
            let execution = NetworkExecution(network, schedule: schedule, capacity: inputs.count)
            execution.load(examples: inputs.count) { index, row in
                for k in row.indices { row[k] = inputs[index][k] }
                return 0
            }
            return execution
        }

        func gradients(_ labels: [[Int32]], inputs: [[Float]]? = nil) -> [[Double]] {
            let inputs = inputs ?? self.inputs
            let collector = GradientCollector(network, examples: inputs.count)
            execution(.streamed, inputs).run(parameters: parameters, labels: labels.flatMap(\.self), visitor: collector)
            return collector.gradients[0]
        }

        func score(_ labels: [[Int32]]) -> (loss: Double, correct: Int, labels: Int) {
            let execution = execution(.forward, inputs)
            execution.run(parameters: parameters)
            return execution.score(labels: labels.flatMap(\.self))
        }
    }

    /// A linear layer over places against softmax in Double, for every number of labels that count.
    @Test func agreesWithALoop() throws {
        let (places, features, classes) = (4, 3, 5)
        let bench = try Bench([.linear(classes)], input: [places, features], classes: classes, examples: 5)
        let labels: [[Int32]] = [[0, 1, 2, 3], [-1, 4, -1, 0], [-1, -1, -1, 2], [-1, -1, -1, -1], [3, 3, 3, -1]]
        let values = bench.parameters.read { span in span.indices.map { Double(span[$0]) } }
        var total = 0.0
        let gradients = bench.gradients(labels)
        for (example, x) in bench.inputs.enumerated() {
            let counted = labels[example].filter { $0 >= 0 }.count
            var truth = [Double](repeating: 0, count: values.count)
            for (place, label) in labels[example].enumerated() where label >= 0 {
                let row = x[place * features..<(place + 1) * features].map(Double.init)
                let logits = (0..<classes).map { c in
                    zip(row, values[c * features..<(c + 1) * features])
                        .reduce(values[classes * features + c]) { $0 + $1.0 * $1.1 }
                }
                let sum = logits.reduce(0.0) { $0 + TestMath.exponential($1) }
                total += (TestMath.logarithm(sum) - logits[Int(label)]) / Double(counted)
                for c in 0..<classes {
                    let error = (TestMath.exponential(logits[c]) / sum - (c == Int(label) ? 1 : 0)) / Double(counted)
                    for k in 0..<features { truth[c * features + k] += error * row[k] }
                    truth[classes * features + c] += error
                }
            }
            #expect(OperationBench.relativeError(gradients[example], truth) <= 1e-6)
        }
        let score = bench.score(labels)
        #expect(abs(score.loss - total) <= 1e-6 * total && score.labels == 10)
    }

    /// An example without a label that counts adds nothing, whatever its input is.
    @Test func withoutLabelsThereIsNothing() throws {
        let bench = try Bench([.lstm(4), .linear(3)], input: [5, 2], classes: 3, examples: 2)
        let ignored = [Int32](repeating: -1, count: 5)
        #expect(bench.gradients([ignored, ignored]).allSatisfy { $0.allSatisfy { $0 == 0 } })
        let score = bench.score([ignored, ignored])
        #expect(score.loss == 0 && score.correct == 0 && score.labels == 0)
    }

    /// The input at a place that is ignored matters only to places after it.
    @Test func ignoredPlacesOfCausalNetworksDoNotMatter() throws {
        for layers in [[Layer.lstm(4), .linear(3)], [.gru(4), .linear(3)], [.linear(4), .tanh, .linear(3)]] {
            let bench = try Bench(layers, input: [6, 2], classes: 3, examples: 1)
            var other = bench.inputs[0]
            for index in 8..<12 { other[index] += 1 }
            let labels: [[Int32]] = [[0, 2, -1, 1, -1, -1]]
            #expect(bench.gradients(labels) == bench.gradients(labels, inputs: [other]))
        }
    }

    /// The loss is the example's own mean: other examples' labels do not matter, to the last bit.
    @Test func examplesDoNotShareTheMean() throws {
        let bench = try Bench([.gru(4), .linear(3)], input: [5, 2], classes: 3, examples: 2)
        let labels: [Int32] = [0, -1, 2, 1, -1]
        let with = bench.gradients([labels, [0, 0, 0, 0, 0]])
        let without = bench.gradients([labels, [-1, -1, -1, -1, 2]])
        #expect(with[0] == without[0] && with[1] != without[1])
    }
}
