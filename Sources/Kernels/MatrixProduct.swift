// SPDX-License-Identifier: Apache-2.0

internal import COpenBLAS

/// One operand of a product: a row-major matrix inside of a span.
package struct MatrixLayout: Hashable, Sendable {
    /// Rows and columns as stored.
    package let rows, columns: Int
    /// Elements from one row to the next, at least `columns`.
    package let stride: Int
    /// Whether the product takes the matrix transposed.
    package let isTransposed: Bool

    /// A matrix of `rows` x `columns` as stored; `stride` is `columns` where not given.
    package init(rows: Int, columns: Int, stride: Int? = nil, isTransposed: Bool = false) {
        precondition(rows > 0 && columns > 0 && rows <= Int32.max && columns <= Int32.max, "matrix size out of range")
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
        self.isTransposed = isTransposed
        precondition(self.stride >= columns && self.stride <= Int32.max, "matrix stride out of range")
    }

    /// The same matrix, transposed for the product.
    package var transposed: MatrixLayout {
        MatrixLayout(rows: rows, columns: columns, stride: stride, isTransposed: !isTransposed)
    }

    /// Rows and columns as the product sees them.
    var effective: (rows: Int, columns: Int) {
        isTransposed ? (columns, rows) : (rows, columns)
    }

    /// The elements from the first to the last one.
    package var extent: Int {
        (rows - 1) * stride + columns
    }
}

/// General matrix product in single precision, by OpenBLAS.
package enum MatrixProduct {
    /// c = a b, or c += a b where `accumulate`.
    ///
    /// Which bits come out may depend on the whole shape; where rows belong to different examples use `RowProduct`.
    /// Without `accumulate`, what c held before has no influence, NaN included. Sizes that do not match trap.
    package static func multiply(
        _ a: Span<Float>,
        _ aLayout: MatrixLayout,
        _ b: Span<Float>,
        _ bLayout: MatrixLayout,
        into c: inout MutableSpan<Float>,
        stride: Int? = nil,
        accumulate: Bool = false
    ) {
        Processor.prepare()
        let (rows, inner) = aLayout.effective
        let columns = bLayout.effective.columns
        let cStride = stride ?? columns
        precondition(bLayout.effective.rows == inner, "inner sizes differ")
        precondition(cStride >= columns && cStride <= Int32.max, "matrix stride out of range")
        precondition(a.count >= aLayout.extent && b.count >= bLayout.extent, "an operand is too short")
        precondition(c.count >= (rows - 1) * cStride + columns, "the result is too short")
        unsafe a.withUnsafeBufferPointer { a in
            unsafe b.withUnsafeBufferPointer { b in
                unsafe c.withUnsafeMutableBufferPointer { c in
                    unsafe cblas_sgemm(
                        CblasRowMajor,
                        aLayout.isTransposed ? CblasTrans : CblasNoTrans,
                        bLayout.isTransposed ? CblasTrans : CblasNoTrans,
                        blasint(rows),
                        blasint(columns),
                        blasint(inner),
                        1,
                        a.baseAddress,
                        blasint(aLayout.stride),
                        b.baseAddress,
                        blasint(bLayout.stride),
                        accumulate ? 1 : 0,
                        c.baseAddress,
                        blasint(cStride)
                    )
                }
            }
        }
    }
}
