// SPDX-License-Identifier: Apache-2.0

internal import CKernels

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

    fileprivate var pairRows: Int { (inner + 1) / 2 }
    /// Columns of pairs: whole vectors.
    fileprivate var pairColumns: Int { (columns + 15) / 16 * 16 }

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

extension RightOperand {
    /// This operand as several products of an arithmetic read it best, in the scratch where it must be changed for that; the
    /// scratch has `scratchCount` floats of a row product of this size.
    package func prepared(in scratch: Buffer<Float>, _ arithmetic: ProductArithmetic) -> RightOperand {
        guard form == .floats, arithmetic.precision != .fp32 else { return self }
        return RowProduct(inner: inner, columns: columns, isTransposed: false)
            .prepare(view, scratch: scratch, scratchOffset: 0, arithmetic: arithmetic)
    }
}

/// Right operands of several products of one shape, one right behind another.
package struct SegmentOperands: Sendable {
    private let inputs: MatrixView
    private let isRounded: Bool
    private let terms: Int
    private let arithmetic: ProductArithmetic
    private let scratch: Buffer<Float>

    /// - Parameters:
    ///   - inputs: [segments · terms, columns].
    ///   - isRounded: whether they are operands of the arithmetic already.
    ///   - scratch: ``scratchCount(segments:terms:columns:)`` floats.
    package init(
        _ inputs: MatrixView,
        isRounded: Bool,
        terms: Int,
        scratch: Buffer<Float>,
        arithmetic: ProductArithmetic
    ) {
        precondition(inputs.rows.isMultiple(of: terms), "sizes differ")
        self.inputs = inputs
        self.isRounded = isRounded
        self.terms = terms
        self.scratch = scratch
        self.arithmetic = arithmetic
    }

    /// Floats of scratch, whatever the arithmetic.
    package static func scratchCount(segments: Int, terms: Int, columns: Int) -> Int {
        segments * RowProduct(inner: terms, columns: columns, isTransposed: false).scratchCount
    }

    /// Prepares all of them, and gives them as one operand of `terms` terms.
    package func make() -> RightOperand {
        guard !isRounded else { return RightOperand(inputs, isRounded: true).ofSegments(terms: terms) }
        let product = RowProduct(inner: terms, columns: inputs.columns, isTransposed: false)
        guard arithmetic.path == .dots else {
            let rounded = MatrixView(scratch, rows: inputs.rows, columns: inputs.columns)
            rounded.assignRounded(inputs, arithmetic)
            return RightOperand(rounded, isRounded: true).ofSegments(terms: terms)
        }
        let segments = inputs.rows / terms
        for segment in 0..<segments {
            PreparedOperand(
                product,
                inputs.rows(segment * terms..<(segment + 1) * terms),
                scratch: scratch,
                scratchOffset: segment * product.pairRows * product.pairColumns,
                arithmetic: arithmetic
            ).make()
        }
        let pairs = MatrixView(scratch, rows: segments * product.pairRows, columns: product.pairColumns)
        return RightOperand(pairs: pairs, inner: terms, columns: inputs.columns)
    }
}

/// A right operand of a row product, as it is stored and as it is multiplied: made once, multiplied often.
package struct PreparedOperand: Sendable {
    private let product: RowProduct
    private let stored: MatrixView
    private let scratch: Buffer<Float>
    private let scratchOffset: Int
    private let arithmetic: ProductArithmetic

    /// - Parameters:
    ///   - stored: as the product says that it is stored.
    ///   - scratchOffset: where `scratchCount` floats of the scratch are for it.
    package init(
        _ product: RowProduct,
        _ stored: MatrixView,
        scratch: Buffer<Float>,
        scratchOffset: Int,
        arithmetic: ProductArithmetic
    ) {
        let (rows, columns) = (product.inner, product.columns)
        precondition(
            product.isTransposed
                ? stored.rows == columns && stored.columns == rows : stored.rows == rows && stored.columns == columns,
            "sizes differ"
        )
        self.product = product
        self.stored = stored
        self.scratch = scratch
        self.scratchOffset = scratchOffset
        self.arithmetic = arithmetic
    }

    /// What is multiplied; not before ``make()``.
    package var operand: RightOperand {
        let (inner, columns) = (product.inner, product.columns)
        switch arithmetic.path {
        case .floats where !product.isTransposed:
            return RightOperand(stored)
        case .floats, .rounded, .wide:
            return RightOperand(place(inner, columns), isRounded: true)
        case .dots:
            return RightOperand(pairs: place(product.pairRows, product.pairColumns), inner: inner, columns: columns)
        }
    }

    /// Turns, rounds or pairs the stored matrix.
    package func make() {
        let (inner, columns) = (product.inner, product.columns)
        switch arithmetic.path {
        case .floats:
            if product.isTransposed { place(inner, columns).assignTransposed(stored) }
        case .rounded, .wide:
            let place = place(inner, columns)
            if product.isTransposed { place.assignTransposed(stored) }
            place.assignRounded(product.isTransposed ? place : stored, arithmetic)
        case .dots:
            makePairs()
        }
    }

    private func place(_ rows: Int, _ columns: Int) -> MatrixView {
        MatrixView(scratch, offset: scratchOffset, rows: rows, columns: columns)
    }

    private func makePairs() {
        let place = place(product.pairRows, product.pairColumns)
        let matrix = unsafe sotto_operand(
            base: stored.buffer.base + stored.offset,
            row: product.isTransposed ? 1 : stored.stride,
            column: product.isTransposed ? stored.stride : 1,
            ready: 0
        )
        unsafe (scratch.base + scratchOffset).withMemoryRebound(to: UInt32.self, capacity: place.extent.count) {
            unsafe sotto_pair_rows(matrix, product.inner, product.columns, $0, place.stride)
        }
    }
}
