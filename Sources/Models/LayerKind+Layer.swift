// SPDX-License-Identifier: Apache-2.0

internal import Networks
internal import TOML

extension LayerKind {
    /// The layer that a table describes, of any kind that has no layers inside.
    ///
    /// Whether it fits its input is for Networks to say.
    func layer(_ table: ModelTable) throws(ModelError) -> Layer {
        switch self {
        case .linear:
            return .linear(
                try table.integer("outputs", Range.extent),
                bias: try table.boolean("bias", default: true)
            )
        case .conv2d: return try convolution(table)
        case .standardisedConv2d: return try standardisedConvolution(table)
        case .embedding: return try embedding(table)
        case .layerNorm:
            return .layerNorm(
                axes: try axes(table),
                epsilon: try epsilon(table),
                affine: try table.boolean("affine", default: true),
                bias: try table.boolean("bias", default: true)
            )
        case .rmsNorm:
            return .rmsNorm(
                axes: try axes(table),
                // PyTorch: the distance of 1 to the next float.
                epsilon: try epsilon(table, default: 0x1p-23),
                affine: try table.boolean("affine", default: true)
            )
        case .groupNorm:
            return .groupNorm(
                try table.integer("groups", Range.extent),
                epsilon: try epsilon(table),
                affine: try table.boolean("affine", default: true)
            )
        case .attention: return try attention(table)
        case .lstm:
            return .lstm(try table.integer("outputs", Range.extent), bias: try table.boolean("bias", default: true))
        case .gru:
            return .gru(try table.integer("outputs", Range.extent), bias: try table.boolean("bias", default: true))
        case .maxPool: return try maxPooling(table)
        case .averagePool: return try averagePooling(table)
        case .adaptiveAveragePool:
            let (height, width) = try table.pair("size", Range.extent)
            return .adaptiveAveragePooling(height: height, width: width)
        case .relu: return .relu
        case .tanh: return .tanh
        case .sigmoid: return .sigmoid
        case .gelu: return .gelu
        case .geluTanh: return .geluTanh
        case .silu: return .silu
        case .dropout:
            return .dropout(try table.number("rate", "a number from 0 to below 1") { 0 <= $0 && $0 < 1 })
        case .flatten: return .flatten
        case .meanOverPlaces: return .meanOverPlaces
        case .lastPlace: return .lastPlace
        case .residual, .sequence: preconditionFailure("layers inside of layers are read by LayerReader")
        }
    }

    /// What a key's whole number may be.
    private enum Range {
        static let extent = 1...ModelTable.mostElements
        /// Tokens are floats, which hold whole numbers up to here.
        static let vocabulary = 1...1 << 24
        static let step = 1...1 << 15
        static let padding = 0...1 << 15
    }

    private func convolution(_ table: ModelTable) throws(ModelError) -> Layer {
        .convolution(
            try table.integer("outputs", Range.extent),
            kernel: try table.pair("kernel", Range.step),
            stride: try table.pair("stride", Range.step, default: (1, 1)),
            padding: try table.pair("padding", Range.padding, default: (0, 0)),
            dilation: try table.pair("dilation", Range.step, default: (1, 1)),
            groups: try table.integer("groups", Range.extent, default: 1),
            bias: try table.boolean("bias", default: true)
        )
    }

    private func standardisedConvolution(_ table: ModelTable) throws(ModelError) -> Layer {
        .standardisedConvolution(
            try table.integer("outputs", Range.extent),
            kernel: try table.pair("kernel", Range.step),
            stride: try table.pair("stride", Range.step, default: (1, 1)),
            padding: try table.pair("padding", Range.padding, default: (0, 0)),
            dilation: try table.pair("dilation", Range.step, default: (1, 1)),
            groups: try table.integer("groups", Range.extent, default: 1),
            bias: try table.boolean("bias", default: true),
            epsilon: try epsilon(table, default: 1e-6)
        )
    }

    private func embedding(_ table: ModelTable) throws(ModelError) -> Layer {
        let vocabulary = try table.integer("vocabulary", Range.vocabulary)
        let padding = table.has("padding-index") ? try table.integer("padding-index", 0...vocabulary - 1) : nil
        return .embedding(vocabulary, try table.integer("outputs", Range.extent), padding: padding)
    }

    private func attention(_ table: ModelTable) throws(ModelError) -> Layer {
        let rule = "one of " + AttentionNaming.allCases.map(\.rawValue).joined(separator: ", ")
        let word = try table.string("naming", rule, default: AttentionNaming.pytorch.rawValue)
        guard let naming = AttentionNaming(rawValue: word) else {
            throw table.error("naming is \(Wording.quoted(word)), but must be \(rule)")
        }
        return .attention(
            heads: try table.integer("heads", Range.extent),
            causal: try table.boolean("causal", default: false),
            bias: try table.boolean("bias", default: true),
            naming: naming
        )
    }

    private func maxPooling(_ table: ModelTable) throws(ModelError) -> Layer {
        let kernel = try table.pair("kernel", Range.step)
        return .maxPooling(
            kernel,
            stride: try table.pair("stride", Range.step, default: kernel),
            padding: try table.pair("padding", Range.padding, default: (0, 0)),
            dilation: try table.pair("dilation", Range.step, default: (1, 1))
        )
    }

    private func averagePooling(_ table: ModelTable) throws(ModelError) -> Layer {
        let kernel = try table.pair("kernel", Range.step)
        return .averagePooling(
            kernel,
            stride: try table.pair("stride", Range.step, default: kernel),
            padding: try table.pair("padding", Range.padding, default: (0, 0)),
            countsPadding: try table.boolean("counts-padding", default: true)
        )
    }

    /// How many of the last extents are normalised together.
    private func axes(_ table: ModelTable) throws(ModelError) -> Int {
        try table.integer("axes", 1...3, default: 1)
    }

    /// What a normalisation adds to the variance.
    private func epsilon(_ table: ModelTable, default fallback: Double = 1e-5) throws(ModelError) -> Double {
        try table.number("epsilon", "a number from 1e-12 to 1", default: fallback) { 1e-12 <= $0 && $0 <= 1 }
    }
}
