// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

/// An example's gradient has the same bits whatever else is in the tile and wherever it lies.
@Suite struct SlotInvarianceTests {
    private static let labelCount = Int32(2)

    private static func bits(_ values: [Float]) -> [UInt32] {
        values.map(\.bitPattern)
    }

    private static func bench(_ index: Int) -> (Workbench, [[Float]], [Int32]) {
        let network = TestNetworks.all[index].network
        let bench = Workbench(network, parameters: network.initialParameters(seed: 7))
        let examples = (0..<Workbench.rows).map { testFloats(network.input.count, seed: UInt64($0)) }
        return (bench, examples, (0..<Workbench.rows).map { Int32($0) % labelCount })
    }

    @Test(arguments: TestNetworks.all.indices)
    func placesAndNeighbours(index: Int) {
        let (bench, examples, labels) = Self.bench(index)
        let count = bench.network.input.count
        bench.run([examples[0]], labels: [labels[0]])
        let expected = Self.bits(bench.gradient(0))
        let logits = Self.bits(bench.execution.logits(example: 0))
        for place in [0, 1, 2, 3, 13, 30, 31] {
            for neighbour in [0, .nan, .infinity, 1e30, -.greatestFiniteMagnitude] as [Float] {
                var tile = [[Float]](repeating: [Float](repeating: neighbour, count: count), count: Workbench.rows)
                tile[place] = examples[0]
                bench.run(tile, labels: labels.map { _ in labels[0] })
                #expect(Self.bits(bench.gradient(place)) == expected, "place \(place), neighbours \(neighbour)")
                #expect(Self.bits(bench.execution.logits(example: place)) == logits)
            }
        }
    }

    /// Without one example, those after it move up a row, as packing does.
    @Test(arguments: TestNetworks.all.indices)
    func repackedAfterRemoval(index: Int) {
        let (bench, examples, labels) = Self.bench(index)
        for count in [32, 31, 5] {
            bench.run(Array(examples.prefix(count)), labels: Array(labels.prefix(count)))
            let all = (0..<count).map { Self.bits(bench.gradient($0)) }
            for removed in [0, count / 2, count - 1] {
                var rest = Array(examples.prefix(count))
                var restLabels = Array(labels.prefix(count))
                rest.remove(at: removed)
                restLabels.remove(at: removed)
                bench.run(rest, labels: restLabels)
                for example in rest.indices {
                    #expect(Self.bits(bench.gradient(example)) == all[example < removed ? example : example + 1])
                }
            }
        }
    }

    /// What a tile held before leaves no trace, also where it was NaN.
    @Test(arguments: TestNetworks.all.indices)
    func nothingIsLeftOfTheLastTile(index: Int) {
        let (bench, examples, labels) = Self.bench(index)
        let part = Array(examples.prefix(3))
        bench.run(part, labels: Array(labels.prefix(3)))
        let expected = (0..<3).map { Self.bits(bench.gradient($0)) }
        let bad = [[Float]](repeating: [Float](repeating: .nan, count: examples[0].count), count: Workbench.rows)
        bench.run(bad, labels: labels)
        bench.run(part, labels: Array(labels.prefix(3)))
        #expect((0..<3).map { Self.bits(bench.gradient($0)) } == expected)
    }

    /// Operations that have no suite of their own; forward, backward, operands and direct gradients.
    private static let operations: [(name: String, input: [Int], layer: Layer)] = [
        ("linear", [7], .linear(5)),
        ("linear over places", [6, 5], .linear(4)),
        ("linear of rank 3", [2, 3, 5], .linear(4, bias: false)),
        ("convolution", [3, 7, 6], .convolution(5, kernel: (3, 2), stride: (2, 1), padding: (1, 2))),
        ("dilated convolution", [3, 7, 6], .convolution(4, kernel: 3, padding: 2, dilation: 2)),
        ("convolution in groups", [4, 7, 6], .convolution(6, kernel: 3, padding: 1, groups: 2)),
        ("depthwise convolution", [4, 7, 6], .convolution(8, kernel: 3, stride: 2, padding: 1, groups: 4)),
        ("convolution of one pixel", [4, 7, 6], .convolution(5, kernel: 1)),
        ("convolution in one place", [4, 3, 3], .convolution(5, kernel: 3)),
        ("max pooling", [3, 7, 6], .maxPooling((3, 2), stride: (1, 2), padding: (1, 1))),
        ("average pooling", [3, 7, 6], .averagePooling(3, stride: 2, padding: 1, countsPadding: false)),
        ("adaptive average pooling", [3, 7, 5], .adaptiveAveragePooling(height: 3, width: 2)),
        ("mean over places", [6, 5], .meanOverPlaces),
        ("last place", [6, 5], .lastPlace),
        ("residual", [6, 5], .residual([.linear(5), .tanh])),
        ("residual of images", [3, 5, 4], .residual([.convolution(3, kernel: 3, padding: 1), .relu])),
        ("shortcut", [6, 5], .residual([.linear(4)], shortcut: [.linear(4)])),
        ("relu", [9], .relu), ("tanh", [9], .tanh), ("sigmoid", [9], .sigmoid), ("gelu", [9], .gelu),
        ("gelu by tanh", [9], .geluTanh), ("silu", [9], .silu),
        ("pooled activation", [3, 7, 6], .sequence([.convolution(2, kernel: 3), .tanh, .maxPooling(2, stride: 1)])),
    ]

    @Test(arguments: operations.indices)
    func everyOperation(index: Int) throws {
        let one = Self.operations[index]
        let bench = try OperationBench(one.layer, input: one.input)
        bench.expectSlotInvariance(of: bench.examples(1)[0])
        bench.expectSchedulesAgree(on: bench.examples(5))
    }
}
