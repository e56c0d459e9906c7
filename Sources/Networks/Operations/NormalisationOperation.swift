// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// Normalisation within one example: PyTorch's `LayerNorm`, `RMSNorm` and `GroupNorm`.
///
/// What would normalise over several examples has no gradient of one example, so there is no batch normalisation.
package struct NormalisationOperation: Operation {
    package let kind: String
    package let inputs: [Shape]
    package var output: Shape { input }
    package let parameters: [OperationParameter]
    let kernel: Normalisation

    /// - Parameters:
    ///   - shape: of the weight, in PyTorch's order.
    ///   - storage: the order of its dimensions in memory; nil for PyTorch's.
    private init(
        _ kind: String,
        input: Shape,
        kernel: Normalisation,
        shape: [Int],
        storage: [Int]? = nil,
        hasWeight: Bool,
        hasBias: Bool
    ) {
        self.kind = kind
        inputs = [input]
        self.kernel = kernel
        let weight = OperationParameter(role: "weight", shape: Shape(shape), storage: storage, start: .constant(1))
        let bias = OperationParameter(role: "bias", shape: Shape(shape), storage: storage, start: .constant(0))
        parameters = hasWeight ? (hasBias ? [weight, bias] : [weight]) : []
    }

    /// Normalises the last `axes` dimensions together.
    ///
    /// - Parameter isCentred: whether the mean is subtracted (LayerNorm) or not (RMSNorm).
    init(
        input: Shape,
        axes: Int,
        isCentred: Bool,
        epsilon: Double,
        hasWeight: Bool,
        hasBias: Bool
    ) throws(OperationError) {
        guard (1...input.dimensions.count).contains(axes) else {
            throw OperationError(reason: "it normalises \(axes) dimensions; there are \(input.dimensions.count)")
        }
        try Self.check(epsilon)
        let shape = Array(input.dimensions.suffix(axes))
        let columns = shape.reduce(1, *)
        self.init(
            isCentred ? "LayerNorm" : "RMSNorm",
            input: input,
            kernel: Normalisation(
                .rows,
                rows: input.count / columns,
                columns: columns,
                isCentred: isCentred,
                epsilon: epsilon
            ),
            shape: shape,
            storage: input.isChannelsLast ? [1, 2, 0] : nil,
            hasWeight: hasWeight,
            hasBias: hasBias
        )
    }

    /// Normalises every one of `groups` blocks of channels; channels are the first dimension.
    init(input: Shape, groups: Int, epsilon: Double, isAffine: Bool) throws(OperationError) {
        guard let channels = input.dimensions.first, groups >= 1, channels % groups == 0 else {
            let channels = input.dimensions.first ?? 0
            throw OperationError(reason: "\(channels) channels cannot be divided into \(groups) groups")
        }
        try Self.check(epsilon)
        let pixels = input.count / channels
        let isLast = input.isChannelsLast || pixels == 1
        self.init(
            "GroupNorm",
            input: input,
            kernel: Normalisation(
                isLast ? .columnGroups(groups) : .rowGroups(groups),
                rows: isLast ? pixels : channels,
                columns: isLast ? channels : pixels,
                epsilon: epsilon
            ),
            shape: [channels],
            hasWeight: isAffine,
            hasBias: isAffine
        )
    }

    static func check(_ epsilon: Double) throws(OperationError) {
        guard epsilon >= 1e-30, epsilon <= 1 else {
            throw OperationError(reason: "an epsilon of \(epsilon); it must be in 1e-30...1")
        }
    }

    package var stateCount: Int { kernel.stateCount }
    package var backwardNeeds: Needs { [.input, .state] }
    package var gradientNeeds: Needs { [.input, .state] }

    /// Beside what the kernel needs: the weights and biases that are no parameters, or the gradients of those that are.
    package func scratchCount(capacity: Int, arithmetic: ProductArithmetic) -> Int {
        max(kernel.scratchCount + constantCount, parameters.isEmpty ? 0 : 2 * kernel.weightCount)
    }

    /// The weights of one and the biases of zero that are no parameters.
    private var constantCount: Int { (2 - parameters.count) * kernel.weightCount }

    /// Lends the weight (index 0) or the bias (1), from the parameters or as constants in the scratch, behind the kernel's.
    private func read<Result>(
        _ index: Int,
        _ tile: Tile,
        _ parameters: Buffer<Float>,
        _ body: (Span<Float>) -> Result
    ) -> Result {
        let count = kernel.weightCount
        guard index >= self.parameters.count else {
            let start = tile.parameterOffset + index * count
            return parameters.read(start..<start + count, body)
        }
        let start = tile.scratchOffset + kernel.scratchCount + (index - self.parameters.count) * count
        tile.scratch.write(start..<start + count) { constants in
            for place in constants.indices { constants[place] = index == 0 ? 1 : 0 }
        }
        return tile.scratch.read(start..<start + count, body)
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        read(0, tile, parameters) { weight in
            read(1, tile, parameters) { bias in
                for example in 0..<tile.examples {
                    tile.input.buffer.read(tile.input.range(example)) { x in
                        tile.output.buffer.write(tile.output.range(example)) { y in
                            tile.state.buffer.write(tile.state.range(example)) { state in
                                kernel.apply(x, weight: weight, bias: bias, into: &y, state: &state)
                            }
                        }
                    }
                }
            }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        read(0, tile, parameters) { weight in
            for example in 0..<tile.examples {
                lend(tile, example) { x, state, given in
                    tile.inputGradient.buffer.write(tile.inputGradient.range(example)) { result in
                        let scratch = tile.scratchOffset..<tile.scratchOffset + kernel.scratchCount
                        tile.scratch.write(scratch) { scratch in
                            kernel.backward(
                                x,
                                state: state,
                                outputGradient: given,
                                weight: weight,
                                into: &result,
                                scratch: &scratch
                            )
                        }
                    }
                }
            }
        }
    }

    /// Lends one example's input, state and output gradient.
    private func lend(_ tile: Tile, _ example: Int, _ body: (Span<Float>, Span<Float>, Span<Float>) -> Void) {
        tile.input.buffer.read(tile.input.range(example)) { x in
            tile.state.buffer.read(tile.state.range(example)) { state in
                tile.given.buffer.read(tile.given.range(example)) { given in body(x, state, given) }
            }
        }
    }

    package var hasDirectGradient: Bool { !parameters.isEmpty }

    package func visitDirectGradient(
        example: Int,
        _ tile: Tile,
        parameters: Buffer<Float>,
        _ visit: (Int, Span<Float>) -> Void
    ) {
        guard hasDirectGradient else { return }
        let start = tile.scratchOffset
        lend(tile, example) { x, state, given in
            tile.scratch.write(start..<start + 2 * kernel.weightCount) {
                kernel.parameterGradient(x, state: state, outputGradient: given, into: &$0)
            }
        }
        let count = self.parameters.count * kernel.weightCount
        tile.scratch.read(start..<start + count) { visit(tile.parameterOffset, $0) }
    }
}

extension Layer {
    /// Layer normalisation over the last `axes` dimensions; all three of an image may lie channels-last.
    ///
    /// - Parameters:
    ///   - affine: whether there is a weight, PyTorch's `elementwise_affine`.
    ///   - bias: whether there is a bias beside the weight.
    package static func layerNorm(
        axes: Int = 1,
        epsilon: Double = 1e-5,
        affine: Bool = true,
        bias: Bool = true
    ) -> Layer {
        Layer(kind: "LayerNorm", order: axes == 3 ? .any : .rowMajor) { input throws(OperationError) in
            try NormalisationOperation(
                input: input,
                axes: axes,
                isCentred: true,
                epsilon: epsilon,
                hasWeight: affine,
                hasBias: bias
            )
        }
    }

    /// Division by the root of the mean square over the last `axes` dimensions (Zhang and Sennrich, "Root Mean Square
    /// Layer Normalization", NeurIPS 2019); the default epsilon is PyTorch's for float32.
    package static func rmsNorm(axes: Int = 1, epsilon: Double = 0x1p-23, affine: Bool = true) -> Layer {
        Layer(kind: "RMSNorm", order: axes == 3 ? .any : .rowMajor) { input throws(OperationError) in
            try NormalisationOperation(
                input: input,
                axes: axes,
                isCentred: false,
                epsilon: epsilon,
                hasWeight: affine,
                hasBias: false
            )
        }
    }

    /// Normalisation of blocks of channels (Wu and He, "Group Normalization", ECCV 2018); channels are the first dimension.
    package static func groupNorm(_ groups: Int, epsilon: Double = 1e-5, affine: Bool = true) -> Layer {
        Layer(kind: "GroupNorm") { input throws(OperationError) in
            try NormalisationOperation(input: input, groups: groups, epsilon: epsilon, isAffine: affine)
        }
    }
}
