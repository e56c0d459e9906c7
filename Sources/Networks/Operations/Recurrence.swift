// SPDX-License-Identifier: Apache-2.0

internal import Kernels

/// What LSTM and GRU share: one layer, from the first place to the last, parameters as PyTorch has them, and the products
/// with the weights.
///
/// The input's products are made for all places of a tile at once; the state's place by place, for all examples at once.
struct Recurrence: Sendable {
    let input: Shape
    /// Length of a state.
    let hidden: Int
    /// Length of all gates of a place.
    let gateWidth: Int
    let parameters: [OperationParameter]
    private let inputProduct, inputBackwardProduct: RowProduct
    private let stateProduct, stateBackwardProduct: RowProduct

    /// - Parameters:
    ///   - input: [places, features].
    ///   - hidden: at least 1.
    ///   - gates: 4 for an LSTM, 3 for a GRU.
    init(input: Shape, hidden: Int, gates: Int, hasBias: Bool) throws(OperationError) {
        try input.checkPlaces()
        let features = input.features
        guard hidden >= 1, hidden <= 1 << 24, Shape.isPossible([gates * hidden, max(hidden, features)]),
            Shape.isPossible([input.places, 2 * gates, hidden])
        else {
            throw OperationError(reason: "\(hidden) hidden units; at least one, and weights and gates below 2^31")
        }
        self.input = input
        self.hidden = hidden
        let width = gates * hidden
        gateWidth = width
        // PyTorch: all uniform in ±1/√hidden.
        let start = OperationParameter.Start.uniform(bound: 1 / Float(hidden).squareRoot())
        let weights = [
            OperationParameter(role: "weight_ih_l0", shape: Shape([width, features]), start: start),
            OperationParameter(role: "weight_hh_l0", shape: Shape([width, hidden]), start: start),
        ]
        let biases = ["bias_ih_l0", "bias_hh_l0"].map {
            OperationParameter(role: $0, shape: Shape([width]), start: start)
        }
        parameters = hasBias ? weights + biases : weights
        inputProduct = RowProduct(inner: features, columns: width, isTransposed: true)
        inputBackwardProduct = RowProduct(inner: width, columns: features, isTransposed: false)
        stateProduct = RowProduct(inner: hidden, columns: width, isTransposed: true)
        stateBackwardProduct = RowProduct(inner: width, columns: hidden, isTransposed: false)
    }

    var places: Int { input.places }
    var hasBias: Bool { parameters.count == 4 }
    /// The two weights' gradients are made of [places, gateWidth] errors each.
    var products: [WeightProduct] {
        [
            WeightProduct(parameter: 0, rows: gateWidth, columns: input.features, places: places),
            WeightProduct(parameter: 1, rows: gateWidth, columns: hidden, places: places),
        ]
    }
    /// Floats of scratch that the products of the forward pass need; those of the backward pass need none.
    var productScratchCount: Int { max(inputProduct.scratchCount, stateProduct.scratchCount) }

    /// Floats that the operands of the state's weight copy, at most, where one example has no more than that: 256 KiB.
    private static let operandFloats = 1 << 16

    /// How many examples are copied for the operands of the state's weight, where each takes `count` floats.
    static func operandExamples(count: Int, capacity: Int) -> Int {
        min(capacity, max(1, operandFloats / count))
    }

    private var stateWeightOffset: Int { gateWidth * input.features }
    private var biasOffset: Int { stateWeightOffset + gateWidth * hidden }

    private func inputWeight(_ tile: Tile, _ parameters: Buffer<Float>) -> MatrixView {
        MatrixView(parameters, offset: tile.parameterOffset, rows: gateWidth, columns: input.features)
    }

    private func stateWeight(_ tile: Tile, _ parameters: Buffer<Float>) -> MatrixView {
        let offset = tile.parameterOffset + stateWeightOffset
        return MatrixView(parameters, offset: offset, rows: gateWidth, columns: hidden)
    }

    /// The biases of input and state, [2, gateWidth].
    func bias(_ tile: Tile, _ parameters: Buffer<Float>) -> MatrixView? {
        guard hasBias else { return nil }
        return MatrixView(parameters, offset: biasOffset(tile), rows: 2, columns: gateWidth)
    }

    /// Where the biases begin in the flat vector.
    func biasOffset(_ tile: Tile) -> Int { tile.parameterOffset + biasOffset }

    /// gates = input · input weightᵀ, at all places.
    func multiplyInput(_ tile: Tile, _ parameters: Buffer<Float>, into gates: TileValue, scratch: Int) {
        inputProduct.multiply(
            tile.input.matrix(columns: input.features),
            inputWeight(tile, parameters),
            into: gates.matrix(columns: gateWidth),
            rows: tile.examples * places,
            scratch: tile.scratch,
            scratchOffset: scratch,
            arithmetic: tile.arithmetic
        )
    }

    /// The gradient by the input from the gates' errors, at all places, where it is needed.
    func multiplyInputBackward(_ tile: Tile, _ parameters: Buffer<Float>, errors: TileValue) {
        guard let gradient = tile.inputGradients[0] else { return }
        inputBackwardProduct.multiply(
            errors.matrix(columns: gateWidth).asIs,
            prepared: RightOperand(inputWeight(tile, parameters)),
            into: gradient.matrix(columns: input.features),
            rows: tile.examples * places,
            arithmetic: tile.arithmetic
        )
    }

    /// The state's weight as `multiplyStates` takes it at every place, in the scratch.
    func preparedStateWeight(_ tile: Tile, _ parameters: Buffer<Float>, scratch: Int) -> RightOperand {
        stateProduct.prepare(
            stateWeight(tile, parameters),
            scratch: tile.scratch,
            scratchOffset: scratch,
            arithmetic: tile.arithmetic
        )
    }

    /// products = states · state weightᵀ, one row an example.
    func multiplyStates(_ tile: Tile, _ states: MatrixView, preparedWeight: RightOperand, into products: MatrixView) {
        stateProduct.multiply(
            states.asIs,
            prepared: preparedWeight,
            into: products,
            rows: tile.examples,
            arithmetic: tile.arithmetic
        )
    }

    /// The gradient by the states from the errors by their products, one row an example.
    func multiplyStatesBackward(
        _ tile: Tile,
        _ parameters: Buffer<Float>,
        errors: MatrixView,
        into gradient: MatrixView
    ) {
        stateBackwardProduct.multiply(
            errors.asIs,
            prepared: RightOperand(stateWeight(tile, parameters)),
            into: gradient,
            rows: tile.examples,
            arithmetic: tile.arithmetic
        )
    }

    /// The states before every place of some examples, zeros at the first: [examples · places, hidden], copied to `start`.
    func previousStates(_ examples: Range<Int>, _ tile: Tile, at start: Int) -> MatrixView {
        let count = places * hidden
        for (index, example) in examples.enumerated() {
            let first = start + index * count
            let states = tile.output.range(example)
            tile.scratch.write(first..<first + hidden) { Elementwise.clear(&$0) }
            tile.output.buffer.read(states.lowerBound..<states.upperBound - hidden) { states in
                tile.scratch.write(first + hidden..<first + count) { Elementwise.copy(states, into: &$0) }
            }
        }
        return MatrixView(tile.scratch, offset: start, rows: examples.count * places, columns: hidden)
    }
}

extension TileValue {
    /// One place of every example, a row an example; examples lie in [places, columns].
    func place(_ place: Int, columns: Int) -> MatrixView {
        let start = range(0).lowerBound + place * columns
        return MatrixView(buffer, offset: start, rows: capacity - first, columns: columns, stride: count)
    }

    /// One part of a value whose tile holds part after part, each for all examples, instead of example after example;
    /// `range` is where the part would lie in one example.
    func part(_ range: Range<Int>) -> TileValue {
        TileValue(
            buffer: buffer,
            offset: offset + range.lowerBound * capacity,
            count: range.count,
            capacity: capacity,
            first: first
        )
    }
}
