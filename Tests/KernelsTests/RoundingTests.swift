// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestKit
import Testing

/// Rounding against arithmetic on doubles, and against the compiler's own half-precision numbers.
@Suite struct RoundingTests {
    /// The multiple of the format's step at x that `rule` picks: a float is a whole number of steps times a power of two, so
    /// doubles hold every value here exactly.
    static func rounded(_ x: Float, to format: NumberFormat, _ rule: FloatingPointRoundingRule) -> Float {
        guard x.isFinite, x != 0 else { return x }
        let leastExponent = format == .fp16 ? -14 : -126
        let exponent = max(Double(x).exponent, leastExponent)
        let step = Double(sign: .plus, exponent: exponent - format.fractionBits, significand: 1)
        let value = (Double(x) / step).rounded(rule) * step
        guard abs(value) > Double(format.largest) else { return value == 0 && x < 0 ? -0.0 : Float(value) }
        return rule == .towardZero ? (x < 0 ? -format.largest : format.largest) : (x < 0 ? -.infinity : .infinity)
    }

    private func agree(_ a: Float, _ b: Float) -> Bool { a.bitPattern == b.bitPattern || a.isNaN && b.isNaN }

    private func check(_ values: [Float]) {
        for format in NumberFormat.allCases {
            var (nearest, cut) = (values, values)
            var (nearestSpan, cutSpan) = (0, 0)
            do {
                var span = nearest.mutableSpan
                format.round(&span)
                nearestSpan = span.count
            }
            do {
                var span = cut.mutableSpan
                format.truncate(&span)
                cutSpan = span.count
            }
            #expect(nearestSpan == values.count && cutSpan == values.count)
            var wrong = 0
            for (index, x) in values.enumerated() {
                if !agree(nearest[index], Self.rounded(x, to: format, .toNearestOrEven)) { wrong += 1 }
                if !agree(cut[index], Self.rounded(x, to: format, .towardZero)) { wrong += 1 }
                if nearest[index].isNaN != x.isNaN || cut[index].isNaN != x.isNaN { wrong += 1 }
            }
            #expect(wrong == 0, "\(format)")
            guard format != .tf32 else { continue }
            var bits = [UInt16](repeating: 0, count: values.count)
            var back = values
            do {
                var target = bits.mutableSpan
                format.pack(values.span, into: &target)
            }
            do {
                var target = back.mutableSpan
                format.unpack(bits.span, into: &target)
            }
            #expect(zip(back, nearest).allSatisfy { agree($0, $1) })
            if format == .fp16 {
                #expect(zip(bits, values).allSatisfy { $1.isNaN || $0 == Float16($1).bitPattern })
            }
        }
    }

    /// As operands of products, one at a time and as processors with dot products round them.
    private func checkOperands(_ values: [Float]) {
        for arithmetic in ProductArithmetic.roundingOperands {
            var wrong = 0
            var found = values
            do {
                var span = found.mutableSpan
                arithmetic.round(&span)
            }
            for (x, y) in zip(values, found) where !agree(y, arithmetic.operand(x)) { wrong += 1 }
            let column = MatrixView(Buffer(values), rows: values.count, columns: 1)
            let product = MatrixView(Buffer(count: values.count), rows: values.count, columns: 1)
            let one = MatrixView(Buffer([1]), rows: 1, columns: 1)
            FixedOrderProduct.multiply(column.asIs, one, into: product, arithmetic: arithmetic)
            product.buffer.read { product in
                // A sum that begins with 0 loses the sign of a zero.
                for (index, x) in values.enumerated() where !agree(product[index], 0 + arithmetic.operand(x)) {
                    wrong += 1
                }
            }
            #expect(wrong == 0, "\(arithmetic)")
        }
    }

    /// Every pattern of the upper 17 bits, with the lower ones 0, 1, half, half and one, and all ones; in the long suite all
    /// 2^32 floats.
    @Test func allFloatsAreRoundedRight() {
        let edges: [UInt32] = [0, 1, 0x0FFF, 0x1000, 0x1001, 0x1FFF, 0x7FFF]
        if LongTests.isOn {
            for upper in UInt32(0)..<0x1_0000 {
                let values = (0..<0x1_0000).map { Float(bitPattern: upper << 16 | $0) }
                check(values)
                checkOperands(values)
            }
        } else {
            for start in stride(from: UInt32(0), to: 0x2_0000, by: 0x1000) {
                let values = (start..<start + 0x1000).flatMap { upper in
                    edges.map { Float(bitPattern: upper << 15 | $0) }
                }
                check(values)
                checkOperands(values)
            }
        }
    }

    /// Every 16-bit number comes back as itself.
    @Test(arguments: [NumberFormat.bf16, .fp16])
    func sixteenBitsSurvive(format: NumberFormat) {
        let bits = (0...UInt16.max).map { $0 }
        var values = [Float](repeating: 0, count: bits.count)
        var again = bits
        do {
            var target = values.mutableSpan
            format.unpack(bits.span, into: &target)
        }
        do {
            var target = again.mutableSpan
            format.pack(values.span, into: &target)
        }
        for index in bits.indices where !values[index].isNaN { #expect(again[index] == bits[index]) }
    }

    /// Over all words the mean is the value: exactly for what lies on 2^-16 of a step, so the sum over all 2^16 words is.
    @Test(arguments: NumberFormat.allCases, [Float(1.00390625), -3.14159, 1e-6, -2.3e-5, 65000, 0.1, 6e-8, 1e-30])
    func stochasticRoundingKeepsTheMean(format: NumberFormat, x: Float) {
        let words = (0..<UInt32(0x1_0000)).map { $0 }
        var values = [Float](repeating: x, count: words.count)
        do {
            var target = values.mutableSpan
            format.roundStochastically(&target, words: words.span)
        }
        let neighbours = Set(values)
        #expect(neighbours.count <= 2)
        let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
        let step = Double(
            abs(Self.rounded(x, to: format, .awayFromZero)) - abs(Self.rounded(x, to: format, .towardZero))
        )
        #expect(abs(mean - Double(x)) <= step * 0x1p-16 + abs(Double(x)) * 1e-15, "\(mean)")
        #expect(neighbours.allSatisfy { abs(Double($0) - Double(x)) < max(step, .leastNonzeroMagnitude) || $0 == x })
    }

    @Test func levelsAgree() {
        let patterns = (0..<5000).map { Float(bitPattern: UInt32($0) &* 2_654_435_761) }
        #expect(LevelCheck.differences(on: patterns).isEmpty)
    }
}

extension ProductArithmetic {
    /// Every way to round operands, with and without dot products.
    static let roundingOperands = [
        ProductArithmetic(.tf32), ProductArithmetic(.tf32, rounding: .truncated), ProductArithmetic(.fp16),
        ProductArithmetic(.bf16), ProductArithmetic(.bf16, usesDotProducts: false),
    ]

    /// x as an operand, by arithmetic on doubles.
    func operand(_ x: Float) -> Float {
        guard let format = precision.format else { return x }
        if precision == .bf16, x.isSubnormal { return x < 0 ? -0.0 : 0 }
        return RoundingTests.rounded(x, to: format, rounding == .truncated ? .towardZero : .toNearestOrEven)
    }
}
