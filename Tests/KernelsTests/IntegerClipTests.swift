// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestKit
import Testing

@Suite struct IntegerClipTests {
    private static func squaredNorm(_ q: [Int64]) -> UInt128 {
        q.reduce(0) { $0 + UInt128($1.magnitude) * UInt128($1.magnitude) }
    }

    /// The clipped vector, from an accumulator that starts at zero.
    private static func added(
        _ x: [Float],
        _ clip: IntegerClip,
        _ width: Accumulator.Width = .wide,
        squaredNorm: Double? = nil
    ) -> (q: [Int64], outcome: IntegerClip.Outcome) {
        let sum = Accumulator(count: x.count, width: width)
        let squares = squaredNorm ?? Reductions.sumOfSquares(x.span)
        let outcome = clip.add(gradient: x.span, squaredNorm: squares, to: sum)
        var q = [Int64](repeating: 0, count: x.count)
        var span = q.mutableSpan
        sum.read(0..<x.count, into: &span)
        return (q, outcome)
    }

    private static var hostile: [(name: String, values: [Float])] {
        let count = 1003
        func single(_ value: Float) -> [Float] {
            (0..<count).map { $0 == 500 ? value : 0 }
        }
        return [
            ("zeros", [Float](repeating: 0, count: count)),
            ("one NaN", single(.nan)),
            ("one infinity", single(-.infinity)),
            ("infinities", [Float](repeating: .infinity, count: count)),
            ("greatest", [Float](repeating: .greatestFiniteMagnitude, count: count)),
            ("one greatest", single(-.greatestFiniteMagnitude)),
            ("1e30", [Float](repeating: -1e30, count: count)),
            ("subnormal", [Float](repeating: .leastNonzeroMagnitude, count: count)),
            ("equal", [Float](repeating: 0.1, count: count)),
            ("halves", (0..<count).map { Float($0 % 7) + 0.5 }),
            ("small", testFloats(count, seed: 1, scale: 1e-6)),
            ("middle", testFloats(count, seed: 2, scale: 0.06)),
            ("great", testFloats(count, seed: 3, scale: 1e20)),
            ("nasty but finite", (0..<count).map { nastyFloats.filter(\.isFinite)[$0 % 25] }),
        ]
    }

    @Test(
        arguments: [1, 2, 31, 32, 1000, 123_457, 1 << 20, 1 << 30, 1 << 31, (1 << 44) + 1, 1 << 55] as [Int64],
        [-100, -3, 0, 10, 20, 100]
    )
    func neverAboveTheBound(bound: Int64, gridExponent: Int) {
        let clip = IntegerClip(bound: bound, gridExponent: gridExponent, dimension: 1003)
        for (name, values) in Self.hostile {
            let wide = Self.added(values, clip)
            #expect(Self.squaredNorm(wide.q) <= UInt128(bound) * UInt128(bound), "\(name)")
            if bound <= 1 << 30 { #expect(Self.added(values, clip, .narrow).q == wide.q, "\(name)") }
        }
    }

    /// The bound does not rest on the norm that the caller gives; what is not added leaves no trace.
    @Test(arguments: [0, 1e-300, 1e-9, 1e-3, 1, 1e9, 1e300, .infinity, .nan, -1], Accumulator.Width.allCases)
    func neverAboveTheBoundWithAWrongNorm(squaredNorm: Double, width: Accumulator.Width) {
        for bound in [1, 1000, 1 << 26, 1 << 30] as [Int64] {
            let clip = IntegerClip(bound: bound, gridExponent: 20, dimension: 1003)
            for (name, values) in Self.hostile {
                let (q, outcome) = Self.added(values, clip, width, squaredNorm: squaredNorm)
                #expect(Self.squaredNorm(q) <= UInt128(bound) * UInt128(bound), "\(name)")
                #expect(!outcome.isZeroed || q.allSatisfy { $0 == 0 })
            }
        }
    }

    /// The shrink is that of whole numbers: sign(w) floor(|w| B / ceil(sqrt(Σ w²))), in pieces of any size.
    @Test(arguments: Accumulator.Width.allCases) func shrinksExactly(width: Accumulator.Width) {
        let x = testFloats(777, seed: 11, scale: 1000)
        let clip = IntegerClip(bound: 12_345, gridExponent: 3, dimension: x.count)
        let w = x.map { Int64(($0 * 8).rounded(.toNearestOrEven)) }
        let root = UInt128(IntegerKernels.ceilingRoot(of: Self.squaredNorm(w)))
        let truth = w.map { w in Int64(UInt128(w.magnitude) * 12_345 / root) * w.signum() }
        let (q, outcome) = Self.added(x, clip, width, squaredNorm: 0)
        #expect(q == truth)
        #expect(outcome.isClipped)
    }

    /// Vectors just around the clip norm, where only the integer step can keep the bound.
    @Test func neverAboveTheBoundNearIt() {
        for dimension in [1, 2, 3, 16, 17, 1000] {
            for seed in 0..<200 as Range<UInt64> {
                let x = testFloats(dimension, seed: seed)
                let norm = x.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                let bound = Int64(norm * 0x1p10) + Int64(seed % 3)
                let clip = IntegerClip(bound: max(bound, 1), gridExponent: 10, dimension: dimension)
                let q = Self.added(x, clip, .narrow).q
                #expect(Self.squaredNorm(q) <= UInt128(clip.bound) * UInt128(clip.bound))
            }
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity], [0, 15, 16, 1002])
    func nonFiniteContributesNothing(value: Float, place: Int) {
        for width in Accumulator.Width.allCases { expectNothing(of: value, at: place, width) }
    }

    private func expectNothing(of value: Float, at place: Int, _ width: Accumulator.Width) {
        var x = testFloats(1003, seed: 4)
        x[place] = value
        let clip = IntegerClip(bound: 5000, gridExponent: 10, dimension: x.count)
        let sum = Accumulator(count: x.count, width: width)
        let start = (0..<Int64(x.count)).map { $0 * 1_000_003 }
        sum.addIntegers(start.span, at: 0)
        let outcome = clip.add(gradient: x.span, squaredNorm: Reductions.sumOfSquares(x.span), to: sum)
        #expect(outcome.isZeroed && outcome.norm == 0)
        var values = [Int64](repeating: 0, count: x.count)
        var span = values.mutableSpan
        sum.read(0..<x.count, into: &span)
        #expect(values == start)
    }

    /// With and without one example the sums differ by exactly that example's integers, in any order of adding.
    @Test func neighbouringAccumulatorsDifferByOneVector() {
        let dimension = 777
        let clip = IntegerClip(bound: 40_000, gridExponent: 12, dimension: dimension)
        let examples = Self.hostile.map { Array($0.values.prefix(dimension)) }
        func sum(_ order: [Int]) -> [Int64] {
            let sum = Accumulator(count: dimension + 5, width: .narrow)
            for index in order {
                let x = examples[index]
                _ = clip.add(gradient: x.span, squaredNorm: Reductions.sumOfSquares(x.span), to: sum, at: 5)
            }
            var values = [Int64](repeating: 0, count: dimension)
            var span = values.mutableSpan
            sum.read(5..<(dimension + 5), into: &span)
            return values
        }
        let all = sum(Array(examples.indices))
        for left in examples.indices {
            let rest = sum(examples.indices.reversed().filter { $0 != left })
            #expect(zip(all, rest).map { $0 - $1 } == Self.added(examples[left], clip).q)
        }
    }

    /// |q g - ideal| <= g (sqrt d + B 2^-21), with the ideal x min(1, B g / |x|): what the scaling promises in
    /// accuracy.
    @Test(arguments: [1e-30, 1e-3, 1, 30, 1e30] as [Float], [14, 22])
    func closeToTheIdeal(scale: Float, gridExponent: Int) {
        let dimension = 26_010
        let g = Double(sign: .plus, exponent: -gridExponent, significand: 1)
        let clip = IntegerClip(bound: 1 << Int64(gridExponent), gridExponent: gridExponent, dimension: dimension)
        let x = testFloats(dimension, seed: 5, scale: scale)
        let norm = x.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let factor = min(1, Double(clip.bound) * g / norm)
        for (q, outcome) in [Self.added(x, clip), Self.added(x, clip, .narrow)] {
            let error = zip(x, q).reduce(0.0) { sum, pair in
                let difference = Double(pair.0) * factor - Double(pair.1) * g
                return sum + difference * difference
            }.squareRoot()
            #expect(error <= g * (Double(dimension).squareRoot() + Double(clip.bound) * 0x1p-21))
            #expect(abs(outcome.norm - norm) <= 1e-12 * norm)
            #expect(outcome.isClipped == (norm > clip.target))
        }
    }

    /// Rounding is to the nearest integer, ties to even, where nothing is clipped.
    @Test func roundsToNearestEven() {
        let x: [Float] = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, 7, -3.75]
        let clip = IntegerClip(bound: 1000, gridExponent: 0, dimension: x.count)
        #expect(Self.added(x, clip).q == [0, 2, 2, 0, -2, -2, 0, 7, -4])
    }

    @Test func rootsAreExact() {
        for n in [0, 1, 2, 3, 4, 5, 1 << 60, (1 << 60) + 1, (1 << 62) - 1, (1 << 126) - 1, 1 << 126] as [UInt128] {
            let root = UInt128(IntegerKernels.ceilingRoot(of: n))
            #expect(root * root >= n && (root == 0 || (root - 1) * (root - 1) < n))
        }
    }

    @Test func emptyVector() {
        let clip = IntegerClip(bound: 1, gridExponent: 0, dimension: 0)
        #expect(Self.added([], clip).q.isEmpty)
    }
}
