// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// A parameter that an operation wants in the flat vector.
package struct OperationParameter: Hashable, Sendable {
    /// `weight` or `bias`.
    package let role: String
    /// PyTorch's shape.
    package let shape: Shape
    /// How many inputs one output sums over.
    package let fanIn: Int
}

/// One step of a network: a function of one example, applied to a tile of them.
///
/// An operation has no state; what it reads and writes is in the tile. Whatever it computes for one example depends on
/// that example and the parameters alone, to the last bit, not on the other rows of the tile nor on the row's place
/// (slot invariance), because the privacy proof bounds what one example can change. An operation that cannot promise
/// this, or has no exact per-example gradient, does not conform.
package protocol Operation: Sendable {
    /// The kind's name, as in PyTorch: `Linear`, `Conv2d`, ...
    var kind: String { get }
    /// Shape of one example before.
    var input: Shape { get }
    /// Shape of one example after.
    var output: Shape { get }
    /// Parameters in the order of the flat vector.
    var parameters: [OperationParameter] { get }
    /// Floats of scratch that a worker needs.
    var scratchCount: Int { get }
    /// Whether the output is the input under another shape: then both share a buffer and nothing is computed.
    var isView: Bool { get }

    /// Computes `tile.output` from `tile.input`.
    func forward(_ tile: Tile, parameters: Buffer<Float>)
    /// Computes `tile.inputGradient` from `tile.outputGradient`.
    func backward(_ tile: Tile, parameters: Buffer<Float>)
    /// Writes every element of the operation's slices of `gradient`: the gradient of one example.
    func gradient(example: Int, _ tile: Tile, into gradient: Buffer<Float>)
}

extension Operation {
    package var parameters: [OperationParameter] { [] }
    package var scratchCount: Int { 0 }
    package var isView: Bool { false }
    package func gradient(example: Int, _ tile: Tile, into gradient: Buffer<Float>) {}
}

/// An operation before its input is known; each operation's file adds one factory.
package struct Layer: Sendable {
    /// The kind's name, for errors.
    let kind: String
    /// Makes the operation for an input, or says why it cannot.
    let build: @Sendable (Shape) throws(OperationError) -> any Operation
}

/// What one operation sees of a worker's workspace: up to `Network.tileRows` examples before and after it.
package struct Tile: Sendable {
    /// Activations: row i is example i; rows start `inputStride` floats apart and are 64-byte aligned.
    package let input, output: RowBuffer
    /// The gradients of the loss by `input` and `output`, laid out like them.
    package let inputGradient, outputGradient: RowBuffer
    /// At least `scratchCount` floats, shared by all operations of a worker.
    package let scratch: Buffer<Float>
    /// Where the operation's parameters begin in the flat vector.
    package let parameterOffset: Int
    /// Rows in use. The rows after them are zero in `input`, and may be computed or not.
    package var examples: Int
}

/// A tile's worth of rows in one buffer. What lies between the rows is zero and stays so.
package struct RowBuffer: Sendable {
    /// Floats of one row.
    package let count: Int
    /// Floats from one row to the next: `count` rounded up to 64 bytes, so that all rows have the same alignment.
    package let stride: Int
    /// `Network.tileRows` rows.
    package let buffer: Buffer<Float>

    /// Rows of `count` zeros.
    init(count: Int) {
        self.count = count
        stride = Self.stride(count)
        buffer = Buffer(count: Network.tileRows * stride)
    }

    /// 16 floats are 64 bytes.
    static func stride(_ count: Int) -> Int {
        (count + 15) / 16 * 16
    }

    /// Row `example` in the buffer.
    package func range(_ example: Int) -> Range<Int> {
        example * stride..<example * stride + count
    }

    /// The first `examples` rows and what lies between them.
    package func rows(_ examples: Int) -> Range<Int> {
        0..<examples * stride
    }
}
