// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

@Suite struct RecurrentTests {
    private static let fixtures: [String: (input: [Int], classes: Int, layers: [Layer])] = [
        "lstm-last": ([6, 4], 3, [.lstm(5), .lastPlace, .linear(3)]),
        "lstm-mean": ([6, 4], 3, [.linear(4), .lstm(8), .meanOverPlaces, .linear(3)]),
        "lstm-no-bias": ([6, 4], 3, [.lstm(5, bias: false), .meanOverPlaces, .linear(3)]),
        "lstm-one-place": ([1, 4], 3, [.lstm(5), .lastPlace, .linear(3)]),
        "lstm-two-layers": ([6, 4], 3, [.lstm(6), .lstm(5), .lastPlace, .linear(3)]),
        "gru-last": ([6, 4], 3, [.gru(5), .lastPlace, .linear(3)]),
        "gru-mean": ([6, 4], 3, [.linear(4), .gru(8), .meanOverPlaces, .linear(3)]),
        "gru-no-bias": ([6, 4], 3, [.gru(5, bias: false), .lastPlace, .linear(3)]),
        "gru-two-layers": ([6, 4], 3, [.gru(6), .gru(5), .meanOverPlaces, .linear(3)]),
        "sequence-lstm": ([12], 5, [.embedding(50, 16, padding: 0), .lstm(24), .lstm(24), .lastPlace, .linear(5)]),
    ]

    @Test(arguments: fixtures.keys.sorted())
    func agreesWithPyTorch(name: String) throws {
        let form = try #require(Self.fixtures[name])
        try SequenceCase(name, input: form.input, classes: form.classes, form.layers).expectAgreement()
    }

    private enum Kind: CaseIterable { case lstm, gru }

    private struct Form: CustomStringConvertible {
        let kind: Kind
        let places, features, hidden: Int
        var bias = true
        var description: String { "\(kind), \(places) places, \(features) features, \(hidden) hidden, bias \(bias)" }

        var layer: Layer { kind == .lstm ? .lstm(hidden, bias: bias) : .gru(hidden, bias: bias) }
        func bench(hasFront: Bool = true) throws -> OperationBench {
            try OperationBench(layer, input: [places, features], hasFront: hasFront)
        }
    }

    private static let forms = Kind.allCases.flatMap { kind in
        [
            Form(kind: kind, places: 1, features: 3, hidden: 2),
            Form(kind: kind, places: 4, features: 2, hidden: 3),
            Form(kind: kind, places: 3, features: 3, hidden: 1, bias: false),
        ]
    }

    /// PyTorch's formulas in Double, one place after another.
    private static func states(_ form: Form, _ x: [Double], _ parameters: [Double]) -> [Double] {
        let (features, hidden) = (form.features, form.hidden)
        let width = hidden * (form.kind == .lstm ? 4 : 3)
        let stateWeight = width * features
        let biases = stateWeight + width * hidden
        var h = [Double](repeating: 0, count: hidden)
        var (c, all) = (h, [Double]())
        for place in 0..<form.places {
            let input = (0..<width).map { row in
                (0..<features).reduce(form.bias ? parameters[biases + row] : 0) {
                    $0 + parameters[row * features + $1] * x[place * features + $1]
                }
            }
            let state = (0..<width).map { row in
                (0..<hidden).reduce(form.bias ? parameters[biases + width + row] : 0) {
                    $0 + parameters[stateWeight + row * hidden + $1] * h[$1]
                }
            }
            let (before, gate) = (h, { (index: Int) in TestMath.logistic(input[index] + state[index]) })
            for j in 0..<hidden {
                switch form.kind {
                case .lstm:
                    let g = TestMath.tanh(input[2 * hidden + j] + state[2 * hidden + j])
                    c[j] = gate(hidden + j) * c[j] + gate(j) * g
                    h[j] = gate(3 * hidden + j) * TestMath.tanh(c[j])
                case .gru:
                    let n = TestMath.tanh(input[2 * hidden + j] + gate(j) * state[2 * hidden + j])
                    h[j] = (1 - gate(hidden + j)) * n + gate(hidden + j) * before[j]
                }
            }
            all += h
        }
        return all
    }

    @Test(arguments: forms)
    private func agreesWithALoop(form: Form) throws {
        let bench = try form.bench()
        bench.expectAgreement(on: bench.examples(2)) { Self.states(form, $0, $1) }
    }

    /// Shapes on both sides of what a row product does in one block.
    @Test(arguments: forms + Kind.allCases.map { Form(kind: $0, places: 50, features: 5, hidden: 20) })
    private func isSlotInvariant(form: Form) throws {
        for hasFront in [true, false] {
            let bench = try form.bench(hasFront: hasFront)
            let examples = bench.examples(3)
            bench.expectSlotInvariance(of: examples[1])
            bench.expectSchedulesAgree(on: examples)
        }
    }

    /// The gradient of a recurrent layer follows its backward pass: also inside of a residual layer, where several read
    /// what it reads, and where layers before it need a gradient or none does.
    @Test(arguments: Kind.allCases)
    private func schedulesAgreeInDeeperNetworks(kind: Kind) throws {
        let layer = Form(kind: kind, places: 4, features: 4, hidden: 4).layer
        let inner = [layer, Layer.tanh, .residual([layer, .tanh]), layer]
        for hasFront in [true, false] {
            let bench = try OperationBench(.sequence(inner), input: [4, 4], hasFront: hasFront)
            bench.expectSchedulesAgree(on: bench.examples(3))
            bench.expectSlotInvariance(of: bench.examples(1)[0])
        }
    }

    /// Gates that are open or shut to the last bit give finite gradients.
    @Test(arguments: Kind.allCases)
    private func saturatedGatesStayFinite(kind: Kind) throws {
        let bench = try Form(kind: kind, places: 5, features: 3, hidden: 4).bench()
        #expect(bench.run([testFloats(15, seed: 2, scale: 1e4)])[0].isFinite)
    }

    /// More examples than the copied operands hold at a time.
    @Test(arguments: Kind.allCases)
    private func operandsComeInParts(kind: Kind) throws {
        let bench = try OperationBench(Form(kind: kind, places: 120, features: 2, hidden: 60).layer, input: [120, 2])
        let examples = bench.examples(11)
        let alone = bench.run([examples[10]], labels: [1])[0]
        #expect(bench.run(examples, labels: examples.map { _ in 1 })[10] == alone)
    }

    @Test func namesAndStart() throws {
        for (layer, width) in [(Layer.lstm(5), 20), (.gru(5), 15)] {
            let layers = [layer.named("rnn"), .lastPlace, .linear(2)]
            let network = try Network(name: "", input: Shape([4, 3]), classes: 2, layers: layers)
            let slices = network.layout.slices.prefix(4)
            #expect(
                slices.map(\.name)
                    == ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0"]
            )
            #expect(slices.map(\.shape.dimensions) == [[width, 3], [width, 5], [width], [width]])
            #expect(slices.allSatisfy { $0.parameter.start == .uniform(bound: 1 / Float(5).squareRoot()) })
        }
    }

    @Test func refusesWhatCannotBe() {
        func refused(_ layer: Layer, _ input: [Int]) -> Bool {
            (try? Network(name: "", input: Shape(input), classes: 2, layers: [layer, .lastPlace, .linear(2)])) == nil
        }
        #expect(refused(.lstm(0), [3, 2]) && refused(.gru(-1), [3, 2]) && refused(.lstm(1 << 30), [3, 2]))
        #expect(refused(.lstm(2), [3]) && refused(.gru(2), [3, 2, 2]))
        #expect(!refused(.lstm(2), [3, 2]) && !refused(.gru(2), [3, 2]))
    }
}
