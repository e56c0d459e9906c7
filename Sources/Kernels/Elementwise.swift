// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Additions that go with products, and other short loops.
package enum Elementwise {
    /// Adds bias[row] to all of every row of `matrix`, [rows, columns] row-major.
    package static func addRowBias(
        _ bias: Span<Float>,
        to matrix: inout MutableSpan<Float>,
        rows: Int,
        columns: Int
    ) {
        precondition(rows >= 0 && columns >= 0 && matrix.count == rows * columns && bias.count == rows, "sizes differ")
        unsafe bias.withUnsafeBufferPointer { bias in
            unsafe matrix.withUnsafeMutableBufferPointer { matrix in
                unsafe sotto_add_bias(matrix.baseAddress, rows, columns, columns, bias.baseAddress, 0)
            }
        }
    }

    /// Adds bias[column] to all of every column of `matrix`, [rows, columns] with rows `stride` floats apart.
    package static func addColumnBias(
        _ bias: Span<Float>,
        to matrix: inout MutableSpan<Float>,
        rows: Int,
        columns: Int,
        stride: Int
    ) {
        precondition(rows >= 1 && columns >= 1 && stride >= columns && bias.count == columns, "sizes differ")
        precondition(matrix.count >= (rows - 1) * stride + columns, "the matrix is too short")
        unsafe bias.withUnsafeBufferPointer { bias in
            unsafe matrix.withUnsafeMutableBufferPointer { matrix in
                unsafe sotto_add_bias(matrix.baseAddress, rows, columns, stride, bias.baseAddress, 1)
            }
        }
    }

    /// The gradient of one example's softmax cross-entropy by its logits: softmax(logits) - onehot(label).
    ///
    /// - Parameter label: below `logits.count`. A logit that is NaN or +infinite gives a NaN gradient.
    package static func crossEntropyBackward(
        logits: Span<Float>,
        label: Int,
        into gradient: inout MutableSpan<Float>
    ) {
        precondition(logits.count == gradient.count && label >= 0 && label < logits.count, "label or size out of range")
        unsafe logits.withUnsafeBufferPointer { logits in
            unsafe gradient.withUnsafeMutableBufferPointer { gradient in
                unsafe sotto_cross_entropy_backward(
                    logits.baseAddress!,
                    logits.count,
                    label,
                    gradient.baseAddress!
                )
            }
        }
    }

    /// matrix[r][c] = left[r] right[c], row-major.
    package static func outerProduct(
        _ left: Span<Float>,
        _ right: Span<Float>,
        into matrix: inout MutableSpan<Float>
    ) {
        precondition(matrix.count == left.count * right.count, "sizes differ")
        unsafe left.withUnsafeBufferPointer { left in
            unsafe right.withUnsafeBufferPointer { right in
                unsafe matrix.withUnsafeMutableBufferPointer { matrix in
                    unsafe sotto_outer_product(
                        left.baseAddress,
                        left.count,
                        right.baseAddress,
                        right.count,
                        matrix.baseAddress
                    )
                }
            }
        }
    }

    /// output = input.
    package static func copy(_ input: Span<Float>, into output: inout MutableSpan<Float>) {
        precondition(input.count == output.count, "sizes differ")
        for index in input.indices {
            output[index] = input[index]
        }
    }

    /// Sets every element to zero.
    package static func clear(_ values: inout MutableSpan<Float>) {
        for index in values.indices {
            values[index] = 0
        }
    }
}
