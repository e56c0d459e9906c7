// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Sums in a fixed order: the same bits on every processor.
package enum Reductions {
    /// Σ x[i]² in Double, in 32 lanes and one fixed tree; finite exactly where every x is finite.
    ///
    /// Relative error at most (count / 32 + 6) 2^-53: the squares themselves are exact.
    package static func sumOfSquares(_ x: Span<Float>) -> Double {
        unsafe x.withUnsafeBufferPointer { unsafe sotto_sum_of_squares($0.baseAddress, $0.count) }
    }

    /// sums[r] = the sum of row r of `matrix`, [rows, columns] row-major.
    package static func rowSums(
        _ matrix: Span<Float>,
        rows: Int,
        columns: Int,
        into sums: inout MutableSpan<Float>
    ) {
        precondition(rows >= 0 && columns >= 0 && matrix.count == rows * columns && sums.count == rows, "sizes differ")
        unsafe matrix.withUnsafeBufferPointer { matrix in
            unsafe sums.withUnsafeMutableBufferPointer { sums in
                unsafe sotto_row_sums(matrix.baseAddress, rows, columns, sums.baseAddress)
            }
        }
    }

    /// sums[c] = the sum of column c of `matrix`, [rows, columns] row-major, from the first row to the last.
    package static func columnSums(
        _ matrix: Span<Float>,
        rows: Int,
        columns: Int,
        into sums: inout MutableSpan<Float>
    ) {
        precondition(matrix.count == rows * columns && sums.count == columns, "sizes differ")
        unsafe matrix.withUnsafeBufferPointer { matrix in
            unsafe sums.withUnsafeMutableBufferPointer { sums in
                unsafe sotto_column_sums(matrix.baseAddress, rows, columns, sums.baseAddress)
            }
        }
    }
}
