// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestKit
import Testing

@Suite struct AccumulatorTests {
    private static let sizes = [0, 1, 2, 15, 16, 17, 511, 512, 513, 1500]

    private static func values(_ accumulator: Accumulator) -> [Int64] {
        let values = Buffer<Int64>(count: accumulator.count)
        values.write { accumulator.read(0..<accumulator.count, into: &$0) }
        return values.read { span in span.indices.map { span[$0] } }
    }

    /// What one float adds, by Swift's own rounding.
    private static func rounded(_ x: Float, _ scale: Float, _ width: Accumulator.Width) -> Int64 {
        let product = x * scale
        if product.isNaN { return 0 }
        let limit = Float(width.limit)
        return Int64(min(max(product, -limit), limit).rounded(.toNearestOrEven))
    }

    private static var inputs: [[Float]] {
        var inputs: [[Float]] = []
        for size in sizes {
            inputs.append(testFloats(size, seed: UInt64(size)))
            inputs.append(testFloats(size, seed: UInt64(size) + 1, scale: 1e10))
            inputs.append((0..<size).map { nastyFloats[$0 % nastyFloats.count] })
            inputs.append((0..<size).map { Float($0) * 0.5 - 300 })
        }
        return inputs
    }

    @Test(arguments: Accumulator.Width.allCases, [1, -1, 0.37, 0x1p20, 1e-8, 0x1p100, 3e17] as [Float])
    func addsTheNearestInteger(width: Accumulator.Width, scale: Float) {
        for x in Self.inputs {
            let plain = Accumulator(count: x.count + 3, width: width)
            let measured = Accumulator(count: x.count + 3, width: width)
            plain.add(x.span, scale: scale, at: 2)
            let squares = measured.addMeasured(x.span, scale: scale, at: 2)
            let truth = x.map { Self.rounded($0, scale, width) }
            #expect(Self.values(plain) == [0, 0] + truth + [0])
            #expect(Self.values(measured) == [0, 0] + truth + [0])
            let (sum, isOver) = truth.reduce((UInt128(0), false)) { total, w in
                let (sum, overflow) = total.0.addingReportingOverflow(UInt128(w.magnitude) * UInt128(w.magnitude))
                return (sum, total.1 || overflow)
            }
            #expect(squares == (isOver ? .max : sum))
        }
    }

    /// Integers of every magnitude between the fast sums of squares and the greatest.
    @Test(arguments: 20...62) func sumsOfSquaresAreExact(exponent: Int) {
        let x = testFloats(1200, seed: 7, scale: Float(sign: .plus, exponent: exponent, significand: 1))
        for width in Accumulator.Width.allCases {
            let accumulator = Accumulator(count: x.count, width: width)
            let squares = accumulator.addMeasured(x.span, scale: 1, at: 0)
            let truth = x.reduce(into: UInt128(0)) { sum, x in
                let w = UInt128(Self.rounded(x, 1, width).magnitude)
                sum = sum.addingReportingOverflow(w * w).overflow ? .max : sum + w * w
            }
            #expect(squares == truth)
        }
    }

    @Test(arguments: Accumulator.Width.allCases) func subtractingLeavesNoTrace(width: Accumulator.Width) {
        for x in Self.inputs where !x.isEmpty {
            let accumulator = Accumulator(count: x.count, width: width)
            let start = (0..<Int64(x.count)).map { $0 * 1_000_003 - (1 << 30) }
            accumulator.addIntegers(start.span, at: 0)
            for scale in [0.37, 0x1p20, 1e30] as [Float] {
                accumulator.add(x.span, scale: scale, at: 0)
                _ = accumulator.addMeasured(x.span, scale: -scale, at: 0)
                accumulator.add(x.span, scale: scale, at: 0)
                accumulator.subtract(x.span, scale: scale, at: 0)
            }
            #expect(Self.values(accumulator) == start)
        }
    }

    /// Modulo 2^32 and 2^64: a sum that left the range and came back is right.
    @Test func sumsWrapAround() {
        let narrow = Accumulator(count: 2, width: .narrow)
        let wide = Accumulator(count: 2, width: .wide)
        for _ in 0..<5 {
            narrow.addIntegers([1 << 30, -(1 << 30)].span, at: 0)
            wide.addIntegers([1 << 62, -(1 << 62)].span, at: 0)
        }
        #expect(Self.values(narrow) == [1 << 30, -(1 << 30)])
        #expect(Self.values(wide) == [1 << 62, -(1 << 62)])
        for _ in 0..<4 { narrow.add([-0x1p30, 0x1p30].span, scale: 1, at: 0) }
        for _ in 0..<4 { wide.add([-0x1p62, 0x1p62].span, scale: 1, at: 0) }
        #expect(Self.values(narrow) == [1 << 30, -(1 << 30)])
        #expect(Self.values(wide) == [1 << 62, -(1 << 62)])
    }

    @Test func accumulatorsAddUp() {
        let x = (0..<100).map { Int64($0) * 12_345_678 - 600_000_000 }
        let pairs: [(Accumulator.Width, Accumulator.Width)] = [(.narrow, .narrow), (.wide, .narrow), (.wide, .wide)]
        for (left, right) in pairs {
            let sum = Accumulator(count: 100, width: left)
            let other = Accumulator(count: 100, width: right)
            other.addIntegers(x.span, at: 0)
            sum.add(other, 10..<100)
            sum.add(other, 20..<30)
            let truth = x.indices.map { $0 < 10 ? 0 : (20..<30).contains($0) ? 2 * x[$0] : x[$0] }
            #expect(Self.values(sum) == truth)
            sum.clear()
            #expect(Self.values(sum).allSatisfy { $0 == 0 })
        }
    }

    @Test func readsARange() {
        let accumulator = Accumulator(count: 10, width: .narrow)
        accumulator.addIntegers((0..<10).map { -Int64($0) }.span, at: 0)
        var values = [Int64](repeating: 99, count: 3)
        var span = values.mutableSpan
        accumulator.read(4..<7, into: &span)
        #expect(values == [-4, -5, -6])
        #expect(accumulator.bytes == 40)
        #expect(Accumulator(count: 10, width: .wide).bytes == 80)
    }

    @Test func levelsAgree() {
        let scales: [Float] = [1, 0.37, 0x1p20, 1e-8, 0x1p100, 3e17, 0x1p-140]
        for x in Self.inputs where !x.isEmpty {
            #expect(LevelCheck.accumulatorDifferences(on: x, scales: scales).isEmpty)
        }
    }

    @Test func roundingDown() {
        for value in [0, 1, 0.1, 0.3, 1e-30, 1e-44, 0x1.ffffffp0, 1 + 0x1p-40, 3.3e38, 0x1p-150] {
            let rounded = Float.roundedDown(value)
            #expect(Double(rounded) <= value)
            #expect(Double(rounded.nextUp) > value)
        }
    }
}
