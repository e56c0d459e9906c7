// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Norms of an example's weight gradient G = Σ over places t of e_t ⊗ a_t, from the operands alone, without making G.
///
/// |G|² = Σ over places s, t of (e_s · e_t)(a_s · a_t). The two Gram matrices are made tile by tile, half of the tiles by
/// symmetry, so that the memory is a tile's; inner products run over at most `innerBlock` elements in Float and are
/// added up in Double (reference: docs/proofs/book-keeping.md).
package final class GramNorm {
    /// Places of a tile.
    package static let tile = 64
    /// The length of the longest inner product in Float.
    package static let innerBlock = 128

    private let block = Buffer<Float>(count: tile * tile)
    private let errorsGram = Buffer<Double>(count: tile * tile)
    private let inputsGram = Buffer<Double>(count: tile * tile)

    package init() {}

    /// Bytes of one instance.
    package static var plannedBytes: Int {
        tile * tile * (MemoryLayout<Float>.stride + 2 * MemoryLayout<Double>.stride)
    }

    /// |G|², at least 0; not finite where an operand is not, or where it is beyond Float's range.
    ///
    /// - Parameters:
    ///   - errors: [T, p].
    ///   - inputs: [T, D].
    package func squaredNorm(errors: MatrixView, inputs: MatrixView) -> Double {
        precondition(errors.rows == inputs.rows, "one error for each input")
        let places = errors.rows
        guard places > 1 else {
            let length = Self.mass(errors: errors, inputs: inputs, rowMargin: 0)
            return length * length
        }
        var sum = 0.0
        for first in stride(from: 0, to: places, by: Self.tile) {
            let rows = first..<min(places, first + Self.tile)
            for second in stride(from: first, to: places, by: Self.tile) {
                let columns = second..<min(places, second + Self.tile)
                gram(errors.rows(rows), errors.rows(columns), into: errorsGram)
                gram(inputs.rows(rows), inputs.rows(columns), into: inputsGram)
                let dot = unsafe sotto_dot_double(errorsGram.base, inputsGram.base, rows.count * columns.count)
                sum += first == second ? dot : 2 * dot
            }
        }
        // Cancellation can leave a sum just below zero, which is then zero within the error that is accounted for.
        return sum < 0 ? 0 : sum
    }

    /// |G|² and the mass of an example with one place, row `row` of both operands, as by ``squaredNorm(errors:inputs:)``
    /// and ``mass(errors:inputs:rowMargin:)``.
    package static func ofOnePlace(
        errors: MatrixView,
        inputs: MatrixView,
        row: Int,
        rowMargin: Double
    ) -> (squaredNorm: Double, mass: Double) {
        precondition(row >= 0 && row < errors.rows && errors.rows == inputs.rows, "one error for each input")
        func squares(_ x: MatrixView) -> Double {
            unsafe sotto_sum_of_squares(x.buffer.base + x.offset + row * x.stride, x.columns)
        }
        let (error, input) = (squares(errors), squares(inputs))
        return (error * input, (error.squareRoot() + rowMargin) * (input.squareRoot() + rowMargin))
    }

    private func gram(_ a: MatrixView, _ b: MatrixView, into sum: Buffer<Double>) {
        let count = a.rows * b.rows
        sum.write(0..<count) { sum in for index in sum.indices { sum[index] = 0 } }
        let product = MatrixView(block, rows: a.rows, columns: b.rows)
        for start in stride(from: 0, to: a.columns, by: Self.innerBlock) {
            let inner = start..<min(a.columns, start + Self.innerBlock)
            MatrixProduct.multiply(a.columns(inner).asIs, b.columns(inner).transposed, into: product)
            unsafe sotto_widen_add(block.base, sum.base, count)
        }
    }

    /// Σ over places t of (|e_t| + m)(|a_t| + m) with m = `rowMargin`: at least |G|, and with m = 0 equal to it where there
    /// is one place. Relative error at most (T + p + D) 2^-52.
    package static func mass(errors: MatrixView, inputs: MatrixView, rowMargin: Double) -> Double {
        precondition(errors.rows == inputs.rows, "one error for each input")
        return unsafe sotto_mass(
            errors.buffer.base + errors.offset,
            errors.stride,
            errors.columns,
            inputs.buffer.base + inputs.offset,
            inputs.stride,
            inputs.columns,
            errors.rows,
            rowMargin
        )
    }
}

/// A checksum of bits: any change of one element changes it.
package enum Checksum {
    package static func of(_ x: Span<Float>, seed: UInt64) -> UInt64 {
        unsafe x.withUnsafeBufferPointer { x in
            guard let base = x.baseAddress else { return seed }
            return unsafe sotto_checksum(base, x.count, seed)
        }
    }
}
