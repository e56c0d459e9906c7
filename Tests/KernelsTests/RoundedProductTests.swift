// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestKit
import Testing

/// Products of rounded operands against the sums that their documentation promises, term by term.
@Suite struct RoundedProductTests {
    private static let sizes = [
        (1, 1, 1), (1, 200, 3), (3, 5, 2), (6, 128, 16), (7, 129, 17), (16, 64, 196), (70, 300, 47), (13, 1, 33),
        (65, 27, 32), (9, 131, 140), (8, 2, 31),
    ]

    /// What is multiplied: numbers near 1, numbers whose products and sums are subnormal, and all kinds of bits.
    enum Values: CaseIterable {
        case usual, tiny, anything

        func value(_ x: Float, _ index: Int) -> Float {
            switch self {
            case .usual: return x
            case .tiny: return x * (index % 3 == 0 ? 0x1p-64 : index % 3 == 1 ? 0x1p-62 : 0x1p-126)
            case .anything: return Float(bitPattern: UInt32(truncatingIfNeeded: index) &* 2_654_435_761 &+ x.bitPattern)
            }
        }
    }

    private func operand(_ rows: Int, _ columns: Int, seed: UInt64, _ values: Values) -> MatrixView {
        let matrix = view(rows: rows, columns: columns, seed: seed)
        for row in 0..<rows {
            let start = matrix.offset + row * matrix.stride
            matrix.buffer.write(start..<start + columns) { span in
                for index in span.indices { span[index] = values.value(span[index], row * columns + index) }
            }
        }
        return matrix
    }

    /// A float, or zero where dot products have zero.
    private static func flushed(_ x: Float, _ arithmetic: ProductArithmetic) -> Float {
        arithmetic.precision == .bf16 && x.isSubnormal ? (x < 0 ? -0.0 : 0) : x
    }

    /// The sum of a block of terms, in the order of the arithmetic.
    private static func block(_ terms: [(Float, Float)], _ arithmetic: ProductArithmetic) -> Float {
        var sum: Float = 0
        func add(_ x: Float, _ y: Float) { sum = flushed(sum.addingProduct(x, y), arithmetic) }
        guard arithmetic.precision == .bf16 else {
            for (x, y) in terms { add(x, y) }
            return sum
        }
        for first in stride(from: 0, to: terms.count, by: 2) {
            let second = first + 1 < terms.count ? terms[first + 1] : (0, 0)
            add(second.0, second.1)
            add(terms[first].0, terms[first].1)
        }
        return sum
    }

    private static func element(
        _ terms: [(Float, Float)],
        _ start: Float?,
        _ factor: Float,
        _ arithmetic: ProductArithmetic
    ) -> Float {
        if arithmetic.accumulation == .fp64 {
            let sum = Double(factor) * terms.reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            return Float(start.map { Double($0) + sum } ?? sum)
        }
        var sum = start
        for first in stride(from: 0, to: terms.count, by: FixedOrderProduct.blockTerms) {
            let part = block(Array(terms[first..<min(terms.count, first + FixedOrderProduct.blockTerms)]), arithmetic)
            sum =
                sum.map { flushed(flushed($0, arithmetic).addingProduct(factor, part), arithmetic) }
                ?? flushed(factor * part, arithmetic)
        }
        return sum ?? 0
    }

    private static let arithmetics =
        ProductArithmetic.roundingOperands
        + Precision.allCases.map { ProductArithmetic($0, accumulation: .fp64) }

    @Test(arguments: arithmetics, Values.allCases)
    func sumsAreAsPromised(arithmetic: ProductArithmetic, values: Values) {
        for (rows, inner, columns) in Self.sizes {
            for isTransposed in [false, true] {
                let a = isTransposed ? operand(inner, rows, seed: 1, values) : operand(rows, inner, seed: 1, values)
                let b = operand(inner, columns, seed: 2, values)
                func left(_ row: Int, _ k: Int) -> Float {
                    arithmetic.operand(isTransposed ? a[k, row] : a[row, k])
                }
                for (accumulate, factor) in [(false, 1), (true, 1), (false, 0.3), (true, 0.3)] as [(Bool, Float)] {
                    let start = view(rows: rows, columns: columns, seed: 3)
                    let truth = (0..<rows).map { row in
                        (0..<columns).map { column in
                            Self.element(
                                (0..<inner).map { (left(row, $0), arithmetic.operand(b[$0, column])) },
                                accumulate ? start[row, column] : nil,
                                factor,
                                arithmetic
                            )
                        }
                    }
                    for level in 0...FixedOrderProduct.level {
                        let c = view(rows: rows, columns: columns, seed: 3)
                        if !accumulate { c.buffer.fill(.nan) }
                        FixedOrderProduct.multiply(
                            MatrixOperand(a, isTransposed: isTransposed),
                            b,
                            into: c,
                            accumulate: accumulate,
                            factor: factor,
                            arithmetic: arithmetic,
                            level: level
                        )
                        var wrong = 0
                        for row in 0..<rows {
                            for column in 0..<columns {
                                let (x, y) = (c[row, column], truth[row][column])
                                if x.bitPattern != y.bitPattern, !(x.isNaN && y.isNaN) { wrong += 1 }
                            }
                        }
                        #expect(wrong == 0, "\(rows) x \(inner) x \(columns), \(isTransposed), \(accumulate), \(level)")
                        #expect(c.isUntouchedAround)
                    }
                }
            }
        }
    }

    /// What is prepared once gives the same as what is rounded at every product.
    @Test(arguments: arithmetics, [false, true])
    func preparedOperandsAreTheSame(arithmetic: ProductArithmetic, isTransposed: Bool) {
        for (rows, inner, columns) in Self.sizes {
            let a = operand(rows, inner, seed: 4, .anything)
            let b = isTransposed ? operand(columns, inner, seed: 5, .usual) : operand(inner, columns, seed: 5, .usual)
            let product = RowProduct(inner: inner, columns: columns, isTransposed: isTransposed)
            let scratch = Buffer<Float>(count: product.scratchCount + 7)
            scratch.fill(.nan)
            let c = view(rows: rows, columns: columns, seed: 6)
            product.multiply(a, b, into: c, rows: rows, scratch: scratch, scratchOffset: 7, arithmetic: arithmetic)
            let straight = MatrixView(Buffer(count: inner * columns), rows: inner, columns: columns)
            if isTransposed { straight.assignTransposed(b) } else { straight.assign(b) }
            let expected = view(rows: rows, columns: columns, seed: 6)
            FixedOrderProduct.multiply(a.asIs, straight, into: expected, arithmetic: arithmetic)
            for row in 0..<rows {
                #expect(
                    zip(c.bits(row), expected.bits(row)).allSatisfy { x, y in
                        x == y || Float(bitPattern: x).isNaN && Float(bitPattern: y).isNaN
                    }
                )
            }
        }
    }

    /// Operands that are rounded already are not changed by rounding them again.
    @Test(arguments: ProductArithmetic.roundingOperands)
    func roundedOperandsStay(arithmetic: ProductArithmetic) {
        let a = operand(9, 40, seed: 7, .usual)
        let b = operand(40, 33, seed: 8, .usual)
        let expected = view(rows: 9, columns: 33, seed: 9)
        FixedOrderProduct.multiply(a.asIs, b, into: expected, arithmetic: arithmetic)
        a.assignRounded(a, arithmetic)
        b.assignRounded(b, arithmetic)
        let found = view(rows: 9, columns: 33, seed: 9)
        FixedOrderProduct.multiply(
            MatrixOperand(a, isRounded: true),
            RightOperand(b, isRounded: true),
            into: found,
            arithmetic: arithmetic
        )
        for row in 0..<9 { #expect(found.bits(row) == expected.bits(row)) }
    }

    /// Many products with factors at once are the same as one after another.
    @Test(arguments: ProductArithmetic.roundingOperands, Values.allCases)
    func segmentsAreTheSame(arithmetic: ProductArithmetic, values: Values) {
        for (segments, terms, rows, columns) in [
            (1, 1, 1, 1), (3, 1, 7, 33), (5, 4, 9, 16), (4, 7, 70, 47), (3, 16, 64, 100), (2, 300, 5, 40),
            (9, 2, 32, 15),
        ] {
            let a = operand(segments * terms, rows, seed: 11, values)
            let b = operand(segments * terms, columns, seed: 12, values)
            let factors = testFloats(segments, seed: 13)
            let expected = view(rows: rows, columns: columns, seed: 14)
            for segment in 0..<segments {
                let range = segment * terms..<(segment + 1) * terms
                FixedOrderProduct.multiply(
                    a.rows(range).transposed,
                    b.rows(range),
                    into: expected,
                    accumulate: segment > 0,
                    factor: factors[segment],
                    arithmetic: arithmetic
                )
            }
            #expect(FixedOrderProduct.mostSegments(terms: terms, arithmetic) >= segments)
            let count = SegmentOperands.scratchCount(segments: segments, terms: terms, columns: columns)
            let scratch = Buffer<Float>(count: count)
            scratch.fill(.nan)
            let inputs = SegmentOperands(b, isRounded: false, terms: terms, scratch: scratch, arithmetic: arithmetic)
                .make()
            for level in 0...FixedOrderProduct.level {
                let found = view(rows: rows, columns: columns, seed: 15)
                FixedOrderProduct.multiplySegments(
                    a,
                    inputs,
                    into: found,
                    factors: factors.span,
                    arithmetic: arithmetic,
                    level: level
                )
                var wrong = 0
                for row in 0..<rows {
                    for column in 0..<columns {
                        let (x, y) = (found[row, column], expected[row, column])
                        if x != y, !(x.isNaN && y.isNaN) { wrong += 1 }
                    }
                }
                #expect(wrong == 0, "\(segments) x \(terms), \(rows) x \(columns), level \(level)")
                #expect(found.isUntouchedAround)
            }
        }
    }
}
