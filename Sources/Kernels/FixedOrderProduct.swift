// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Matrix products in which every element is a sum in one order: blocks of ``blockTerms`` terms, each added up from zero in
/// the order of the inner index by fused multiplications and additions, and the blocks one after another.
///
/// The bits of a row of the result depend on that row and the right operand alone: not on how many rows there are, where
/// it is among them, or the processor. OpenBLAS promises none of this, so whatever decides an example's own numbers comes
/// from here; it is also the faster way for the small products of single examples.
///
/// Operands are rounded as the ``ProductArithmetic`` says, while they are packed. In BF16 the second of two terms is added
/// before the first, and subnormal operands, sums and results are zeros, as the processors' dot products of pairs have it;
/// with or without them the bits are the same. With Float64 accumulation all terms are added in one order.
package enum FixedOrderProduct {
    /// How the loops are compiled: 2 for AVX-512, 1 for AVX2, 0 for any processor. All give the same bits.
    package static let level = Int(sotto_fixed_order_level())

    /// Terms of a block.
    package static let blockTerms = Int(SOTTO_FIXED_ORDER_TERMS)

    /// Whether this processor has dot products of BF16 pairs (AVX-512 BF16).
    package static let hasDotProducts = sotto_has_bf16_dot() != 0

    /// c = f a b, or c += f a b where `accumulate`: every block, times the factor f in one fused operation, is then added to
    /// what c was.
    ///
    /// - Parameters:
    ///   - a: as it is or transposed.
    ///   - b: [inner, columns], prepared for this arithmetic.
    ///   - c: overlaps no operand.
    ///   - level: at most ``level``; less for tests.
    package static func multiply(
        _ a: MatrixOperand,
        _ b: RightOperand,
        into c: MatrixView,
        accumulate: Bool = false,
        factor: Float = 1,
        arithmetic: ProductArithmetic,
        level: Int = level
    ) {
        let (rows, inner) = a.effective
        precondition(b.inner == inner && c.rows == rows && c.columns == b.columns, "sizes differ")
        precondition(level <= Self.level, "this processor does not have that level")
        let adds: Int32 = accumulate ? 1 : 0
        unsafe withCOperands(a, b, c, arithmetic.path) { left, right, result in
            let (stride, columns) = (c.stride, b.columns)
            let code = arithmetic.code
            switch arithmetic.path {
            case .floats:
                unsafe sotto_fixed_order_product(
                    a.view.buffer.base + a.view.offset,
                    left.row,
                    left.column,
                    b.view.buffer.base + b.view.offset,
                    right.row,
                    result,
                    stride,
                    rows,
                    inner,
                    columns,
                    adds,
                    factor,
                    0,
                    Int32(level)
                )
            case .rounded:
                unsafe sotto_rounded_product(
                    left,
                    right,
                    result,
                    stride,
                    rows,
                    inner,
                    columns,
                    adds,
                    factor,
                    code,
                    Int32(level)
                )
            case .dots:
                unsafe sotto_dot_product(left, right, result, stride, rows, inner, columns, adds, factor)
            case .wide:
                unsafe sotto_wide_product(left, right, result, stride, rows, inner, columns, adds, factor, code)
            }
        }
    }

    /// The same with a right operand as it is.
    package static func multiply(
        _ a: MatrixOperand,
        _ b: MatrixView,
        into c: MatrixView,
        accumulate: Bool = false,
        factor: Float = 1,
        arithmetic: ProductArithmetic,
        level: Int = level
    ) {
        let right = RightOperand(b)
        multiply(a, right, into: c, accumulate: accumulate, factor: factor, arithmetic: arithmetic, level: level)
    }

    /// How many products of so many terms ``multiplySegments(_:_:into:factors:arithmetic:level:)`` adds up at most; 0 where
    /// they must be taken one by one.
    package static func mostSegments(terms: Int, _ arithmetic: ProductArithmetic) -> Int {
        switch arithmetic.path {
        case .floats, .wide: 0
        case .rounded, .dots: sotto_most_segments(terms)
        }
    }

    /// c = Σ over segments s of f_s a_sᵀ b_s: the same bits as by one ``multiply(_:_:into:accumulate:factor:arithmetic:level:)``
    /// after another, but for the sign of zeros, with the sum so far in registers.
    ///
    /// - Parameters:
    ///   - a: [segments · terms, rows].
    ///   - b: prepared for this arithmetic, of `terms` terms, for every segment one right behind another.
    ///   - factors: one a segment.
    package static func multiplySegments(
        _ a: MatrixView,
        _ b: RightOperand,
        into c: MatrixView,
        factors: Span<Float>,
        arithmetic: ProductArithmetic,
        level: Int = level
    ) {
        let (segments, terms) = (factors.count, b.inner)
        precondition(a.rows == segments * terms && c.rows == a.columns && c.columns == b.columns, "sizes differ")
        precondition(segments >= 1 && segments <= mostSegments(terms: terms, arithmetic), "too many segments")
        precondition(b.isReady(for: arithmetic.path), "the right operand is not prepared")
        let stored = arithmetic.path == .dots ? (terms + 1) / 2 : terms
        precondition(b.view.rows == segments * stored, "the right operand has other segments")
        unsafe withCOperands(a.transposed, b, c, arithmetic.path) { left, right, result in
            unsafe factors.withUnsafeBufferPointer { factors in
                guard let factors = factors.baseAddress else { return }
                let (rows, columns) = (c.rows, b.columns)
                if arithmetic.path == .dots {
                    unsafe sotto_dot_segments(left, right, result, c.stride, rows, terms, columns, factors, segments)
                } else {
                    unsafe sotto_rounded_segments(
                        left,
                        right,
                        result,
                        c.stride,
                        rows,
                        terms,
                        columns,
                        factors,
                        segments,
                        arithmetic.code,
                        Int32(level)
                    )
                }
            }
        }
    }

    private static func withCOperands(
        _ a: MatrixOperand,
        _ b: RightOperand,
        _ c: MatrixView,
        _ path: ProductArithmetic.Path,
        _ body: (sotto_operand, sotto_operand, UnsafeMutablePointer<Float>) -> Void
    ) {
        let left = unsafe sotto_operand(
            base: a.view.buffer.base + a.view.offset,
            row: a.isTransposed ? 1 : a.view.stride,
            column: a.isTransposed ? a.view.stride : 1,
            ready: a.isRounded ? 1 : 0
        )
        let right = unsafe sotto_operand(
            base: b.view.buffer.base + b.view.offset,
            row: b.view.stride,
            column: 1,
            ready: b.isReady(for: path) ? 1 : 0
        )
        unsafe body(left, right, c.buffer.base + c.offset)
    }
}
