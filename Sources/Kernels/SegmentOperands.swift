// SPDX-License-Identifier: Apache-2.0

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
