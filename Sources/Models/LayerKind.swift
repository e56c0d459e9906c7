// SPDX-License-Identifier: Apache-2.0

internal import TOML

/// The kinds of layers that a model file may name.
package enum LayerKind: String, CaseIterable, Sendable {
    case linear
    case conv2d
    case standardisedConv2d = "standardised-conv2d"
    case embedding
    case layerNorm = "layer-norm"
    case rmsNorm = "rms-norm"
    case groupNorm = "group-norm"
    case attention
    case lstm
    case gru
    case maxPool = "max-pool"
    case averagePool = "average-pool"
    case adaptiveAveragePool = "adaptive-average-pool"
    case relu
    case tanh
    case sigmoid
    case gelu
    case geluTanh = "gelu-tanh"
    case silu
    case dropout
    case residual
    case sequence
    case flatten
    case meanOverPlaces = "mean-over-places"
    case lastPlace = "last-place"

    /// The keys that a layer of this kind may have beside `kind` and `name`.
    package var keys: [String] {
        switch self {
        case .linear: ["outputs", "bias"]
        case .conv2d: ["outputs", "kernel", "stride", "padding", "dilation", "groups", "bias"]
        case .standardisedConv2d: ["outputs", "kernel", "stride", "padding", "dilation", "groups", "bias", "epsilon"]
        case .embedding: ["vocabulary", "outputs", "padding-index"]
        case .layerNorm: ["axes", "epsilon", "affine", "bias"]
        case .rmsNorm: ["axes", "epsilon", "affine"]
        case .groupNorm: ["groups", "epsilon", "affine"]
        case .attention: ["heads", "causal", "bias", "naming"]
        case .lstm, .gru: ["outputs", "bias"]
        case .maxPool: ["kernel", "stride", "padding", "dilation"]
        case .averagePool: ["kernel", "stride", "padding", "counts-padding"]
        case .adaptiveAveragePool: ["size"]
        case .dropout: ["rate"]
        case .residual: ["layers", "shortcut"]
        case .sequence: ["layers"]
        case .relu, .tanh, .sigmoid, .gelu, .geluTanh, .silu, .flatten, .meanOverPlaces, .lastPlace: []
        }
    }

    /// The kind that a table names.
    init(_ table: ModelTable) throws(ModelError) {
        let known = Self.allCases.map(\.rawValue)
        let name = try table.string("kind", "one of \(known.joined(separator: ", "))")
        if let kind = Self(rawValue: name) {
            self = kind
            return
        }
        if let refusal = LayerAdvice.refusal(kind: name) {
            throw table.error("kind \(Wording.quoted(name)): \(refusal)")
        }
        let nearest = Wording.nearest(to: name, of: known).map { "; did you mean \($0)?" } ?? ";"
        throw table.error(
            "there is no kind \(Wording.quoted(name))\(nearest) known are \(known.joined(separator: ", "))"
        )
    }
}
