// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Matrix products in which every element is a sum in one order: blocks of ``blockTerms`` terms, each added up from zero in
/// the order of the inner index by fused multiplications and additions, and the blocks one after another.
///
/// The bits of a row of the result depend on that row and the right operand alone: not on how many rows there are, where
/// it is among them, or the processor. OpenBLAS promises none of this, so whatever decides an example's own numbers comes
/// from here; it is also the faster way for the small products of single examples.
package enum FixedOrderProduct {
    /// How the loops are compiled: 2 for AVX-512, 1 for AVX2, 0 for any processor. All give the same bits.
    package static let level = Int(sotto_fixed_order_level())

    /// Terms of a block.
    package static let blockTerms = Int(SOTTO_FIXED_ORDER_TERMS)

    /// c = a b, or c += a b where `accumulate`: every block is then added to what c was.
    ///
    /// - Parameters:
    ///   - a: as it is or transposed.
    ///   - b: [inner, columns], as it is.
    ///   - c: overlaps no operand.
    ///   - level: at most ``level``; less for tests.
    package static func multiply(
        _ a: MatrixOperand,
        _ b: MatrixView,
        into c: MatrixView,
        accumulate: Bool = false,
        level: Int = level
    ) {
        let (rows, inner) = a.effective
        precondition(b.rows == inner && c.rows == rows && c.columns == b.columns, "sizes differ")
        precondition(level <= Self.level, "this processor does not have that level")
        unsafe sotto_fixed_order_product(
            a.view.buffer.base + a.view.offset,
            a.isTransposed ? 1 : a.view.stride,
            a.isTransposed ? a.view.stride : 1,
            b.buffer.base + b.offset,
            b.stride,
            c.buffer.base + c.offset,
            c.stride,
            rows,
            inner,
            b.columns,
            accumulate ? 1 : 0,
            Int32(level)
        )
    }
}

extension MatrixView {
    /// self[c][r] = other[r][c].
    package func assignTransposed(_ other: MatrixView) {
        precondition(rows == other.columns && columns == other.rows, "sizes differ")
        unsafe sotto_transpose(
            other.buffer.base + other.offset,
            other.stride,
            other.rows,
            other.columns,
            buffer.base + offset,
            stride
        )
    }
}
