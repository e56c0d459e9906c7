// SPDX-License-Identifier: Apache-2.0

import Kernels
import Models
import Networks
import Testing

/// Every kind of layer, with every key, is the layer that Networks builds in Swift.
@Suite struct LayerKindTests {
    /// An image through `text` and a linear layer, against the same in Swift.
    private func expectImage(
        _ text: String,
        _ layer: Layer,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let end = "\n[[layer]]\nkind = 'flatten'\n[[layer]]\nkind = 'linear'\noutputs = 3"
        let made = try model("input = [4, 9, 8]\nclasses = 3\n[[layer]]\n" + text + end)
        let layers = [layer, .flatten, .linear(3)]
        let expected = try Network(name: "model", input: Shape([4, 9, 8]), classes: 3, layers: layers)
        expectSame(made, expected, sourceLocation: sourceLocation)
    }

    /// A text through an embedding, `text`, the mean over places and a linear layer, against the same in Swift.
    private func expectTokens(
        _ text: String,
        _ layer: Layer,
        _ end: Layer = .meanOverPlaces,
        endKind: String = "mean-over-places",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let made = try model(
            """
            input = [6]
            classes = 3
            layer = [
                { kind = "embedding", vocabulary = 5, outputs = 8 },
                { \(text) },
                { kind = "\(endKind)" },
                { kind = "linear", outputs = 3 },
            ]
            """
        )
        let layers = [.embedding(5, 8), layer, end, .linear(3)]
        let expected = try Network(name: "model", input: Shape([6]), classes: 3, layers: layers)
        expectSame(made, expected, sourceLocation: sourceLocation)
    }

    @Test func linear() throws {
        try expectImage("kind = 'linear'\noutputs = 5", .linear(5))
        try expectImage("kind = 'linear'\noutputs = 5\nbias = false", .linear(5, bias: false))
    }

    @Test func convolutions() throws {
        try expectImage("kind = 'conv2d'\noutputs = 6\nkernel = 3", .convolution(6, kernel: 3))
        try expectImage(
            """
            kind = 'conv2d'
            outputs = 6
            kernel = [3, 2]
            stride = [1, 2]
            padding = [2, 1]
            dilation = [2, 3]
            groups = 2
            bias = false
            """,
            .convolution(
                6,
                kernel: (3, 2),
                stride: (1, 2),
                padding: (2, 1),
                dilation: (2, 3),
                groups: 2,
                bias: false
            )
        )
        try expectImage(
            "kind = 'standardised-conv2d'\noutputs = 6\nkernel = 3",
            .standardisedConvolution(6, kernel: 3)
        )
        try expectImage(
            """
            kind = 'standardised-conv2d'
            outputs = 6
            kernel = [3, 2]
            stride = [1, 2]
            padding = [2, 1]
            dilation = [2, 3]
            groups = 2
            bias = false
            epsilon = 0.5
            """,
            .standardisedConvolution(
                6,
                kernel: (3, 2),
                stride: (1, 2),
                padding: (2, 1),
                dilation: (2, 3),
                groups: 2,
                bias: false,
                epsilon: 0.5
            )
        )
    }

    @Test func poolings() throws {
        // A window moves by its own size where nothing else is said.
        try expectImage("kind = 'max-pool'\nkernel = [2, 3]", .maxPooling((2, 3), stride: (2, 3)))
        try expectImage(
            "kind = 'max-pool'\nkernel = [2, 3]\nstride = [1, 2]\npadding = [1, 0]\ndilation = [2, 1]",
            .maxPooling((2, 3), stride: (1, 2), padding: (1, 0), dilation: (2, 1))
        )
        try expectImage("kind = 'average-pool'\nkernel = [2, 3]", .averagePooling((2, 3), stride: (2, 3)))
        try expectImage(
            "kind = 'average-pool'\nkernel = [2, 3]\nstride = 2\npadding = [0, 1]\ncounts-padding = false",
            .averagePooling((2, 3), stride: (2, 2), padding: (0, 1), countsPadding: false)
        )
        try expectImage("kind = 'adaptive-average-pool'\nsize = 1", .adaptiveAveragePooling(height: 1, width: 1))
        try expectImage("kind = 'adaptive-average-pool'\nsize = [4, 3]", .adaptiveAveragePooling(height: 4, width: 3))
    }

    @Test func normalisations() throws {
        try expectImage("kind = 'group-norm'\ngroups = 2", .groupNorm(2))
        try expectImage(
            "kind = 'group-norm'\ngroups = 4\nepsilon = 0.5\naffine = false",
            .groupNorm(4, epsilon: 0.5, affine: false)
        )
        try expectImage("kind = 'layer-norm'\naxes = 3", .layerNorm(axes: 3))
        try expectImage("kind = 'rms-norm'\naxes = 2", .rmsNorm(axes: 2))
        try expectTokens("kind = 'layer-norm'", .layerNorm())
        try expectTokens("kind = 'layer-norm', epsilon = 1, bias = false", .layerNorm(epsilon: 1, bias: false))
        try expectTokens("kind = 'layer-norm', affine = false", .layerNorm(affine: false))
        try expectTokens("kind = 'rms-norm'", .rmsNorm())
        try expectTokens("kind = 'rms-norm', epsilon = 0.25, affine = false", .rmsNorm(epsilon: 0.25, affine: false))
    }

    @Test func activations() throws {
        let kinds: [(String, Layer)] = [
            ("relu", .relu), ("tanh", .tanh), ("sigmoid", .sigmoid), ("gelu", .gelu),
            ("gelu-tanh", .geluTanh),
            ("silu", .silu),
        ]
        for (kind, layer) in kinds { try expectImage("kind = '\(kind)'", layer) }
    }

    @Test func sequences() throws {
        try expectTokens("kind = 'attention', heads = 2", .attention(heads: 2))
        try expectTokens("kind = 'attention', heads = 4, causal = true", .attention(heads: 4, causal: true))
        try expectTokens(
            "kind = 'attention', heads = 2, bias = false, naming = 'timm'",
            .attention(heads: 2, bias: false, naming: .timm)
        )
        try expectTokens("kind = 'lstm', outputs = 7, bias = false", .lstm(7, bias: false))
        try expectTokens("kind = 'gru', outputs = 7, bias = false", .gru(7, bias: false))
        try expectTokens("kind = 'lstm', outputs = 7", .lstm(7), .lastPlace, endKind: "last-place")
        try expectTokens("kind = 'gru', outputs = 7", .gru(7), .lastPlace, endKind: "last-place")
        try expectTokens("kind = 'dropout', rate = 0.5", .dropout(0.5))
        try expectTokens("kind = 'dropout', rate = 0", .dropout(0))
        let text = "input = [2]\nclasses = 2\nlayer = [{kind = 'dropout', rate = 0.25}, {kind = 'linear', outputs = 2}]"
        #expect((try model(text).nodes[0].operation as? Dropout)?.rate == 0.25)
    }

    @Test func embeddings() throws {
        let text = """
            input = [6]
            classes = 2
            layer = [
                { kind = "embedding", vocabulary = 5, outputs = 4, padding-index = 3 },
                { kind = "last-place" },
                { kind = "linear", outputs = 2 },
            ]
            """
        let layers: [Layer] = [.embedding(5, 4, padding: 3), .lastPlace, .linear(2)]
        expectSame(try model(text), try Network(name: "model", input: Shape([6]), classes: 2, layers: layers))
    }

    @Test func layersInsideOfLayers() throws {
        let text = """
            input = [2, 6, 6]
            classes = 3
            [[layer]]
            kind = "residual"
            name = "block"
            [[layer.layers]]
            kind = "conv2d"
            outputs = 4
            kernel = 3
            padding = 1
            [[layer.layers]]
            kind = "sequence"
            [[layer.layers.layers]]
            kind = "tanh"
            [[layer.layers.layers]]
            kind = "conv2d"
            name = "last"
            outputs = 4
            kernel = 1
            [[layer.shortcut]]
            kind = "conv2d"
            outputs = 4
            kernel = 1
            [[layer]]
            kind = "residual"
            [[layer.layers]]
            kind = "relu"
            [[layer]]
            kind = "flatten"
            [[layer]]
            kind = "linear"
            outputs = 3
            """
        let block = Layer.residual(
            [
                .convolution(4, kernel: 3, padding: 1),
                .sequence([.tanh, .convolution(4, kernel: 1).named("last")]),
            ],
            shortcut: [.convolution(4, kernel: 1)]
        )
        let expected = try Network(
            name: "model",
            input: Shape([2, 6, 6]),
            classes: 3,
            layers: [block.named("block"), .residual([.relu]), .flatten, .linear(3)]
        )
        let made = try model(text)
        expectSame(made, expected)
        #expect(
            made.layout.slices.map(\.name) == [
                "block.0.weight", "block.0.bias", "block.1.last.weight", "block.1.last.bias", "block.shortcut.0.weight",
                "block.shortcut.0.bias", "3.weight", "3.bias",
            ]
        )
    }
}
