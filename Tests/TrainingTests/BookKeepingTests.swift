// SPDX-License-Identifier: Apache-2.0

import Kernels
import Randomness
import TestKit
import Testing
import Training

/// Real float sums, with and without an example, against the certificate.
@Suite struct BookKeepingTests {
    private static func distance(_ left: [Int64], _ right: [Int64]) -> Double {
        zip(left, right).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot()
    }

    /// Operands on which sums go wrong.
    private static func operands(
        _ kind: Int,
        _ layer: LeafLayer,
        _ stream: inout InsecureTestStream
    ) -> BookKeeping.Operands {
        func rows(_ count: Int, scale: Float) -> [[Float]] {
            (0..<layer.places).map { _ in (0..<count).map { _ in (2 * stream.unitFloat() - 1) * scale } }
        }
        var errors = rows(layer.outputs, scale: 1)
        var inputs = rows(layer.inputs, scale: 1)
        switch kind {
        case 0: break
        case 1:  // cancels: the mass is great, the gradient is next to nothing
            for t in stride(from: 1, to: layer.places, by: 2) {
                errors[t] = errors[t - 1].map { -$0 * (1 + 0x1p-20 * stream.unitFloat()) }
                inputs[t] = inputs[t - 1]
            }
        case 2:  // one great term and many that are lost beside it
            errors = errors.enumerated().map { t, row in row.map { _ in t == 0 ? 1 : 0x1.8p-24 } }
            inputs = inputs.map { $0.map { _ in 1 } }
        case 3: errors = rows(layer.outputs, scale: 1e30)
        case 4:  // too small for a product in Float
            errors = rows(layer.outputs, scale: 1e-30)
            inputs = rows(layer.inputs, scale: 1e-12)
        case 5:  // clipped errors too small, beside great inputs
            errors = rows(layer.outputs, scale: 1e-36)
            inputs = rows(layer.inputs, scale: 1e37)
        case 6: inputs[0][0] = .nan
        case 7: errors[0][0] = .infinity
        default:
            errors = errors.map { $0.map { _ in 0 } }
        }
        return BookKeeping.Operands(errors: errors, inputs: inputs)
    }

    private static let layers = [
        LeafLayer(outputs: 3, inputs: 20, places: 1),
        LeafLayer(outputs: 5, inputs: 7, places: 9, gramTerms: 4),
        LeafLayer(outputs: 2, inputs: 6, places: 16, productTerms: 20),
    ]

    @Test(arguments: [0, 6, 20, 30], [0, 1, 2, 3]) func neverExceedsTheCertificate(gridExponent: Int, kinds: Int) throws
    {
        let simulation = BookKeeping(
            exactCoordinates: 11,
            layers: Self.layers,
            capacities: [8, 4, 2],
            clip: 1,
            gridExponent: gridExponent
        )
        let bound = Double(try #require(simulation.certificate.bound(clip: 1)))
        var stream = InsecureTestStream(seed: UInt64(gridExponent * 10 + kinds))
        let count = 24
        let examples: [BookKeeping.Example] = (0..<count).map { place in
            let kind = kinds == 0 ? 0 : kinds == 1 ? place % 3 : kinds == 2 ? place % 9 : 2
            return BookKeeping.Example(
                key: stream.next() >> (place % 2 == 0 ? 0 : 40),
                exact: (0..<11).map { _ in (2 * stream.unitFloat() - 1) * (kind == 3 ? 1e20 : 1) },
                layers: Self.layers.map { Self.operands(kind, $0, &stream) }
            )
        }
        let all = simulation.sum(examples)
        var greatest = 0.0
        for left in 0..<count {
            var fewer = examples
            fewer.remove(at: left)
            fewer.reverse()
            greatest = max(greatest, Self.distance(all, simulation.sum(fewer)))
        }
        #expect(greatest <= bound)
        // Not by being far from it: some example is not clipped away.
        #expect(greatest > 0.3 * Double(sign: .plus, exponent: gridExponent, significand: 1))
    }

    /// A full leaf that splits errs by 1.5 in every coordinate: half a unit in each of three roundings. The bound is
    /// met up to its float terms, and without the grid's term of 1.5 √d it would be exceeded.
    @Test func theGridTermIsAttained() throws {
        let dimension = 400
        let layer = LeafLayer(outputs: 1, inputs: dimension, places: 1)
        let small: Float = 0x1p-10
        // In units of the grid: the new example is 0.5 + 3 s in each coordinate, so the clip norm is just that long.
        let clip = Double(0.5 + 3 * small) * Double(dimension).squareRoot() * (1 + 0x1p-20)
        let simulation = BookKeeping(
            exactCoordinates: 0,
            layers: [layer],
            capacities: [8],
            clip: clip,
            gridExponent: 0
        )
        func example(_ key: UInt64, _ value: Float) -> BookKeeping.Example {
            let inputs = [[Float](repeating: value, count: dimension)]
            return BookKeeping.Example(key: key, exact: [], layers: [.init(errors: [[1]], inputs: inputs)])
        }
        // Eight in one leaf sum to 0.5 - s, which is 0. With the ninth one leaf is 0.5 + s and the other 0.5 + s: 1 and
        // 1.
        var examples = [example(0, 0.5 + small), example(1 << 63, -2 * small)]
        for low in 1..<7 as Range<UInt64> { examples.append(example(1 << 63 + low, 0)) }
        let before = simulation.sum(examples)
        let after = simulation.sum(examples + [example(1 << 63 + 7, 0.5 + 3 * small)])
        #expect(before.allSatisfy { $0 == 0 } && after.allSatisfy { $0 == 2 })
        let bound = try #require(simulation.certificate.bound(clip: clip))
        #expect(Self.distance(before, after) == 40)
        #expect((40...41).contains(bound))
    }

    /// Terms that are lost one by one beside a great one: the error grows with the number of terms, as γ does.
    @Test func accumulationErrorsAreReal() throws {
        let places = 4096
        let layer = LeafLayer(outputs: 1, inputs: 1, places: places, massCap: 1.001)
        let exponent = 40
        let simulation = BookKeeping(
            exactCoordinates: 0,
            layers: [layer],
            capacities: [1],
            clip: 1.001,
            gridExponent: exponent
        )
        // Half a unit in the last place of 1, less a bit: each rounds away unless it comes before the one.
        let lost: Float = 0x1.fffffep-25
        let errors = (0..<places).map { $0 == 0 ? [Float(1)] : [lost] }
        let operands = BookKeeping.Operands(errors: errors, inputs: .init(repeating: [1], count: places))
        let sum = simulation.sum([.init(key: 0, exact: [], layers: [operands])])
        let truth = (1 + Double(lost) * Double(places - 1)) * 0x1p40
        let error = abs(Double(sum[0]) - truth) / 0x1p40
        #expect(error > 1e-5)
        #expect(error < Double(places) * 0x1p-24)
    }

    /// A product of up to 256 terms is finished before it is added to what is there: a sum just above half a unit of 1
    /// moves 1, its parts alone would not.
    @Test(arguments: [1, 2, 7, 49, 64, 128, 196, 255, 256]) func productsAreAddedWhole(terms: Int) {
        for (rows, columns) in [(1, 1), (2, 5), (10, 16), (16, 25), (33, 65), (64, 288), (128, 130)] {
            let term = 0x1p-24 * (1 + 0x1p-10) / Float(terms)
            let errors = Buffer([Float](repeating: 1, count: terms * rows))
            let inputs = Buffer([Float](repeating: term, count: terms * columns))
            let sum = Buffer([Float](repeating: 1, count: rows * columns))
            MatrixProduct.multiply(
                MatrixView(errors, rows: terms, columns: rows).transposed,
                MatrixView(inputs, rows: terms, columns: columns).asIs,
                into: MatrixView(sum, rows: rows, columns: columns),
                accumulate: true
            )
            let isWhole = sum.read { sum in sum.indices.allSatisfy { sum[$0] == 1 + 0x1p-23 } }
            #expect(isWhole, "\(rows) x \(columns)")
        }
    }

    /// A product of the same operands has the same bits wherever they lie.
    @Test(arguments: [1, 7, 64, 196, 256]) func productsDoNotDependOnPlace(terms: Int) {
        for (rows, columns) in [(1, 1), (2, 5), (10, 16), (16, 25), (33, 65), (64, 288)] {
            let errors = testFloats(terms * rows, seed: 1)
            let inputs = testFloats(terms * columns, seed: 2)
            func product(_ offset: Int) -> [Float] {
                let left = Buffer([Float](repeating: 0, count: offset) + errors)
                let right = Buffer([Float](repeating: 0, count: 3 * offset) + inputs)
                let sum = Buffer<Float>(count: offset + rows * columns)
                MatrixProduct.multiply(
                    MatrixView(left, offset: offset, rows: terms, columns: rows).transposed,
                    MatrixView(right, offset: 3 * offset, rows: terms, columns: columns).asIs,
                    into: MatrixView(sum, offset: offset, rows: rows, columns: columns)
                )
                return sum.read { sum in (offset..<sum.count).map { sum[$0] } }
            }
            let first = product(0)
            #expect((1..<18).allSatisfy { product($0) == first }, "\(rows) x \(columns)")
        }
    }
}
