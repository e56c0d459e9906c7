// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

/// A gradient that goes through a pooling and the activation before it at once, against one that stops in between. That the
/// results are right is for PyTorch to say; here they must be the same bits.
@Suite struct FusedBackwardTests {
    private static let activations: [(String, Layer)] = [("relu", .relu), ("tanh", .tanh), ("sigmoid", .sigmoid)]
    private static let ends: [(String, [Layer])] = [
        ("max", [.maxPooling(2, stride: 2)]),
        ("overlapping max", [.maxPooling(3, stride: 1, padding: 1)]),
        ("dilated max", [.maxPooling(2, stride: 2, dilation: 2)]),
        ("average", [.averagePooling(3, stride: 2, padding: 1, countsPadding: false)]),
        ("adaptive average", [.adaptiveAveragePooling(height: 2, width: 3)]),
        ("reordering", []),
        ("two", [.maxPooling(2, stride: 1), .relu, .averagePooling(2, stride: 1)]),
    ]

    private static func network(_ activation: Layer, _ end: [Layer], isFused: Bool) throws -> Network {
        // A dropout of nothing is a view: it computes nothing, and no gradient goes through it and another at once.
        func apart(_ layers: [Layer]) -> [Layer] { isFused ? layers : layers.flatMap { [$0, .dropout(0)] } }
        return try Network(
            name: "t",
            input: Shape([2, 7, 6]),
            classes: 3,
            layers: [.convolution(3, kernel: 3, padding: 1).named("a")] + apart([activation] + end)
                + [.flatten, .linear(3).named("b")]
        )
    }

    private static func passesThrough(_ network: Network, _ kind: Schedule.Kind) -> Int {
        Schedule(kind, network).actions.count { if case .backwardThrough = $0 { true } else { false } }
    }

    private static func gradients(_ network: Network, _ kind: Schedule.Kind, examples: [[Float]]) -> [[[UInt64]]] {
        let execution = NetworkExecution(network, schedule: kind, capacity: examples.count + 1)
        execution.load(examples: examples.count) { index, row in
            for k in row.indices { row[k] = examples[index][k] }
            return UInt64(index)
        }
        let collector = GradientCollector(network, examples: examples.count)
        let labels = examples.indices.map { Int32($0 % 3) }
        execution.run(parameters: Buffer(network.initialParameters(seed: 4)), labels: labels, visitor: collector)
        // 0 and -0 are told apart by nothing that follows.
        return collector.gradients.map { $0.map { $0.map { ($0 + 0).bitPattern } } }
    }

    @Test(arguments: activations.indices, ends.indices)
    func fusedIsUnfused(activation: Int, end: Int) throws {
        let (act, pool) = (Self.activations[activation].1, Self.ends[end].1)
        let fused = try Self.network(act, pool, isFused: true)
        let unfused = try Self.network(act, pool, isFused: false)
        let examples = (0..<5).map { testFloats(fused.input.count, seed: UInt64($0), scale: Float(1 + $0)) }
        let truth = try #require(Self.gradients(unfused, .streamed, examples: examples).first)
        #expect(truth.allSatisfy { $0.contains { $0 != 0 } })
        for kind in [Schedule.Kind.streamed, .kept, .recomputed] {
            #expect(Self.passesThrough(fused, kind) > 0 && Self.passesThrough(unfused, kind) == 0)
            for gradients in Self.gradients(fused, kind, examples: examples) { #expect(gradients == truth) }
        }
    }

    /// Where a value is read twice, or the activation reads its input again, the two must stay apart.
    @Test func whatIsReadAgainIsKept() throws {
        let pool = Layer.maxPooling(2, stride: 1)
        let gelu = try Self.network(.gelu, [pool], isFused: true)
        #expect(Self.passesThrough(gelu, .kept) == 0)
        let first = try Network(name: "t", input: Shape([2, 4, 4]), classes: 3) {
            Layer.tanh
            pool
            Layer.flatten
            Layer.linear(3)
        }
        #expect(Self.passesThrough(first, .kept) == 0)
        let shared = try Network(name: "t", input: Shape([2, 4, 4]), classes: 3) {
            Layer.convolution(2, kernel: 1)
            Layer.tanh
            Layer.residual([.maxPooling(3, stride: 1, padding: 1)])
            Layer.flatten
            Layer.linear(3)
        }
        #expect(Self.passesThrough(shared, .kept) == 0)
    }
}
