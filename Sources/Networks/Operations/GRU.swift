// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// A gated recurrent unit over [places, features], from a state of zeros to all states, [places, hidden]: PyTorch's `GRU`
/// with `batch_first`, one layer, one direction.
///
/// Weights are [3 · hidden, ...] with the gates r, z, n; n = tanh(input's part + r · state's part), as in PyTorch, so that
/// the errors of the two parts of n differ by the factor r.
package struct GRU: Operation {
    package let kind = "GRU"
    package let inputs: [Shape]
    package let output: Shape
    private let recurrence: Recurrence

    /// - Parameters:
    ///   - input: [places, features].
    ///   - hidden: at least 1.
    package init(input: Shape, hidden: Int, hasBias: Bool = true) throws(OperationError) {
        recurrence = try Recurrence(input: input, hidden: hidden, gates: 3, hasBias: hasBias)
        inputs = [input]
        output = Shape([input.places, hidden])
    }

    package var parameters: [OperationParameter] { recurrence.parameters }

    private var places: Int { recurrence.places }
    private var hidden: Int { recurrence.hidden }
    private var width: Int { recurrence.gateWidth }

    /// Gates and the state's part of n, which become their errors.
    package var stateCount: Int { places * (width + hidden) }
    package var backwardNeeds: Needs { [.output, .state] }
    package var gradientNeeds: Needs { [.input, .output, .state] }
    package var gradientFollowsBackward: Bool { true }

    private func gates(_ tile: Tile) -> TileValue { tile.state.part(0..<places * width) }
    private func inner(_ tile: Tile) -> TileValue { tile.state.part(places * width..<stateCount) }

    package func scratchCount(capacity: Int, arithmetic: ProductArithmetic) -> Int {
        let forward = capacity * width + recurrence.productScratchCount
        let backward = capacity * (2 * hidden + width)
        return max(forward, backward, operandExamples(1, capacity: capacity) * places * (width + hidden))
    }

    private func place(_ place: Int, _ tile: Tile) -> GRUPlace {
        GRUPlace(
            examples: tile.examples,
            gates: gates(tile).place(place, columns: width),
            inner: inner(tile).place(place, columns: hidden),
            previousStates: place > 0 ? tile.output.place(place - 1, columns: hidden) : nil
        )
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        let products = MatrixView(
            tile.scratch,
            offset: tile.scratchOffset,
            rows: tile.state.capacity,
            columns: width
        )
        let scratch = products.extent.upperBound
        let bias = recurrence.bias(tile, parameters)
        recurrence.multiplyInput(tile, parameters, into: gates(tile), scratch: scratch)
        let weight = recurrence.preparedStateWeight(tile, parameters, scratch: scratch)
        for index in 0..<places {
            if index > 0 {
                let states = tile.output.place(index - 1, columns: hidden)
                recurrence.multiplyStates(tile, states, preparedWeight: weight, into: products)
            }
            place(index, tile).forward(
                products: index > 0 ? products : nil,
                bias: bias,
                states: tile.output.place(index, columns: hidden)
            )
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        let capacity = tile.state.capacity
        let (start, count) = (tile.scratchOffset, capacity * hidden)
        let carry = MatrixView(tile.scratch, offset: start, rows: capacity, columns: hidden)
        let products = MatrixView(tile.scratch, offset: start + count, rows: capacity, columns: hidden)
        let errors = MatrixView(tile.scratch, offset: start + 2 * count, rows: capacity, columns: width)
        carry.clear()
        products.clear()
        for index in (0..<places).reversed() {
            place(index, tile).backward(
                given: tile.given.place(index, columns: hidden),
                products: products,
                carry: carry,
                errors: errors
            )
            guard index > 0 else { break }
            recurrence.multiplyStatesBackward(tile, parameters, errors: errors, into: products)
        }
        recurrence.multiplyInputBackward(tile, parameters, errors: gates(tile))
    }

    package var products: [WeightProduct] { recurrence.products }

    package func operandExamples(_ product: Int, capacity: Int) -> Int {
        product == 0 ? capacity : Recurrence.operandExamples(count: places * (width + hidden), capacity: capacity)
    }

    package func operands(_ product: Int, group: Int, examples: Range<Int>, _ tile: Tile) -> WeightOperands {
        let errors = gates(tile).matrix(columns: width, examples: examples)
        guard product == 1 else {
            return WeightOperands(
                errors: errors,
                inputs: tile.input.matrix(columns: recurrence.input.features, examples: examples)
            )
        }
        let copy = MatrixView(tile.scratch, offset: tile.scratchOffset, rows: errors.rows, columns: width)
        let shared = 0..<2 * hidden
        copy.columns(shared).assign(errors.columns(shared))
        copy.columns(shared.upperBound..<width)
            .assign(inner(tile).matrix(columns: hidden, examples: examples))
        return WeightOperands(
            errors: copy,
            inputs: recurrence.previousStates(examples, tile, at: copy.extent.upperBound)
        )
    }

    package var hasDirectGradient: Bool { recurrence.hasBias }

    /// The two biases' gradients differ in the part of n.
    package func visitDirectGradient(
        example: Int,
        _ tile: Tile,
        parameters: Buffer<Float>,
        _ visit: (Int, Span<Float>) -> Void
    ) {
        guard recurrence.hasBias else { return }
        let offset = recurrence.biasOffset(tile)
        let sums = tile.scratchOffset..<tile.scratchOffset + width
        let (gates, inner) = (gates(tile), inner(tile))
        gates.buffer.read(gates.range(example)) { errors in
            tile.scratch.write(sums) { Reductions.columnSums(errors, rows: places, columns: width, into: &$0) }
        }
        tile.scratch.read(sums) { visit(offset, $0) }
        inner.buffer.read(inner.range(example)) { errors in
            tile.scratch.write(sums.upperBound - hidden..<sums.upperBound) {
                Reductions.columnSums(errors, rows: places, columns: hidden, into: &$0)
            }
        }
        tile.scratch.read(sums) { visit(offset + width, $0) }
    }
}

extension Layer {
    /// A GRU with states of `hidden` over [places, features].
    package static func gru(_ hidden: Int, bias: Bool = true) -> Layer {
        Layer(kind: "GRU") { input throws(OperationError) in
            try GRU(input: input, hidden: hidden, hasBias: bias)
        }
    }
}
