// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension MatrixView {
    /// Every `places` rows become those of `other`, which may be the same, times a factor of their own; zero where the
    /// factor is 0, whatever they were.
    package func assign(_ other: MatrixView, times factors: Span<Float>, places: Int) {
        precondition(rows == other.rows && columns == other.columns, "sizes differ")
        precondition(factors.count * places == rows, "one factor for every \(places) rows")
        unsafe factors.withUnsafeBufferPointer { factors in
            unsafe sotto_scaled_rows(
                other.buffer.base + other.offset,
                other.stride,
                factors.baseAddress,
                places,
                buffer.base + offset,
                stride,
                rows,
                columns
            )
        }
    }

    /// self = other.
    package func assign(_ other: MatrixView) {
        precondition(rows == other.rows && columns == other.columns, "sizes differ")
        for row in 0..<rows {
            unsafe (buffer.base + offset + row * stride).update(
                from: other.buffer.base + other.offset + row * other.stride,
                count: columns
            )
        }
    }

    /// Sets every element to zero; what lies between rows stays.
    package func clear() {
        for row in 0..<rows {
            unsafe (buffer.base + offset + row * stride).update(repeating: 0, count: columns)
        }
    }
}
