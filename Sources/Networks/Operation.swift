// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// A parameter that an operation wants in the flat vector.
package struct OperationParameter: Hashable, Sendable {
    /// How its values start.
    package enum Start: Hashable, Sendable {
        /// Uniform in ±`bound`.
        case uniform(bound: Float)
        /// Normal with mean 0.
        case normal(deviation: Float)
        /// All the same.
        case constant(Float)
    }

    /// PyTorch's name within the layer: `weight`, `bias`, ...
    package let role: String
    /// PyTorch's shape.
    package let shape: Shape
    /// The order of `shape`'s dimensions in the flat vector, outermost first: [0, 2, 3, 1] for a convolution, whose
    /// weights are kept [out][kernel height][kernel width][in].
    package let storage: [Int]
    package let start: Start
    /// Elements, in the order of the flat vector, that start as zero instead.
    package let zeros: Range<Int>

    package init(role: String, shape: Shape, storage: [Int]? = nil, start: Start, zeros: Range<Int> = 0..<0) {
        self.role = role
        self.shape = shape
        self.storage = storage ?? Array(shape.dimensions.indices)
        self.start = start
        self.zeros = zeros
    }
}

/// What of the forward pass an operation reads later.
package struct Needs: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package static let input = Needs(rawValue: 1)
    package static let output = Needs(rawValue: 2)
    package static let state = Needs(rawValue: 4)

    package init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// A weight whose gradient of one example is a matrix product: G = Σ over places t of e_t ⊗ a_t.
///
/// All ways to a norm or a weighted sum of such weights are made from the two operands alone.
package struct WeightProduct: Hashable, Sendable {
    /// Which of the operation's parameters; its values lie as [groups][rows][columns].
    package let parameter: Int
    /// p: length of an error e_t. D: length of an input a_t.
    package let rows, columns: Int
    /// T: the number of places, the same for every example.
    package let places: Int
    /// Blocks of the weight, each with operands of its own.
    package let groups: Int

    package init(parameter: Int, rows: Int, columns: Int, places: Int, groups: Int = 1) {
        self.parameter = parameter
        self.rows = rows
        self.columns = columns
        self.places = places
        self.groups = groups
    }
}

/// The operands of one weight product for some examples: `errors` [n · T, p] and `inputs` [n · T, D].
package struct WeightOperands: Sendable {
    package let errors, inputs: MatrixView
    /// Whether the inputs are operands of the tile's arithmetic already.
    package let inputsAreRounded: Bool

    package init(errors: MatrixView, inputs: MatrixView, inputsAreRounded: Bool = false) {
        self.errors = errors
        self.inputs = inputs
        self.inputsAreRounded = inputsAreRounded
    }

    /// The inputs as the right operand of a product.
    package var right: RightOperand { RightOperand(inputs, isRounded: inputsAreRounded) }
}

/// One step of a network: a function of one example, applied to a tile of them.
///
/// An operation has no state; what it reads and writes is in the tile. Whatever it computes for one example depends on
/// that example, its public seed and the parameters alone, to the last bit, not on the other rows of the tile nor on the
/// row's place (slot invariance), because the privacy proof bounds what one example can change. An operation that cannot
/// promise this, or has no exact per-example gradient, does not conform.
package protocol Operation: Sendable {
    /// The kind's name, as in PyTorch: `Linear`, `Conv2d`, ...
    var kind: String { get }
    /// Shapes of one example before; most operations have one.
    var inputs: [Shape] { get }
    /// Shape of one example after.
    var output: Shape { get }
    /// Parameters in the order of the flat vector.
    var parameters: [OperationParameter] { get }
    /// Floats an example that `forward` leaves for later.
    var stateCount: Int { get }
    /// Whether the state can rest in 16 bits a number without loss.
    var packsState: Bool { get }
    /// The state of one example in 16 bits a number, and back, where `packsState`.
    func packState(_ state: Span<Float>, into bits: inout MutableSpan<UInt16>)
    func unpackState(_ bits: Span<UInt16>, into state: inout MutableSpan<Float>)
    /// What `backward` reads beside the output's gradient.
    var backwardNeeds: Needs { get }
    /// What the parameters' gradients read beside the output's gradient.
    var gradientNeeds: Needs { get }
    /// Whether the parameters' gradients are made of what `backward` leaves in the state, not of the output's gradient:
    /// then `backward` comes before them, and comes even where no input's gradient is needed.
    var gradientFollowsBackward: Bool { get }
    /// Whether the output is the input under another shape: then both are one place and nothing is computed.
    var isView: Bool { get }
    /// Whether output and input, and their gradients, may be one place.
    var worksInPlace: Bool { get }
    /// Whether `backward` of one example after another takes no longer than of all at once, and reads nothing but the
    /// output's gradient and the parameters. It then may leave what it makes of the parameters in the scratch
    /// (``Tile/reusesPreparation``).
    var goesBackSingly: Bool { get }
    /// Floats of scratch for a tile of `capacity` examples.
    func scratchCount(capacity: Int, arithmetic: ProductArithmetic) -> Int

    /// Computes `tile.output` (and `tile.state`) from `tile.inputs`, for the examples in use.
    func forward(_ tile: Tile, parameters: Buffer<Float>)
    /// Computes every needed one of `tile.inputGradients` from `tile.outputGradient`; overwrites them.
    func backward(_ tile: Tile, parameters: Buffer<Float>)

    /// Weights whose gradients are matrix products.
    var products: [WeightProduct] { get }
    /// How many examples `operands` takes at a time, at least 1.
    func operandExamples(_ product: Int, capacity: Int) -> Int
    /// The operands of a product for some examples and one group; they may lie in the scratch until the next call.
    func operands(_ product: Int, group: Int, examples: Range<Int>, _ tile: Tile) -> WeightOperands

    /// How many different whole numbers the input may hold, where it holds tokens.
    var vocabulary: Int? { get }

    /// Whether there are parameters outside of `products`.
    var hasDirectGradient: Bool { get }
    /// Gives one example's gradient by all parameters outside of `products`, in disjoint pieces: where a piece begins in
    /// the flat vector, and its values. What no piece covers is zero. The order of pieces is fixed by the example.
    func visitDirectGradient(
        example: Int,
        _ tile: Tile,
        parameters: Buffer<Float>,
        _ visit: (Int, Span<Float>) -> Void
    )
}

extension Operation {
    /// The only or first input.
    package var input: Shape { inputs[0] }
    package var parameters: [OperationParameter] { [] }
    package var stateCount: Int { 0 }
    package var packsState: Bool { false }
    package func packState(_ state: Span<Float>, into bits: inout MutableSpan<UInt16>) {
        preconditionFailure("the state of \(kind) rests in floats")
    }
    package func unpackState(_ bits: Span<UInt16>, into state: inout MutableSpan<Float>) {
        preconditionFailure("the state of \(kind) rests in floats")
    }
    package var backwardNeeds: Needs { [] }
    package var gradientNeeds: Needs { [] }
    package var gradientFollowsBackward: Bool { false }
    package var isView: Bool { false }
    package var worksInPlace: Bool { false }
    package var goesBackSingly: Bool { false }
    package func scratchCount(capacity: Int, arithmetic: ProductArithmetic) -> Int { 0 }
    package var products: [WeightProduct] { [] }
    package func operandExamples(_ product: Int, capacity: Int) -> Int { capacity }
    package func operands(_ product: Int, group: Int, examples: Range<Int>, _ tile: Tile) -> WeightOperands {
        preconditionFailure("\(kind) has no weight product")
    }
    package var vocabulary: Int? { nil }
    package var hasDirectGradient: Bool { false }
    package func visitDirectGradient(
        example: Int,
        _ tile: Tile,
        parameters: Buffer<Float>,
        _ visit: (Int, Span<Float>) -> Void
    ) {}

    /// Floats before parameter `index` among the operation's own.
    package func offset(ofParameter index: Int) -> Int {
        var offset = 0
        for earlier in 0..<index { offset += parameters[earlier].shape.count }
        return offset
    }
}

/// Why an operation cannot be built for an input: said by the operation, placed by the network.
package struct OperationError: Error, Hashable, Sendable {
    /// What is wrong and what would be right.
    package let reason: String

    package init(reason: String) { self.reason = reason }
}
