// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// A value of every example in a tile: example i lies at `offset` + (`first` + i) · `count`, without gaps.
package struct TileValue: Sendable {
    /// The worker's arena, or its work area.
    package let buffer: Buffer<Float>
    /// Where the value begins.
    package let offset: Int
    /// Floats of one example.
    package let count: Int
    /// Examples that there is room for.
    package let capacity: Int
    /// The row of example 0: above 0 where a tile is some of the arena's examples, below where only later ones are there.
    package var first: Int

    /// - Parameters: the properties of the same names.
    package init(buffer: Buffer<Float>, offset: Int, count: Int, capacity: Int, first: Int = 0) {
        self.buffer = buffer
        self.offset = offset
        self.count = count
        self.capacity = capacity
        self.first = first
    }

    /// Where the value of one example begins.
    private func start(_ example: Int) -> Int { offset + (first + example) * count }

    /// The value of one example.
    package func range(_ example: Int) -> Range<Int> {
        start(example)..<start(example + 1)
    }

    /// The values of some examples, one after another.
    package func range(_ examples: Range<Int>) -> Range<Int> {
        start(examples.lowerBound)..<start(examples.upperBound)
    }

    /// All examples as one matrix, `count` / `columns` rows each, rows in use or not.
    package func matrix(columns: Int) -> MatrixView {
        MatrixView(buffer, offset: start(0), rows: (capacity - first) * count / columns, columns: columns)
    }

    /// Some examples as one matrix, `count` / `columns` rows each.
    package func matrix(columns: Int, examples: Range<Int>) -> MatrixView {
        MatrixView(
            buffer,
            offset: start(examples.lowerBound),
            rows: examples.count * count / columns,
            columns: columns
        )
    }
}

/// What an operation reads and writes for a tile: places in one worker's arena.
///
/// Values that the operation did not say it needs have no place at the time, and must not be touched. A class, because it is
/// handed on in loops, and a copy would count seven references.
package final class Tile {
    /// Activations.
    package var inputs: [TileValue]
    package var output: TileValue
    /// What the operation keeps from `forward` to `backward`, `stateCount` floats an example.
    package var state: TileValue
    /// The gradients of the loss by `inputs` and `output`; nil where a gradient is not needed.
    package var inputGradients: [TileValue?]
    package var outputGradient: TileValue?
    /// The worker's arena, of which the operation may use `scratchCount` floats from `scratchOffset` on for a moment.
    package let scratch: Buffer<Float>
    package let scratchOffset: Int
    /// Where the operation's parameters begin in the flat vector.
    package var parameterOffset: Int
    /// The operation's place in the network, public: tells the seeds of two dropouts apart.
    package let node: Int
    /// A public seed for every example, for operations that draw.
    package let seeds: Buffer<UInt64>
    /// Whether `output` is where the input is (`worksInPlace`), so that the input is overwritten.
    package var isInPlace: Bool
    /// Whether the input's gradient is where the output's is.
    package var isGradientInPlace: Bool
    /// Whether the schedule computes gradients: where it only evaluates, nothing is drawn.
    package let isTraining: Bool
    /// How the operation's products are computed.
    package let arithmetic: ProductArithmetic
    /// Whether what the operation made of the parameters alone for the examples before these, in the same action, is still
    /// in the scratch.
    package var reusesPreparation = false
    /// Examples in use.
    package var examples: Int
    /// Brings what rests elsewhere, for a tile whose operands are lent; nil where everything is in the arena.
    var lender: OperandLender?

    /// - Parameters: the properties of the same names.
    package init(
        inputs: [TileValue],
        output: TileValue,
        state: TileValue,
        inputGradients: [TileValue?],
        outputGradient: TileValue?,
        scratch: Buffer<Float>,
        scratchOffset: Int,
        parameterOffset: Int,
        node: Int,
        seeds: Buffer<UInt64>,
        isInPlace: Bool,
        isGradientInPlace: Bool,
        isTraining: Bool,
        arithmetic: ProductArithmetic,
        examples: Int
    ) {
        self.inputs = inputs
        self.output = output
        self.state = state
        self.inputGradients = inputGradients
        self.outputGradient = outputGradient
        self.scratch = scratch
        self.scratchOffset = scratchOffset
        self.parameterOffset = parameterOffset
        self.node = node
        self.seeds = seeds
        self.isInPlace = isInPlace
        self.isGradientInPlace = isGradientInPlace
        self.isTraining = isTraining
        self.arithmetic = arithmetic
        self.examples = examples
    }

    /// A tile of its own with the same places.
    func copy() -> Tile {
        Tile(
            inputs: inputs,
            output: output,
            state: state,
            inputGradients: inputGradients,
            outputGradient: outputGradient,
            scratch: scratch,
            scratchOffset: scratchOffset,
            parameterOffset: parameterOffset,
            node: node,
            seeds: seeds,
            isInPlace: isInPlace,
            isGradientInPlace: isGradientInPlace,
            isTraining: isTraining,
            arithmetic: arithmetic,
            examples: examples
        )
    }

    /// Brings the operands of some examples, at most ``mostAtOnce``, to where they can be read; those of other examples may be
    /// gone then. For tiles that are lent to a visitor, before it reads.
    ///
    /// - Parameter ahead: whether those of the examples after them are read next.
    package func bring(_ examples: Range<Int>, ahead: Bool = true) {
        lender?.bring(examples, ahead: ahead, to: self)
    }

    /// How many examples ``bring(_:ahead:)`` takes at a time.
    package var mostAtOnce: Int { lender?.most ?? .max }

    /// The only or first input.
    package var input: TileValue { inputs[0] }
    /// The gradient by the only or first input; traps where it is not needed: then `backward` is not called.
    package var inputGradient: TileValue {
        guard let gradient = inputGradients[0] else { preconditionFailure("this gradient is not needed") }
        return gradient
    }
    /// The gradient by the output; traps in `forward`.
    package var given: TileValue {
        guard let outputGradient else { preconditionFailure("there is no gradient in a forward pass") }
        return outputGradient
    }

    /// Copies the input to the output where they are apart: the first half of an operation that works in place.
    package func copyInput() {
        guard !isInPlace else { return }
        copy(input, to: output)
    }

    /// Copies the output's gradient to the input's where they are apart.
    package func copyGradient() {
        guard !isGradientInPlace else { return }
        copy(given, to: inputGradient)
    }

    /// Copies the values of all examples in use.
    package func copy(_ source: TileValue, to target: TileValue) {
        source.buffer.read(source.range(0..<examples)) { from in
            target.buffer.write(target.range(0..<examples)) { Elementwise.copy(from, into: &$0) }
        }
    }
}
