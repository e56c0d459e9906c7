// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// Self-attention between its linear layers: softmax(Q Kᵀ / √(width / heads)) V, head by head.
///
/// The input is [places, 3 · width] with queries, keys and values side by side, each with its heads side by side; the output
/// is [places, width]. The probabilities, [heads, places, places], are kept for the backward pass.
package struct AttentionCore: Operation {
    package let kind = "Attention"
    package let inputs: [Shape]
    package let output: Shape
    private let heads: Int
    private let isCausal: Bool

    /// - Parameters:
    ///   - input: [places, 3 · width].
    ///   - heads: a divisor of the width.
    ///   - isCausal: whether a place attends to itself and those before it only.
    package init(input: Shape, heads: Int, isCausal: Bool) throws(OperationError) {
        try input.checkPlaces()
        guard input.features.isMultiple(of: 3) else { throw OperationError(reason: "it needs [places, 3 · width]") }
        let width = input.features / 3
        try Self.check(heads: heads, width: width)
        guard Shape.isPossible([heads, input.places, input.places]) else {
            throw OperationError(reason: "\(input.places) places; heads · places² must be below 2^31")
        }
        self.heads = heads
        self.isCausal = isCausal
        inputs = [input]
        output = Shape([input.places, width])
    }

    static func check(heads: Int, width: Int) throws(OperationError) {
        guard heads >= 1, width.isMultiple(of: heads) else {
            throw OperationError(reason: "\(heads) heads; they must divide the width \(width)")
        }
    }

    private var places: Int { input.places }
    private var width: Int { output.features }
    private var headWidth: Int { width / heads }
    private var scale: Float { 1 / Float(headWidth).squareRoot() }

    package var stateCount: Int { heads * places * places }
    package var backwardNeeds: Needs { [.input, .state] }
    /// One head's keys or values, turned round, and the gradient by its scores.
    package func scratchCount(capacity: Int, arithmetic: ProductArithmetic) -> Int { places * (headWidth + places) }

    /// One head's queries (0), keys (1) or values (2) of an example, [places, head width].
    private func part(_ index: Int, of value: TileValue, _ example: Int, _ head: Int) -> MatrixView {
        let start = index * width + head * headWidth
        return value.matrix(columns: 3 * width, examples: example..<example + 1).columns(start..<start + headWidth)
    }

    /// One head's part of an example's output, [places, head width].
    private func result(_ value: TileValue, _ example: Int, _ head: Int) -> MatrixView {
        let start = head * headWidth
        return value.matrix(columns: width, examples: example..<example + 1).columns(start..<start + headWidth)
    }

    /// One head's probabilities of an example, [places, places].
    private func probabilities(_ tile: Tile, _ example: Int, _ head: Int) -> MatrixView {
        let offset = tile.state.range(example).lowerBound + head * places * places
        return MatrixView(tile.state.buffer, offset: offset, rows: places, columns: places)
    }

    /// The transpose of one head's part, [head width, places], in the scratch.
    private func turned(_ part: MatrixView, _ tile: Tile) -> MatrixView {
        let view = MatrixView(tile.scratch, offset: tile.scratchOffset, rows: headWidth, columns: places)
        view.assignTransposed(part)
        return view
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            for head in 0..<heads {
                let scores = probabilities(tile, example, head)
                let keys = turned(part(1, of: tile.input, example, head), tile)
                FixedOrderProduct.multiply(
                    part(0, of: tile.input, example, head).asIs,
                    keys,
                    into: scores,
                    arithmetic: tile.arithmetic
                )
                scores.buffer.write(scores.extent) {
                    Attention.softmax(&$0, places: places, scale: scale, isCausal: isCausal)
                }
                FixedOrderProduct.multiply(
                    scores.asIs,
                    part(2, of: tile.input, example, head),
                    into: result(tile.output, example, head),
                    arithmetic: tile.arithmetic
                )
            }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        let start = tile.scratchOffset + places * headWidth
        let errors = MatrixView(tile.scratch, offset: start, rows: places, columns: places)
        for example in 0..<tile.examples {
            for head in 0..<heads {
                let probabilities = probabilities(tile, example, head)
                let given = result(tile.given, example, head)
                let gradient = tile.inputGradient
                FixedOrderProduct.multiply(
                    probabilities.transposed,
                    given,
                    into: part(2, of: gradient, example, head),
                    arithmetic: tile.arithmetic
                )
                let values = turned(part(2, of: tile.input, example, head), tile)
                FixedOrderProduct.multiply(given.asIs, values, into: errors, arithmetic: tile.arithmetic)
                probabilities.buffer.read(probabilities.extent) { probabilities in
                    errors.buffer.write(errors.extent) {
                        Attention.softmaxBackward(
                            probabilities: probabilities,
                            gradient: &$0,
                            places: places,
                            scale: scale,
                            isCausal: isCausal
                        )
                    }
                }
                FixedOrderProduct.multiply(
                    errors.asIs,
                    part(1, of: tile.input, example, head),
                    into: part(0, of: gradient, example, head),
                    arithmetic: tile.arithmetic
                )
                FixedOrderProduct.multiply(
                    errors.transposed,
                    part(0, of: tile.input, example, head),
                    into: part(1, of: gradient, example, head),
                    arithmetic: tile.arithmetic
                )
            }
        }
    }
}
