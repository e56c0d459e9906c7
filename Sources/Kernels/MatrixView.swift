// SPDX-License-Identifier: Apache-2.0

/// A row-major matrix inside of a buffer: an operand or a result of a product.
package struct MatrixView: Sendable {
    /// Where the elements are.
    package let buffer: Buffer<Float>
    /// The first element.
    package let offset: Int
    /// Extents as stored, each at least 1.
    package let rows, columns: Int
    /// Elements from one row to the next, at least `columns`.
    package let stride: Int

    /// Traps where an extent is out of range or the matrix leaves its buffer.
    package init(_ buffer: Buffer<Float>, offset: Int = 0, rows: Int, columns: Int, stride: Int? = nil) {
        precondition(rows > 0 && columns > 0 && rows <= Int32.max && columns <= Int32.max, "matrix size out of range")
        self.buffer = buffer
        self.offset = offset
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
        precondition(self.stride >= columns && self.stride <= Int32.max, "matrix stride out of range")
        precondition(
            offset >= 0 && offset + (rows - 1) * self.stride + columns <= buffer.count,
            "outside of the buffer"
        )
    }

    /// Some of the rows.
    package func rows(_ range: Range<Int>) -> MatrixView {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "no such rows")
        return MatrixView(
            buffer,
            offset: offset + range.lowerBound * stride,
            rows: range.count,
            columns: columns,
            stride: stride
        )
    }

    /// Some of the columns.
    package func columns(_ range: Range<Int>) -> MatrixView {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns, "no such columns")
        return MatrixView(buffer, offset: offset + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// The elements from the first to the last one, gaps between rows included.
    package var extent: Range<Int> {
        offset..<offset + (rows - 1) * stride + columns
    }
}
