// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestKit
import Testing

@Suite struct ProductTests {
    private static func product(
        _ a: [Float],
        _ aLayout: MatrixLayout,
        _ b: [Float],
        _ bLayout: MatrixLayout,
        rows: Int,
        inner: Int,
        columns: Int
    ) -> [Double] {
        func element(_ x: [Float], _ layout: MatrixLayout, _ row: Int, _ column: Int) -> Double {
            Double(layout.isTransposed ? x[column * layout.stride + row] : x[row * layout.stride + column])
        }
        return (0..<rows * columns).map { index in
            (0..<inner).reduce(0.0) { sum, k in
                sum + element(a, aLayout, index / columns, k) * element(b, bLayout, k, index % columns)
            }
        }
    }

    @Test(arguments: [(1, 1, 1), (3, 5, 2), (16, 64, 196), (33, 17, 10)], [false, true])
    func matchesTheDefinition(size: (Int, Int, Int), isTransposed: Bool) {
        let (rows, inner, columns) = size
        let a = MatrixLayout(
            rows: isTransposed ? inner : rows,
            columns: isTransposed ? rows : inner,
            stride: max(rows, inner) + 3,
            isTransposed: isTransposed
        )
        let b = MatrixLayout(
            rows: isTransposed ? inner : columns,
            columns: isTransposed ? columns : inner,
            isTransposed: !isTransposed
        )
        let (x, y) = (testFloats(a.extent, seed: 1), testFloats(b.extent, seed: 2))
        let stride = columns + 2
        var c = [Float](repeating: .nan, count: rows * stride)
        var span = c.mutableSpan
        MatrixProduct.multiply(x.span, a, y.span, b, into: &span, stride: stride)
        let truth = Self.product(x, a, y, b, rows: rows, inner: inner, columns: columns)
        for row in 0..<rows {
            for column in 0..<columns {
                #expect(abs(Double(c[row * stride + column]) - truth[row * columns + column]) < 1e-4)
            }
            #expect(c[row * stride + columns].isNaN, "what lies between the rows is not touched")
        }
    }

    @Test(arguments: [(64, 10), (512, 32), (32, 10), (784, 512), (3, 2), (257, 33)], [false, true])
    func rowsDependOnThemselvesAlone(size: (Int, Int), isTransposed: Bool) {
        let (inner, columns) = size
        let library = RowProduct(inner: inner, columns: columns, isTransposed: isTransposed)
        let fixed = RowProduct(
            inner: inner,
            columns: columns,
            isTransposed: isTransposed,
            method: .fixedOrder
        )
        let weight = testFloats(inner * columns, seed: 3)
        let probe = testFloats(inner, seed: 4)
        let truth = (0..<columns).map { column in
            (0..<inner).reduce(0.0) { sum, k in
                sum + Double(probe[k])
                    * Double(isTransposed ? weight[column * inner + k] : weight[k * columns + column])
            }
        }
        for product in [library, fixed] {
            var expected: [UInt32]?
            for place in [0, 1, 2, 7, 15, 16, 30, 31] {
                for neighbour in [0, .nan, .infinity, -1e30, 0.3] as [Float] {
                    var a = [Float](repeating: neighbour, count: RowProduct.rows * inner)
                    a.replaceSubrange(place * inner..<(place + 1) * inner, with: probe)
                    var c = [Float](repeating: .nan, count: RowProduct.rows * columns)
                    var span = c.mutableSpan
                    product.multiply(a.span, stride: inner, weight.span, into: &span, stride: columns)
                    let row = c[place * columns..<(place + 1) * columns]
                    expected = expected ?? row.map(\.bitPattern)
                    #expect(row.map(\.bitPattern) == expected, "place \(place), neighbours \(neighbour)")
                    for (value, truth) in zip(row, truth) {
                        #expect(abs(Double(value) - truth) < 1e-4)
                    }
                }
            }
        }
    }

    @Test(arguments: RowProduct.Method.allCases, [false, true])
    func methodsComputeTheSameProduct(method: RowProduct.Method, isTransposed: Bool) {
        let (inner, columns, aStride, cStride) = (37, 19, 48, 32)
        let product = RowProduct(inner: inner, columns: columns, isTransposed: isTransposed, method: method)
        let a = testFloats(RowProduct.rows * aStride, seed: 5)
        let b = testFloats(inner * columns, seed: 6)
        var c = [Float](repeating: .infinity, count: RowProduct.rows * cStride)
        var span = c.mutableSpan
        product.multiply(a.span, stride: aStride, b.span, into: &span, stride: cStride)
        for row in 0..<RowProduct.rows {
            for column in 0..<columns {
                let truth = (0..<inner).reduce(0.0) { sum, k in
                    sum + Double(a[row * aStride + k])
                        * Double(b[isTransposed ? column * inner + k : k * columns + column])
                }
                #expect(abs(Double(c[row * cStride + column]) - truth) < 1e-5)
            }
            #expect(c[row * cStride + columns] == .infinity, "what lies between the rows is not touched")
        }
    }

    @Test func processorIsNamed() {
        Processor.prepare()
        #expect(Processor.description.hasPrefix("OpenBLAS "))
        #expect(Processor.description.split(separator: " ").count == 3)
    }

    @Test func sizesThatDifferTrap() async {
        await #expect(processExitsWith: .failure) {
            var c: [Float] = [0]
            var span = c.mutableSpan
            let layout = MatrixLayout(rows: 2, columns: 2)
            MatrixProduct.multiply([1, 2, 3, 4].span, layout, [1, 2, 3, 4].span, layout, into: &span)
        }
    }
}
