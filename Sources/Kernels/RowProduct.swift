// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Synchronization

/// A product whose rows are examples, where a row's bits depend on nothing but that row and the other operand.
///
/// OpenBLAS does not promise that: the bits of a row change with the number of rows and, on some cores, with its place.
/// A row product therefore always runs in blocks of exactly `rows` rows, the last padded with zeros by the caller, and
/// OpenBLAS is called in a way that has passed a check for this shape when the product was made: one row at every place
/// of the block, among neighbours that are ordinary, huge, infinite and NaN, has the same bits every time. Where no way
/// passes, a kernel of fixed order takes over. The choice is a function of shape, library and processor, never of data.
package struct RowProduct: Hashable, Sendable {
    /// Rows of one block: a tile of examples.
    package static let rows = 32

    /// How a block is computed.
    package enum Method: String, Hashable, Sendable, CaseIterable {
        /// One call of OpenBLAS for the 32 rows. Passes on its AVX-512 cores.
        case whole
        /// Two calls for 16 rows each, with the examples as columns. Passes on its AVX2 cores, where `whole` does not.
        case halves
        /// Our own kernel, row by row.
        case fixedOrder
    }

    /// Length of a row of the left operand.
    package let inner: Int
    /// Length of a row of the result.
    package let columns: Int
    /// Whether the right operand is stored [columns, inner] (true) or [inner, columns] (false).
    package let isTransposed: Bool
    /// The first method that passed the check for this shape.
    package let method: Method

    /// Whether OpenBLAS is used.
    package var usesLibrary: Bool { method != .fixedOrder }

    /// A product of rows of `inner` floats with a matrix, giving rows of `columns` floats; checks a shape once.
    package init(inner: Int, columns: Int, isTransposed: Bool) {
        let method = RowProductCheck.method(inner: inner, columns: columns, isTransposed: isTransposed)
        self.init(inner: inner, columns: columns, isTransposed: isTransposed, method: method)
    }

    /// The same by a given method, whether or not it passes the check; for tests and measurements.
    package init(inner: Int, columns: Int, isTransposed: Bool, method: Method) {
        precondition(inner > 0 && columns > 0, "a row product needs at least one row and column")
        self.inner = inner
        self.columns = columns
        self.isTransposed = isTransposed
        self.method = method
    }

    /// Multiplies one block: c[r] = a[r] b for all 32 rows; rows start `aStride` and `cStride` floats apart.
    package func multiply(
        _ a: Span<Float>,
        stride aStride: Int,
        _ b: Span<Float>,
        into c: inout MutableSpan<Float>,
        stride cStride: Int
    ) {
        precondition(aStride >= inner && a.count >= (Self.rows - 1) * aStride + inner, "the left operand is too short")
        precondition(b.count >= right.extent, "the right operand is too short")
        precondition(cStride >= columns && c.count >= (Self.rows - 1) * cStride + columns, "the result is too short")
        switch method {
        case .whole:
            let left = MatrixLayout(rows: Self.rows, columns: inner, stride: aStride)
            MatrixProduct.multiply(a, left, b, right, into: &c, stride: cStride)
        case .halves:
            multiplyHalves(a, stride: aStride, b, into: &c, stride: cStride)
        case .fixedOrder:
            multiplyInFixedOrder(a, stride: aStride, b, into: &c, stride: cStride)
        }
    }

    private var right: MatrixLayout {
        MatrixLayout(
            rows: isTransposed ? columns : inner,
            columns: isTransposed ? inner : columns,
            isTransposed: isTransposed
        )
    }

    /// Transposes of both operands make the transpose of the result, which is then turned round.
    private func multiplyHalves(
        _ a: Span<Float>,
        stride aStride: Int,
        _ b: Span<Float>,
        into c: inout MutableSpan<Float>,
        stride cStride: Int
    ) {
        let half = Self.rows / 2
        let left = MatrixLayout(rows: half, columns: inner, stride: aStride, isTransposed: true)
        unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: half * columns) { scratch in
            unsafe scratch.initialize(repeating: 0)
            for first in [0, half] {
                var turned = unsafe scratch.mutableSpan
                let rows = a.extracting(first * aStride..<(first + half - 1) * aStride + inner)
                MatrixProduct.multiply(b, right.transposed, rows, left, into: &turned)
                unsafe c.withUnsafeMutableBufferPointer { c in
                    unsafe sotto_transpose(
                        scratch.baseAddress!,
                        columns,
                        half,
                        c.baseAddress! + first * cStride,
                        cStride
                    )
                }
            }
        }
    }

    private func multiplyInFixedOrder(
        _ a: Span<Float>,
        stride aStride: Int,
        _ b: Span<Float>,
        into c: inout MutableSpan<Float>,
        stride cStride: Int
    ) {
        unsafe a.withUnsafeBufferPointer { a in
            unsafe b.withUnsafeBufferPointer { b in
                unsafe c.withUnsafeMutableBufferPointer { c in
                    unsafe sotto_row_product(
                        a.baseAddress!,
                        aStride,
                        b.baseAddress!,
                        isTransposed ? 1 : 0,
                        c.baseAddress!,
                        cStride,
                        Self.rows,
                        inner,
                        columns
                    )
                }
            }
        }
    }
}

/// The check behind `RowProduct.method`, remembered per shape.
private enum RowProductCheck {
    private struct Case: Hashable {
        let inner, columns: Int
        let isTransposed: Bool
    }

    private static let known = Mutex<[Case: RowProduct.Method]>([:])

    static func method(inner: Int, columns: Int, isTransposed: Bool) -> RowProduct.Method {
        let shape = Case(inner: inner, columns: columns, isTransposed: isTransposed)
        return known.withLock { known in
            if let method = known[shape] { return method }
            let method: RowProduct.Method =
                if passes(shape, .whole) { .whole } else if passes(shape, .halves) { .halves } else { .fixedOrder }
            known[shape] = method
            return method
        }
    }

    /// A probe row at each of the 32 places in turn; the neighbours of place p at turn t are of kind (p + t) mod 5.
    private static func passes(_ shape: Case, _ method: RowProduct.Method) -> Bool {
        let rows = RowProduct.rows
        let (inner, columns) = (shape.inner, shape.columns)
        let product = RowProduct(inner: inner, columns: columns, isTransposed: shape.isTransposed, method: method)
        let probe = values(count: inner, seed: 1)
        let ordinary = values(count: inner, seed: 2)
        let b = Buffer(values(count: inner * columns, seed: 3))
        let a = Buffer<Float>(count: rows * inner)
        let c = Buffer<Float>(count: rows * columns)
        let kinds: [Float] = [0, .nan, .infinity, 1e30]
        var expected: [UInt32]?
        for turn in 0..<rows {
            for place in 0..<rows {
                let kind = (place + turn) % 5
                a.write(place * inner..<(place + 1) * inner) { row in
                    for k in row.indices {
                        row[k] = place == turn ? probe[k] : kind == 4 ? ordinary[k] : kinds[kind]
                    }
                }
            }
            c.fill(.nan)
            a.read { a in
                b.read { b in
                    c.write { product.multiply(a, stride: inner, b, into: &$0, stride: columns) }
                }
            }
            let bits = c.read(turn * columns..<(turn + 1) * columns) { row in
                row.indices.map { row[$0].bitPattern }
            }
            if let expected, bits != expected { return false }
            expected = bits
        }
        return true
    }

    /// Numbers in [-1, 1) with all 24 bits in use, by a multiplicative congruence: only variety matters here.
    private static func values(count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int32(truncatingIfNeeded: state >> 32) >> 7) * 0x1p-24
        }
    }
}
