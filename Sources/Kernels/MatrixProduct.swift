// SPDX-License-Identifier: Apache-2.0

internal import COpenBLAS

/// One operand of a product: a matrix, or its transpose.
package struct MatrixOperand: Sendable {
    /// The matrix as stored.
    package let view: MatrixView
    /// Whether the product takes it transposed.
    package let isTransposed: Bool
    /// Whether its numbers are operands of the arithmetic already, so that nothing is to be rounded.
    package let isRounded: Bool

    /// Rows and columns as the product sees them.
    var effective: (rows: Int, columns: Int) {
        isTransposed ? (view.columns, view.rows) : (view.rows, view.columns)
    }

    package init(_ view: MatrixView, isTransposed: Bool = false, isRounded: Bool = false) {
        self.view = view
        self.isTransposed = isTransposed
        self.isRounded = isRounded
    }
}

extension MatrixView {
    /// This matrix as an operand.
    package var asIs: MatrixOperand { MatrixOperand(self) }
    /// Its transpose as an operand.
    package var transposed: MatrixOperand { MatrixOperand(self, isTransposed: true) }
}

/// General matrix product in single precision, by OpenBLAS.
package enum MatrixProduct {
    /// c = a b, or c += a b where `accumulate`.
    ///
    /// Which bits come out may depend on the whole shape; where rows belong to different examples use `RowProduct`.
    /// Without `accumulate`, what c held before has no influence, NaN included. Sizes that do not match trap. The result
    /// overlaps no operand.
    package static func multiply(
        _ a: MatrixOperand,
        _ b: MatrixOperand,
        into c: MatrixView,
        accumulate: Bool = false
    ) {
        Processor.prepare()
        let (rows, inner) = a.effective
        let columns = b.effective.columns
        precondition(b.effective.rows == inner && c.rows == rows && c.columns == columns, "sizes differ")
        unsafe cblas_sgemm(
            CblasRowMajor,
            a.isTransposed ? CblasTrans : CblasNoTrans,
            b.isTransposed ? CblasTrans : CblasNoTrans,
            blasint(rows),
            blasint(columns),
            blasint(inner),
            1,
            a.view.buffer.base + a.view.offset,
            blasint(a.view.stride),
            b.view.buffer.base + b.view.offset,
            blasint(b.view.stride),
            accumulate ? 1 : 0,
            c.buffer.base + c.offset,
            blasint(c.stride)
        )
    }
}
