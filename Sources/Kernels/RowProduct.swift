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

    /// Floats of scratch for `prepare`.
    package var scratchCount: Int { isTransposed ? inner * columns : 0 }

    /// The right operand as it is multiplied, [inner, columns]: turned round in the scratch where it is stored transposed.
    package func prepare(_ b: MatrixView, scratch: Buffer<Float>, scratchOffset: Int) -> MatrixView {
        guard isTransposed else { return b }
        let turned = MatrixView(scratch, offset: scratchOffset, rows: inner, columns: columns)
        turned.assignTransposed(b)
        return turned
    }

    /// c[r] = a[r] b for `rows` rows, with the right operand as `prepare` gives it.
    package func multiply(_ a: MatrixView, prepared b: MatrixView, into c: MatrixView, rows: Int) {
        guard rows > 0 else { return }
        FixedOrderProduct.multiply(a.rows(0..<rows).asIs, b, into: c.rows(0..<rows))
    }

    /// Both at once.
    package func multiply(
        _ a: MatrixView,
        _ b: MatrixView,
        into c: MatrixView,
        rows: Int,
        scratch: Buffer<Float>,
        scratchOffset: Int
    ) {
        let prepared = prepare(b, scratch: scratch, scratchOffset: scratchOffset)
        multiply(a, prepared: prepared, into: c, rows: rows)
    }
}
