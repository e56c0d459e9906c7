// SPDX-License-Identifier: Apache-2.0

/// A product whose rows belong to examples, where a row's bits depend on nothing but that row and the other operand:
/// ``FixedOrderProduct`` with a right operand that may be stored transposed.
package struct RowProduct: Hashable, Sendable {
    /// Length of a row of the left operand.
    package let inner: Int
    /// Length of a row of the result.
    package let columns: Int
    /// Whether the right operand is stored [columns, inner] (true) or [inner, columns] (false).
    package let isTransposed: Bool

    /// A product of rows of `inner` floats with a matrix, giving rows of `columns` floats.
    package init(inner: Int, columns: Int, isTransposed: Bool) {
        precondition(inner > 0 && columns > 0, "a row product needs at least one row and column")
        self.inner = inner
        self.columns = columns
        self.isTransposed = isTransposed
    }

    var pairRows: Int { (inner + 1) / 2 }
    /// Columns of pairs: whole vectors.
    var pairColumns: Int { (columns + 15) / 16 * 16 }

    /// Floats of scratch for `prepare`, whatever the arithmetic.
    package var scratchCount: Int { max(inner * columns, pairRows * pairColumns) }

    /// The right operand as it is multiplied, [inner, columns]: turned round, rounded or in pairs, in the scratch; itself
    /// where nothing is to be done.
    package func prepare(
        _ b: MatrixView,
        scratch: Buffer<Float>,
        scratchOffset: Int,
        arithmetic: ProductArithmetic
    ) -> RightOperand {
        let prepared = PreparedOperand(self, b, scratch: scratch, scratchOffset: scratchOffset, arithmetic: arithmetic)
        prepared.make()
        return prepared.operand
    }

    /// c[r] = a[r] b for `rows` rows, with the right operand as `prepare` gives it.
    package func multiply(
        _ a: MatrixOperand,
        prepared b: RightOperand,
        into c: MatrixView,
        rows: Int,
        arithmetic: ProductArithmetic
    ) {
        guard rows > 0 else { return }
        let rowsInUse = MatrixOperand(a.view.rows(0..<rows), isRounded: a.isRounded)
        FixedOrderProduct.multiply(rowsInUse, b, into: c.rows(0..<rows), arithmetic: arithmetic)
    }

    /// Both at once.
    package func multiply(
        _ a: MatrixView,
        _ b: MatrixView,
        into c: MatrixView,
        rows: Int,
        scratch: Buffer<Float>,
        scratchOffset: Int,
        arithmetic: ProductArithmetic
    ) {
        let prepared = prepare(b, scratch: scratch, scratchOffset: scratchOffset, arithmetic: arithmetic)
        multiply(a.asIs, prepared: prepared, into: c, rows: rows, arithmetic: arithmetic)
    }
}
