// SPDX-License-Identifier: Apache-2.0

internal import CKernels

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
