// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension Elementwise {
    /// y += x.
    package static func add(_ x: Span<Float>, to y: inout MutableSpan<Float>) {
        precondition(x.count == y.count, "sizes differ")
        unsafe x.withUnsafeBufferPointer { x in
            unsafe y.withUnsafeMutableBufferPointer { y in
                unsafe sotto_add(x.baseAddress, y.baseAddress, x.count)
            }
        }
    }

    /// x *= factor.
    package static func scale(_ x: inout MutableSpan<Float>, by factor: Float) {
        unsafe x.withUnsafeMutableBufferPointer { x in
            unsafe sotto_scale(x.baseAddress, factor, x.count)
        }
    }

    /// output[c][r] = input[r][c], both dense.
    package static func transpose(
        _ input: Span<Float>,
        rows: Int,
        columns: Int,
        into output: inout MutableSpan<Float>
    ) {
        precondition(input.count == rows * columns && output.count == input.count, "sizes differ")
        guard !input.isEmpty else { return }
        unsafe input.withUnsafeBufferPointer { input in
            unsafe output.withUnsafeMutableBufferPointer { output in
                unsafe sotto_transpose(input.baseAddress!, columns, rows, columns, output.baseAddress!, rows)
            }
        }
    }
}
