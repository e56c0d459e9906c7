// SPDX-License-Identifier: Apache-2.0

/// The right operand of a product, [inner, columns].
package struct RightOperand: Sendable {
    enum Form {
        /// Floats as they are.
        case floats
        /// Floats that are operands of the arithmetic already.
        case rounded
        /// Pairs of BF16 numbers, each in the place of one float.
        case pairs
    }

    /// Where it is.
    let view: MatrixView
    package let inner, columns: Int
    let form: Form

    /// A matrix as it is stored; `isRounded` says that its numbers are of the arithmetic's format already.
    package init(_ view: MatrixView, isRounded: Bool = false) {
        self.view = view
        (inner, columns) = (view.rows, view.columns)
        form = isRounded ? .rounded : .floats
    }

    init(pairs view: MatrixView, inner: Int, columns: Int) {
        self.view = view
        self.inner = inner
        self.columns = columns
        form = .pairs
    }

    /// The same matrix as that of several products of `terms` terms, one behind another.
    func ofSegments(terms: Int) -> RightOperand {
        RightOperand(view, inner: terms, columns: columns, form: form)
    }

    private init(_ view: MatrixView, inner: Int, columns: Int, form: Form) {
        self.view = view
        self.inner = inner
        self.columns = columns
        self.form = form
    }

    /// Whether the loops of a path take it as it is.
    func isReady(for path: ProductArithmetic.Path) -> Bool {
        precondition(form != .pairs || path == .dots, "pairs are for dot products alone")
        return path == .dots ? form == .pairs : form == .rounded
    }
}

extension RightOperand {
    /// This operand as several products of an arithmetic read it best, in the scratch where it must be changed for that; the
    /// scratch has `scratchCount` floats of a row product of this size.
    package func prepared(in scratch: Buffer<Float>, _ arithmetic: ProductArithmetic) -> RightOperand {
        guard form == .floats, arithmetic.precision != .fp32 else { return self }
        return RowProduct(inner: inner, columns: columns, isTransposed: false)
            .prepare(view, scratch: scratch, scratchOffset: 0, arithmetic: arithmetic)
    }
}
