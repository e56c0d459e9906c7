// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

@Suite struct AttentionTests {
    private static let fixtures: [String: [Layer]] = [
        "attention-1": [.attention(heads: 1), .meanOverPlaces],
        "attention-2": [.attention(heads: 2), .meanOverPlaces],
        "attention-causal": [.attention(heads: 3, causal: true), .meanOverPlaces],
        "attention-causal-last": [.attention(heads: 2, causal: true), .lastPlace],
        "attention-no-bias": [.attention(heads: 2, bias: false), .meanOverPlaces],
    ]

    @Test(arguments: fixtures.keys.sorted())
    func agreesWithPyTorch(name: String) throws {
        let layers = [.linear(6)] + Self.fixtures[name, default: []] + [.linear(3)]
        try SequenceCase(name, input: [6, 5], classes: 3, layers).expectAgreement()
    }

    private static let blocks: [String: (input: [Int], classes: Int, layers: [Layer])] = [
        "encoder-block": (
            [6, 5], 3,
            [
                .linear(8), .residual([.rmsNorm(epsilon: 1e-6), .attention(heads: 4)]),
                .residual([.rmsNorm(epsilon: 1e-6), .linear(12), .geluTanh, .linear(8)]), .layerNorm(),
                .meanOverPlaces, .linear(3),
            ]
        ),
        "sequence-attention": (
            [16], 5,
            [
                .embedding(50, 32, padding: 0), .residual([.layerNorm(), .attention(heads: 4)]),
                .rmsNorm(epsilon: 1e-6), .meanOverPlaces, .linear(5),
            ]
        ),
        "tokens-transformer": (
            [7], 9,
            [
                .embedding(9, 8), .residual([.layerNorm(), .attention(heads: 2, causal: true)]),
                .residual([.layerNorm(), .linear(16), .gelu, .linear(8)]), .layerNorm(), .linear(9, bias: false),
            ]
        ),
    ]

    @Test(arguments: blocks.keys.sorted())
    func blocksAgreeWithPyTorch(name: String) throws {
        let form = try #require(Self.blocks[name])
        try SequenceCase(name, input: form.input, classes: form.classes, form.layers).expectAgreement()
    }

    /// Multi-head self-attention in Double, place by place.
    private static func attention(
        _ x: [Double],
        _ parameters: [Double],
        width: Int,
        heads: Int,
        causal: Bool
    ) -> [Double] {
        let (places, size) = (x.count / width, width / heads)
        let (square, bias) = (width * width, 3 * width * width)
        func project(_ row: ArraySlice<Double>, _ output: Int, _ weights: Int, _ bias: Int) -> Double {
            zip(row, parameters[weights + output * width..<weights + (output + 1) * width])
                .reduce(parameters[bias + output]) { $0 + $1.0 * $1.1 }
        }
        let rows = (0..<places).map { place in
            (0..<3 * width).map { project(x[place * width..<(place + 1) * width], $0, 0, bias) }
        }
        var result: [Double] = []
        for place in 0..<places {
            var mixed: [Double] = []
            for head in 0..<heads {
                let start = head * size
                let seen = 0..<(causal ? place + 1 : places)
                let scores = seen.map { other in
                    (start..<start + size).reduce(0.0) { $0 + rows[place][$1] * rows[other][width + $1] }
                        / Double(size).squareRoot()
                }
                let weights = scores.map { TestMath.exponential($0) }
                let total = weights.reduce(0, +)
                for k in start..<start + size {
                    mixed.append(seen.reduce(0.0) { $0 + weights[$1] / total * rows[$1][2 * width + k] })
                }
            }
            let output = bias + 3 * width
            result += (0..<width).map { project(mixed[...], $0, output, output + square) }
        }
        return result
    }

    private struct Form: CustomStringConvertible {
        let places, width, heads: Int
        let causal: Bool
        var description: String { "\(places) places, width \(width), \(heads) heads, causal \(causal)" }

        func bench() throws -> OperationBench {
            try OperationBench(.attention(heads: heads, causal: causal), input: [places, width])
        }
    }

    private static let forms = [
        Form(places: 1, width: 2, heads: 1, causal: false), Form(places: 4, width: 6, heads: 3, causal: false),
        Form(places: 5, width: 4, heads: 2, causal: true), Form(places: 3, width: 4, heads: 4, causal: true),
    ]

    @Test(arguments: forms)
    private func agreesWithALoop(form: Form) throws {
        let bench = try form.bench()
        bench.expectAgreement(on: bench.examples(2)) { x, parameters in
            Self.attention(x, parameters, width: form.width, heads: form.heads, causal: form.causal)
        }
    }

    @Test(arguments: forms + [Form(places: 49, width: 24, heads: 2, causal: false)])
    private func isSlotInvariant(form: Form) throws {
        let bench = try form.bench()
        let examples = bench.examples(3)
        bench.expectSlotInvariance(of: examples[1])
        bench.expectSchedulesAgree(on: examples)
    }

    /// What a causal layer says of a place does not depend, to the last bit, on what comes later.
    @Test func causalDoesNotSeeTheFuture() throws {
        let bench = try OperationBench(.attention(heads: 2, causal: true), input: [20, 8])
        let example = bench.examples(1)[0]
        var other = example
        for index in 12 * 8..<other.count { other[index] = -3 * other[index] + 1 }
        let outcomes = bench.run([example, other], labels: [0, 0])
        #expect(outcomes[0].output[0..<12 * 8] == outcomes[1].output[0..<12 * 8])
        #expect(outcomes[0].output.suffix(8) != outcomes[1].output.suffix(8))
    }

    /// Scores far beyond what an exponential can take give one place all weight, and no NaN.
    @Test func hugeScoresStayFinite() throws {
        let bench = try OperationBench(.attention(heads: 2), input: [6, 8])
        let outcome = bench.run([testFloats(48, seed: 4, scale: 300)])[0]
        #expect(outcome.isFinite)
    }

    @Test func namesAndStart() throws {
        func slices(_ layer: Layer) throws -> [ParameterSlice] {
            let layers = [layer, .meanOverPlaces, .linear(2)]
            return try Network(name: "", input: Shape([4, 6]), classes: 2, layers: layers).layout.slices
        }
        let pytorch = try slices(.attention(heads: 2)).prefix(4).map(\.name)
        #expect(pytorch == ["0.in_proj_weight", "0.in_proj_bias", "0.out_proj.weight", "0.out_proj.bias"])
        let timm = try slices(.attention(heads: 2, naming: .timm).named("attn")).prefix(4).map(\.name)
        #expect(timm == ["attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight", "attn.proj.bias"])
        let nested = try slices(.residual([.attention(heads: 3, bias: false)])).prefix(2).map(\.name)
        #expect(nested == ["0.0.in_proj_weight", "0.0.out_proj.weight"])
        let starts = try slices(.attention(heads: 2)).map(\.parameter.start)
        #expect(starts[1] == .constant(0) && starts[3] == .constant(0))
        #expect(starts[0] == .uniform(bound: Float(0.25).squareRoot()))
        #expect(starts[2] == .uniform(bound: 1 / Float(6).squareRoot()))
    }

    @Test func refusesWhatCannotBe() {
        func refusal(_ layer: Layer, _ input: [Int]) -> NetworkError? {
            do {
                _ = try Network(name: "", input: Shape(input), classes: 2, layers: [layer, .flatten, .linear(2)])
                return nil
            } catch {
                return error
            }
        }
        let heads = NetworkError.operation(
            path: "0",
            kind: "MultiheadAttention",
            input: Shape([4, 6]),
            reason: "4 heads; they must divide the width 6"
        )
        #expect(refusal(.attention(heads: 4), [4, 6]) == heads)
        #expect(refusal(.attention(heads: 0), [4, 6]) != nil && refusal(.attention(heads: 1), [6]) != nil)
        #expect(refusal(.attention(heads: 2), [4, 6]) == nil)
    }
}
