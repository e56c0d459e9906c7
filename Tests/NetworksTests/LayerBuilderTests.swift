// SPDX-License-Identifier: Apache-2.0

import Networks
import Testing

/// Networks that are written as blocks are those that are written as lists.
@Suite struct LayerBuilderTests {
    private func expectSame(
        _ block: Network,
        _ layers: [Layer],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let list = try Network(name: block.name, input: block.input, classes: block.classes, layers: layers)
        #expect(block.layout == list.layout, sourceLocation: sourceLocation)
        #expect(block.nodes.map(\.path) == list.nodes.map(\.path), sourceLocation: sourceLocation)
        #expect(block.nodes.map(\.inputs) == list.nodes.map(\.inputs), sourceLocation: sourceLocation)
        #expect(block.nodes.map(\.operation.kind) == list.nodes.map(\.operation.kind), sourceLocation: sourceLocation)
        #expect(
            block.nodes.map(\.operation.output) == list.nodes.map(\.operation.output),
            sourceLocation: sourceLocation
        )
    }

    @Test func block() throws {
        let network = try Network(name: "block", input: Shape([1, 8, 8]), classes: 3) {
            Layer.convolution(4, kernel: 3)
            Layer.tanh
            Layer.flatten
            Layer.linear(3).named("head")
        }
        try expectSame(network, [.convolution(4, kernel: 3), .tanh, .flatten, .linear(3).named("head")])
        #expect(network.layout.slices.map(\.name) == ["0.weight", "0.bias", "head.weight", "head.bias"])
    }

    @Test(arguments: [false, true]) func conditions(isDeep: Bool) throws {
        let network = try Network(name: "conditions", input: Shape([6]), classes: 2) {
            if isDeep {
                Layer.linear(5)
                Layer.relu
            }
            if isDeep {
                Layer.linear(4)
            } else {
                Layer.linear(7)
                Layer.sigmoid
            }
            Layer.linear(2)
        }
        let deep: [Layer] = [.linear(5), .relu, .linear(4), .linear(2)]
        try expectSame(network, isDeep ? deep : [.linear(7), .sigmoid, .linear(2)])
    }

    @Test func loopsAndLists() throws {
        let end: [Layer] = [.flatten, .linear(2)]
        let network = try Network(name: "loop", input: Shape([2, 8, 8]), classes: 2) {
            for width in [4, 6] {
                Layer.convolution(width, kernel: 3, padding: 1)
                Layer.relu
            }
            end
        }
        try expectSame(
            network,
            [
                .convolution(4, kernel: 3, padding: 1), .relu, .convolution(6, kernel: 3, padding: 1), .relu, .flatten,
                .linear(2),
            ]
        )
    }

    @Test func layersInsideOfLayers() throws {
        let network = try Network(name: "nested", input: Shape([6]), classes: 2) {
            Layer.residual {
                Layer.linear(6)
                Layer.sequence {
                    Layer.tanh
                    Layer.linear(6)
                }
            }
            Layer.linear(2)
        }
        try expectSame(network, [.residual([.linear(6), .sequence([.tanh, .linear(6)])]), .linear(2)])
        #expect(
            network.layout.slices.map(\.name).filter { $0.hasSuffix("weight") } == [
                "0.0.weight", "0.1.1.weight", "1.weight",
            ]
        )
    }

    /// A block without layers is a network without parameters, which is none.
    @Test func emptyBlock() {
        #expect(throws: NetworkError.output(Shape([2]), classes: 2)) {
            try Network(name: "empty", input: Shape([2]), classes: 2) {}
        }
    }
}
