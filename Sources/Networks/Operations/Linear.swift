// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// y = W x + b over the last dimension: PyTorch's `Linear`, weight [out, in].
package struct Linear: Operation {
    package let kind = "Linear"
    package let inputs: [Shape]
    package let output: Shape
    package let parameters: [OperationParameter]
    private let forwardProduct: RowProduct
    private let backwardProduct: RowProduct

    /// - Parameters:
    ///   - input: any rank, row-major.
    ///   - outputs: at least 1.
    ///   - roles: the parameters' names.
    ///   - weightStart, biasStart: how they start; PyTorch's way where nil, both uniform in ±1/√in.
    package init(
        input: Shape,
        outputs: Int,
        hasBias: Bool = true,
        roles: (weight: String, bias: String) = ("weight", "bias"),
        weightStart: OperationParameter.Start? = nil,
        biasStart: OperationParameter.Start? = nil
    ) throws(OperationError) {
        let features = input.features
        guard outputs >= 1, outputs <= Int(Int32.max) / features, outputs <= Int(Int32.max) / input.places else {
            throw OperationError(
                reason: "\(outputs) outputs; there must be at least one, and a weight and output below 2^31"
            )
        }
        inputs = [input]
        output = Shape(input.dimensions.dropLast() + [outputs])
        let start = OperationParameter.Start.uniform(bound: 1 / Float(features).squareRoot())
        let shape = Shape([outputs, features])
        let weight = OperationParameter(role: roles.weight, shape: shape, start: weightStart ?? start)
        let bias = OperationParameter(role: roles.bias, shape: Shape([outputs]), start: biasStart ?? start)
        parameters = hasBias ? [weight, bias] : [weight]
        forwardProduct = RowProduct(inner: features, columns: outputs, isTransposed: true)
        backwardProduct = RowProduct(inner: outputs, columns: features, isTransposed: false)
    }

    private var features: Int { input.features }
    private var width: Int { output.features }
    private var hasBias: Bool { parameters.count == 2 }

    package var gradientNeeds: Needs { .input }

    package func scratchCount(capacity: Int, arithmetic: ProductArithmetic) -> Int {
        max(forwardProduct.scratchCount, backwardProduct.scratchCount, width)
    }

    private func weight(_ tile: Tile, _ parameters: Buffer<Float>) -> MatrixView {
        MatrixView(parameters, offset: tile.parameterOffset, rows: width, columns: features)
    }

    private func bias(_ tile: Tile) -> Range<Int> {
        let start = tile.parameterOffset + width * features
        return start..<start + width
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        forwardProduct.multiply(
            tile.input.matrix(columns: features),
            weight(tile, parameters),
            into: tile.output.matrix(columns: width),
            rows: tile.examples * input.places,
            scratch: tile.scratch,
            scratchOffset: tile.scratchOffset,
            arithmetic: tile.arithmetic
        )
        guard hasBias else { return }
        parameters.read(bias(tile)) { bias in
            tile.output.buffer.write(tile.output.range(0..<tile.examples)) { y in
                Elementwise.addColumnBias(
                    bias,
                    to: &y,
                    rows: tile.examples * input.places,
                    columns: width,
                    stride: width
                )
            }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        backwardProduct.multiply(
            tile.given.matrix(columns: width),
            weight(tile, parameters),
            into: tile.inputGradient.matrix(columns: features),
            rows: tile.examples * input.places,
            scratch: tile.scratch,
            scratchOffset: tile.scratchOffset,
            arithmetic: tile.arithmetic
        )
    }

    package var products: [WeightProduct] {
        [WeightProduct(parameter: 0, rows: width, columns: features, places: input.places)]
    }

    package func operands(_ product: Int, group: Int, examples: Range<Int>, _ tile: Tile) -> WeightOperands {
        WeightOperands(
            errors: tile.given.matrix(columns: width, examples: examples),
            inputs: tile.input.matrix(columns: features, examples: examples)
        )
    }

    package var hasDirectGradient: Bool { hasBias }

    package func visitDirectGradient(
        example: Int,
        _ tile: Tile,
        parameters: Buffer<Float>,
        _ visit: (Int, Span<Float>) -> Void
    ) {
        guard hasBias else { return }
        tile.visitBias(tile.given, example: example, columns: width, at: bias(tile).lowerBound, visit)
    }
}

extension Tile {
    /// The gradient of a bias: the sum of one example's errors over all places, by way of the scratch.
    func visitBias(
        _ errors: TileValue,
        example: Int,
        columns: Int,
        at offset: Int,
        _ visit: (Int, Span<Float>) -> Void
    ) {
        errors.buffer.read(errors.range(example)) { errors in
            guard errors.count > columns else {
                visit(offset, errors)
                return
            }
            scratch.write(scratchOffset..<scratchOffset + columns) { sums in
                Reductions.columnSums(errors, rows: errors.count / columns, columns: columns, into: &sums)
            }
            scratch.read(scratchOffset..<scratchOffset + columns) { visit(offset, $0) }
        }
    }
}

extension Layer {
    /// A linear layer of `outputs` outputs, over the last dimension.
    package static func linear(_ outputs: Int, bias: Bool = true) -> Layer {
        Layer(kind: "Linear", order: .rowMajor) { input throws(OperationError) in
            try Linear(input: input, outputs: outputs, hasBias: bias)
        }
    }
}
