// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestKit
import Testing

extension MatrixOperand {
    fileprivate subscript(row: Int, column: Int) -> Double {
        Double(isTransposed ? view[column, row] : view[row, column])
    }
}

/// a b, element by element in Double.
private func product(_ a: MatrixOperand, _ b: MatrixOperand, _ row: Int, _ column: Int, _ inner: Int) -> Double {
    (0..<inner).reduce(0.0) { $0 + a[row, $1] * b[$1, column] }
}

@Suite struct MatrixProductTests {
    @Test(arguments: [(1, 1, 1), (3, 5, 2), (16, 64, 196), (33, 17, 10)], [false, true])
    func matchesTheDefinition(size: (Int, Int, Int), isTransposed: Bool) {
        let (rows, inner, columns) = size
        let a = isTransposed ? view(rows: inner, columns: rows, seed: 1) : view(rows: rows, columns: inner, seed: 1)
        let b =
            isTransposed ? view(rows: inner, columns: columns, seed: 2) : view(rows: columns, columns: inner, seed: 2)
        let left = MatrixOperand(a, isTransposed: isTransposed)
        let right = MatrixOperand(b, isTransposed: !isTransposed)
        let c = view(rows: rows, columns: columns, seed: 3)
        c.buffer.fill(.nan)
        for factor in [1.0, 2] {
            MatrixProduct.multiply(left, right, into: c, accumulate: factor == 2)
            for row in 0..<rows {
                for column in 0..<columns {
                    let truth = factor * product(left, right, row, column, inner)
                    #expect(abs(Double(c[row, column]) - truth) < 1e-4)
                }
            }
            #expect(c.isUntouchedAround)
        }
    }

    @Test func sizesThatDifferTrap() async {
        await #expect(processExitsWith: .failure) {
            let square = MatrixView(Buffer([1, 2, 3, 4]), rows: 2, columns: 2)
            MatrixProduct.multiply(square.asIs, square.asIs, into: MatrixView(Buffer(count: 1), rows: 1, columns: 1))
        }
    }

    @Test func leavingTheBufferTraps() async {
        await #expect(processExitsWith: .failure) {
            _ = MatrixView(Buffer<Float>(count: 6), offset: 1, rows: 2, columns: 3)
        }
    }

    @Test func processorIsNamed() {
        Processor.prepare()
        #expect(Processor.description.hasPrefix("OpenBLAS "))
        #expect(Processor.description.split(separator: " ").count == 3)
    }
}

@Suite struct FixedOrderProductTests {
    static let sizes = [
        (1, 1, 1), (1, 200, 3), (3, 5, 2), (6, 128, 16), (7, 129, 17), (16, 64, 196), (33, 300, 47), (13, 1, 33),
    ]

    /// The sum that the documentation promises, term by term.
    private static func element(
        _ a: MatrixOperand,
        _ b: MatrixView,
        _ row: Int,
        _ column: Int,
        _ start: Float?
    ) -> Float {
        let terms = FixedOrderProduct.blockTerms
        var sum = start
        for first in stride(from: 0, to: b.rows, by: terms) {
            var block: Float = 0
            for k in first..<min(b.rows, first + terms) {
                block.addProduct(Float(a[row, k]), b[k, column])
            }
            sum = sum.map { $0 + block } ?? block
        }
        return sum ?? 0
    }

    @Test(arguments: sizes, [false, true])
    func orderIsFixed(size: (Int, Int, Int), isTransposed: Bool) {
        let (rows, inner, columns) = size
        let a = isTransposed ? view(rows: inner, columns: rows, seed: 1) : view(rows: rows, columns: inner, seed: 1)
        let left = MatrixOperand(a, isTransposed: isTransposed)
        let right = view(rows: inner, columns: columns, seed: 2)
        for accumulate in [false, true] {
            let start = view(rows: rows, columns: columns, seed: 3)
            let truth = (0..<rows).map { row in
                (0..<columns).map { column in
                    Self.element(left, right, row, column, accumulate ? start[row, column] : nil).bitPattern
                }
            }
            for level in 0...FixedOrderProduct.level {
                let c = view(rows: rows, columns: columns, seed: 3)
                if !accumulate { c.buffer.fill(.nan) }
                FixedOrderProduct.multiply(
                    left,
                    right,
                    into: c,
                    accumulate: accumulate,
                    arithmetic: .single,
                    level: level
                )
                #expect((0..<rows).map { c.bits($0) } == truth, "level \(level), accumulate \(accumulate)")
                #expect(c.isUntouchedAround)
            }
        }
    }

    @Test(arguments: [(1, 1), (8, 8), (7, 33), (64, 20)])
    func transposes(size: (Int, Int)) {
        let matrix = view(rows: size.0, columns: size.1, seed: 1)
        let turned = view(rows: size.1, columns: size.0, seed: 2)
        turned.assignTransposed(matrix)
        for row in 0..<size.0 {
            for column in 0..<size.1 { #expect(turned[column, row] == matrix[row, column]) }
        }
        #expect(turned.isUntouchedAround)
    }
}

@Suite struct RowProductTests {
    @Test(arguments: [(64, 10), (512, 32), (32, 10), (784, 512), (3, 2), (257, 33)], [false, true])
    func rowsDependOnThemselvesAlone(size: (Int, Int), isTransposed: Bool) {
        let (inner, columns) = size
        let product = RowProduct(inner: inner, columns: columns, isTransposed: isTransposed)
        let weight = MatrixView(
            Buffer(testFloats(inner * columns, seed: 3)),
            rows: isTransposed ? columns : inner,
            columns: isTransposed ? inner : columns
        )
        let right = MatrixOperand(weight, isTransposed: isTransposed)
        let probe = testFloats(inner, seed: 4)
        let alone = MatrixView(Buffer(probe), rows: 1, columns: inner)
        let truth = (0..<columns).map { MatrixOperand(alone).dot(right, column: $0) }
        let scratch = Buffer<Float>(count: product.scratchCount)
        var expected: [UInt32]?
        for (rows, place) in [(1, 0), (2, 1), (5, 0), (5, 4), (7, 6), (16, 15), (33, 17), (33, 32)] {
            for neighbour in [0, .nan, .infinity, -1e30, 0.3] as [Float] {
                var values = [Float](repeating: neighbour, count: rows * inner)
                values.replaceSubrange(place * inner..<(place + 1) * inner, with: probe)
                let a = MatrixView(Buffer(values), rows: rows, columns: inner)
                let c = MatrixView(Buffer(count: rows * columns), rows: rows, columns: columns)
                c.buffer.fill(.nan)
                product.multiply(
                    a,
                    weight,
                    into: c,
                    rows: rows,
                    scratch: scratch,
                    scratchOffset: 0,
                    arithmetic: .single
                )
                expected = expected ?? c.bits(place)
                #expect(c.bits(place) == expected, "row \(place) of \(rows), neighbours \(neighbour)")
            }
        }
        for (bits, truth) in zip(expected ?? [], truth) {
            #expect(abs(Double(Float(bitPattern: bits)) - truth) < 1e-4)
        }
    }

    @Test func rowsBeyondAreNotTouched() {
        let product = RowProduct(inner: 4, columns: 3, isTransposed: false)
        let c = MatrixView(Buffer([Float](repeating: 7, count: 9)), rows: 3, columns: 3)
        let a = view(rows: 3, columns: 4, seed: 1)
        let b = view(rows: 4, columns: 3, seed: 2)
        product.multiply(a, b, into: c, rows: 2, scratch: Buffer(count: 0), scratchOffset: 0, arithmetic: .single)
        #expect((0..<3).allSatisfy { c[2, $0] == 7 && c[1, $0] != 7 })
    }
}

extension MatrixOperand {
    /// The element of a product with one row.
    fileprivate func dot(_ right: MatrixOperand, column: Int) -> Double {
        product(self, right, 0, column, view.columns)
    }
}
