// SPDX-License-Identifier: Apache-2.0

internal import Kernels

/// Where a convolution's weight is: the parameters, or what was made of them.
struct ConvolutionWeight {
    let buffer: Buffer<Float>
    /// Of the first element, [groups][out / groups][kernel height][kernel width][in / groups].
    let offset: Int
}

/// The products of a convolution in two dimensions, whatever its weight is made of.
///
/// Patches of the image are laid out as a matrix, a block at a time that stays in cache, and multiplied with the weight.
struct ConvolutionProducts: Sendable {
    let window: Window
    /// Output channels.
    let channels: Int
    private let forwardProduct: RowProduct
    private let backwardProduct: RowProduct

    /// - Parameters:
    ///   - outputs: output channels, a multiple of the window's groups.
    ///   - window: over the input.
    init(outputs: Int, window: Window) throws(OperationError) {
        guard outputs >= 1, outputs % window.groups == 0 else {
            throw OperationError(
                reason: "\(outputs) output channels; they must be a multiple of \(window.groups) groups"
            )
        }
        guard Shape.isPossible([outputs, window.patchCount]), Shape.isPossible([window.positions, window.patchCount]),
            Shape.isPossible([outputs, window.outputHeight, window.outputWidth])
        else {
            throw OperationError(reason: "its weight, patches or output have 2^31 elements or more")
        }
        self.window = window
        channels = outputs
        let (inner, width) = (window.patchCount, outputs / window.groups)
        forwardProduct = RowProduct(inner: inner, columns: width, isTransposed: true)
        backwardProduct = RowProduct(inner: width, columns: inner, isTransposed: false)
    }

    var groups: Int { window.groups }
    /// Output channels of one group.
    var width: Int { channels / groups }
    var weightCount: Int { channels * window.patchCount }
    var output: Shape { Shape([channels, window.outputHeight, window.outputWidth], isChannelsLast: true) }

    /// The weight and, where `hasBias`, the bias; PyTorch starts both uniform in ±1/√fan-in.
    func parameters(hasBias: Bool) -> [OperationParameter] {
        let extents = [channels, window.channels / groups, window.kernelHeight, window.kernelWidth]
        let start = OperationParameter.Start.uniform(bound: 1 / Float(window.patchCount).squareRoot())
        let weight = OperationParameter(role: "weight", shape: Shape(extents), storage: [0, 2, 3, 1], start: start)
        let bias = OperationParameter(role: "bias", shape: Shape([channels]), start: start)
        return hasBias ? [weight, bias] : [weight]
    }

    /// Examples whose patches are multiplied at once: enough for `blockRows` rows, or one.
    private static let blockRows = 128
    /// Patches that are made at once in passes that need no more, where one example has more than that: 32 KiB, which
    /// stay in the first cache.
    private static let blockFloats = 1 << 13

    func blockExamples(capacity: Int) -> Int {
        guard !window.isIdentity else { return capacity }
        return min(capacity, max(1, Self.blockRows / window.positions))
    }

    /// Positions of one example that are multiplied at once: fixed by the shape alone.
    private var blockPositions: Int {
        window.isIdentity ? window.positions : min(window.positions, max(64, Self.blockFloats / window.patchCount))
    }

    private func patchFloats(capacity: Int) -> Int {
        guard !window.isIdentity else { return 0 }
        return blockExamples(capacity: capacity) * window.positions * window.patchCount
    }

    func scratchCount(capacity: Int, arithmetic: ProductArithmetic) -> Int {
        weightOffset(capacity: capacity, arithmetic) + max(groups * weightFloats, channels)
    }

    /// Floats of one group's weight as either pass multiplies it.
    private var weightFloats: Int { max(forwardProduct.scratchCount, backwardProduct.scratchCount) }

    /// Where in the scratch the rounded image of one example is, which patches are then made of; nil where patches are
    /// made of the image itself.
    private func roundedImage(capacity: Int, _ arithmetic: ProductArithmetic) -> Range<Int>? {
        guard arithmetic.roundsOperands, !window.isIdentity else { return nil }
        let start = patchFloats(capacity: capacity)
        return start..<start + window.imageCount
    }

    /// Where in the scratch the weight is, as it is multiplied.
    private func weightOffset(capacity: Int, _ arithmetic: ProductArithmetic) -> Int {
        patchFloats(capacity: capacity) + (roundedImage(capacity: capacity, arithmetic)?.count ?? 0)
    }

    /// One group's weight as a pass multiplies it, in the scratch where it must be changed for that.
    private func prepared(
        _ weight: ConvolutionWeight,
        group: Int,
        for product: RowProduct,
        _ tile: Tile
    ) -> PreparedOperand {
        let start = tile.scratchOffset + weightOffset(capacity: tile.input.capacity, tile.arithmetic)
        return PreparedOperand(
            product,
            matrix(weight, group: group),
            scratch: tile.scratch,
            scratchOffset: start + group * weightFloats,
            arithmetic: tile.arithmetic
        )
    }

    /// Makes all groups' weights as a pass multiplies them: once for all examples of a tile.
    private func prepare(_ weight: ConvolutionWeight, for product: RowProduct, _ tile: Tile) {
        for group in 0..<groups { prepared(weight, group: group, for: product, tile).make() }
    }

    private func matrix(_ weight: ConvolutionWeight, group: Int) -> MatrixView {
        MatrixView(
            weight.buffer,
            offset: weight.offset + group * width * window.patchCount,
            rows: width,
            columns: window.patchCount
        )
    }

    /// The patches of some examples and positions, in the scratch or, for a 1 x 1 window, the image itself.
    private func patches(_ examples: Range<Int>, _ positions: Range<Int>, group: Int, _ tile: Tile) -> MatrixOperand {
        guard !window.isIdentity else {
            return tile.input.matrix(columns: window.patchCount, examples: examples).asIs
        }
        let count = positions.count * window.patchCount
        let rounded = roundedImage(capacity: tile.input.capacity, tile.arithmetic)
        for (index, example) in examples.enumerated() {
            let start = tile.scratchOffset + index * count
            tile.input.buffer.read(tile.input.range(example)) { image in
                guard let rounded else {
                    tile.scratch.write(start..<start + count) {
                        window.patches(of: image, positions: positions, group: group, into: &$0)
                    }
                    return
                }
                let place = tile.scratchOffset + rounded.lowerBound..<tile.scratchOffset + rounded.upperBound
                // Rounded for an example's first positions, and still there for the others.
                if positions.lowerBound == 0 {
                    tile.scratch.write(place) {
                        Elementwise.copy(image, into: &$0)
                        tile.arithmetic.round(&$0)
                    }
                }
                tile.scratch.read(place) { image in
                    tile.scratch.write(start..<start + count) {
                        window.patches(of: image, positions: positions, group: group, into: &$0)
                    }
                }
            }
        }
        let patches = MatrixView(
            tile.scratch,
            offset: tile.scratchOffset,
            rows: examples.count * positions.count,
            columns: window.patchCount
        )
        return MatrixOperand(patches, isRounded: rounded != nil)
    }

    /// Calls `body` for blocks of examples and positions.
    private func forEachBlock(_ tile: Tile, _ body: (Range<Int>, Range<Int>) -> Void) {
        let examples = blockExamples(capacity: tile.input.capacity)
        let positions = blockPositions
        for first in stride(from: 0, to: tile.examples, by: examples) {
            let block = first..<min(tile.examples, first + examples)
            for position in stride(from: 0, to: window.positions, by: positions) {
                body(block, position..<min(window.positions, position + positions))
            }
        }
    }

    /// The rows of a value of this convolution's output that belong to a block, one group's columns.
    private func rows(_ value: TileValue, _ examples: Range<Int>, _ positions: Range<Int>, group: Int) -> MatrixView {
        let all = value.matrix(columns: channels, examples: examples)
        // A block is whole examples or a part of one.
        let some = positions.count == window.positions ? all : all.rows(positions)
        return groups == 1 ? some : some.columns(group * width..<(group + 1) * width)
    }

    func forward(_ tile: Tile, weight: ConvolutionWeight) {
        if !tile.reusesPreparation { prepare(weight, for: forwardProduct, tile) }
        forEachBlock(tile) { examples, positions in
            for group in 0..<groups {
                let patches = patches(examples, positions, group: group, tile)
                forwardProduct.multiply(
                    patches,
                    prepared: prepared(weight, group: group, for: forwardProduct, tile).operand,
                    into: rows(tile.output, examples, positions, group: group),
                    rows: patches.view.rows,
                    arithmetic: tile.arithmetic
                )
            }
        }
    }

    /// Adds the bias, which begins at `offset`, to the output.
    func addBias(_ tile: Tile, parameters: Buffer<Float>, at offset: Int) {
        parameters.read(offset..<offset + channels) { bias in
            tile.output.buffer.write(tile.output.range(0..<tile.examples)) { y in
                Elementwise.addColumnBias(
                    bias,
                    to: &y,
                    rows: tile.examples * window.positions,
                    columns: channels,
                    stride: channels
                )
            }
        }
    }

    func backward(_ tile: Tile, weight: ConvolutionWeight) {
        let result = tile.inputGradient
        if !window.isIdentity {
            result.buffer.write(result.range(0..<tile.examples)) { Elementwise.clear(&$0) }
        }
        if !tile.reusesPreparation { prepare(weight, for: backwardProduct, tile) }
        forEachBlock(tile) { examples, positions in
            for group in 0..<groups {
                let count = positions.count * window.patchCount
                let patches =
                    window.isIdentity
                    ? result.matrix(columns: window.patchCount, examples: examples)
                    : MatrixView(
                        tile.scratch,
                        offset: tile.scratchOffset,
                        rows: examples.count * positions.count,
                        columns: window.patchCount
                    )
                backwardProduct.multiply(
                    rows(tile.given, examples, positions, group: group).asIs,
                    prepared: prepared(weight, group: group, for: backwardProduct, tile).operand,
                    into: patches,
                    rows: patches.rows,
                    arithmetic: tile.arithmetic
                )
                guard !window.isIdentity else { continue }
                for (index, example) in examples.enumerated() {
                    let start = tile.scratchOffset + index * count
                    tile.scratch.read(start..<start + count) { patches in
                        result.buffer.write(result.range(example)) {
                            window.addPatches(patches, positions: positions, group: group, to: &$0)
                        }
                    }
                }
            }
        }
    }

    /// Of the weight itself, parameter 0.
    var product: WeightProduct {
        WeightProduct(parameter: 0, rows: width, columns: window.patchCount, places: window.positions, groups: groups)
    }

    /// The operands of the gradient by one group's weight, for up to `blockExamples` examples.
    func operands(group: Int, examples: Range<Int>, _ tile: Tile) -> WeightOperands {
        let patches = patches(examples, 0..<window.positions, group: group, tile)
        return WeightOperands(
            errors: rows(tile.given, examples, 0..<window.positions, group: group),
            inputs: patches.view,
            inputsAreRounded: patches.isRounded
        )
    }
}
