// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension MatrixView {
    /// self = other · factor.
    package func assign(_ other: MatrixView, times factor: Float) {
        precondition(rows == other.rows && columns == other.columns, "sizes differ")
        unsafe sotto_scaled_rows(
            other.buffer.base + other.offset,
            other.stride,
            factor,
            buffer.base + offset,
            stride,
            rows,
            columns
        )
    }

    /// Sets every element to zero; what lies between rows stays.
    package func clear() {
        for row in 0..<rows {
            unsafe (buffer.base + offset + row * stride).update(repeating: 0, count: columns)
        }
    }
}
