// SPDX-License-Identifier: Apache-2.0

internal import CKernels

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

    /// self[r] = other[r] as the operand of a product; other may be the same.
    package func assignRounded(_ other: MatrixView, _ arithmetic: ProductArithmetic) {
        precondition(rows == other.rows && columns == other.columns, "sizes differ")
        unsafe sotto_round_operands(
            other.buffer.base + other.offset,
            other.stride,
            buffer.base + offset,
            stride,
            rows,
            columns,
            arithmetic.code
        )
    }
}
