// SPDX-License-Identifier: Apache-2.0

/// How the parameters of a self-attention are named.
package enum AttentionNaming: String, Hashable, Sendable, CaseIterable {
    /// PyTorch's `MultiheadAttention`: `in_proj_weight`, `in_proj_bias`, `out_proj.weight`, `out_proj.bias`.
    case pytorch
    /// timm's `Attention`: `qkv.weight`, `qkv.bias`, `proj.weight`, `proj.bias`.
    case timm
}

extension Layer {
    /// Multi-head self-attention over [places, width]: PyTorch's `MultiheadAttention` with one input as queries, keys and
    /// values.
    ///
    /// - Parameters:
    ///   - heads: a divisor of the width.
    ///   - causal: whether a place attends to itself and those before it only.
    package static func attention(
        heads: Int,
        causal: Bool = false,
        bias: Bool = true,
        naming: AttentionNaming = .pytorch
    ) -> Layer {
        let core = Layer(kind: "MultiheadAttention") { input throws(OperationError) in
            try AttentionCore(input: input, heads: heads, isCausal: causal)
        }
        return sequence([
            attentionInput(heads: heads, bias: bias, naming), core, attentionOutput(bias: bias, naming),
        ])
    }

    /// [places, width] to [places, 3 · width].
    private static func attentionInput(heads: Int, bias: Bool, _ naming: AttentionNaming) -> Layer {
        let layer = Layer(kind: "MultiheadAttention") { input throws(OperationError) in
            try input.checkPlaces()
            let width = input.features
            try AttentionCore.check(heads: heads, width: width)
            // PyTorch: Glorot's uniform over the whole [3 · width, width], and zero.
            return try Linear(
                input: input,
                outputs: 3 * width,
                hasBias: bias,
                roles: naming == .pytorch ? ("in_proj_weight", "in_proj_bias") : ("weight", "bias"),
                weightStart: .uniform(bound: (6 / Float(4 * width)).squareRoot()),
                biasStart: .constant(0)
            )
        }
        return layer.named(naming == .pytorch ? "" : "qkv")
    }

    /// [places, width] to [places, width].
    private static func attentionOutput(bias: Bool, _ naming: AttentionNaming) -> Layer {
        let layer = Layer(kind: "MultiheadAttention") { input throws(OperationError) in
            try Linear(input: input, outputs: input.features, hasBias: bias, biasStart: .constant(0))
        }
        return layer.named(naming == .pytorch ? "out_proj" : "proj")
    }
}
