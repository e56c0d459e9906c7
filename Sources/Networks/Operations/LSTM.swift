// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// A long short-term memory over [places, features], from a state of zeros to all states, [places, hidden]: PyTorch's
/// `LSTM` with `batch_first`, one layer, one direction.
///
/// Weights are [4 · hidden, ...] with the gates i, f, g, o. Their per-example gradients are products over places of the
/// gates' errors with the inputs and with the states before, like those of a linear layer.
package struct LSTM: Operation {
    package let kind = "LSTM"
    package let inputs: [Shape]
    package let output: Shape
    private let recurrence: Recurrence

    /// - Parameters:
    ///   - input: [places, features].
    ///   - hidden: at least 1.
    package init(input: Shape, hidden: Int, hasBias: Bool = true) throws(OperationError) {
        recurrence = try Recurrence(input: input, hidden: hidden, gates: 4, hasBias: hasBias)
        inputs = [input]
        output = Shape([input.places, hidden])
    }

    package var parameters: [OperationParameter] { recurrence.parameters }

    private var places: Int { recurrence.places }
    private var hidden: Int { recurrence.hidden }
    private var width: Int { recurrence.gateWidth }

    /// Gates, which become their errors, and cells.
    package var stateCount: Int { places * (width + hidden) }
    package var backwardNeeds: Needs { .state }
    package var gradientNeeds: Needs { [.input, .output, .state] }
    package var gradientFollowsBackward: Bool { true }

    private func gates(_ tile: Tile) -> TileValue { tile.state.part(0..<places * width) }
    private func cells(_ tile: Tile) -> TileValue { tile.state.part(places * width..<stateCount) }

    package func scratchCount(capacity: Int, arithmetic: ProductArithmetic) -> Int {
        let forward = capacity * width + recurrence.productScratchCount
        let backward = (2 * capacity + 1) * hidden
        let operands = operandExamples(1, capacity: capacity) * places * hidden
        return max(forward, backward, operands)
    }

    private func place(_ place: Int, _ tile: Tile) -> LSTMPlace {
        let cells = cells(tile)
        return LSTMPlace(
            examples: tile.examples,
            gates: gates(tile).place(place, columns: width),
            cells: cells.place(place, columns: hidden),
            previousCells: place > 0 ? cells.place(place - 1, columns: hidden) : nil
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
        let row = MatrixView(tile.scratch, offset: start + 2 * count, rows: 1, columns: hidden)
        carry.clear()
        products.clear()
        let gates = gates(tile)
        for index in (0..<places).reversed() {
            place(index, tile).backward(
                given: tile.given.place(index, columns: hidden),
                products: products,
                carry: carry,
                row: row
            )
            guard index > 0 else { break }
            let errors = gates.place(index, columns: width)
            recurrence.multiplyStatesBackward(tile, parameters, errors: errors, into: products)
        }
        recurrence.multiplyInputBackward(tile, parameters, errors: gates)
    }

    package var products: [WeightProduct] { recurrence.products }

    package func operandExamples(_ product: Int, capacity: Int) -> Int {
        product == 0 ? capacity : Recurrence.operandExamples(count: places * hidden, capacity: capacity)
    }

    package func operands(_ product: Int, group: Int, examples: Range<Int>, _ tile: Tile) -> WeightOperands {
        WeightOperands(
            errors: gates(tile).matrix(columns: width, examples: examples),
            inputs: product == 0
                ? tile.input.matrix(columns: recurrence.input.features, examples: examples)
                : recurrence.previousStates(examples, tile, at: tile.scratchOffset)
        )
    }

    package var hasDirectGradient: Bool { recurrence.hasBias }

    /// Both biases have the same gradient.
    package func visitDirectGradient(
        example: Int,
        _ tile: Tile,
        parameters: Buffer<Float>,
        _ visit: (Int, Span<Float>) -> Void
    ) {
        guard recurrence.hasBias else { return }
        tile.visitBias(gates(tile), example: example, columns: width, at: recurrence.biasOffset(tile)) { offset, sums in
            visit(offset, sums)
            visit(offset + width, sums)
        }
    }
}

extension Layer {
    /// An LSTM with states of `hidden` over [places, features].
    package static func lstm(_ hidden: Int, bias: Bool = true) -> Layer {
        Layer(kind: "LSTM") { input throws(OperationError) in
            try LSTM(input: input, hidden: hidden, hasBias: bias)
        }
    }
}
