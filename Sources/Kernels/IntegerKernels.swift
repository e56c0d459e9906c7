// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Loops over integers in grid units.
package enum IntegerKernels {
    /// w[i] = what an ``Accumulator`` of this width adds for x[i] and `scale`.
    package static func round(
        _ x: Span<Float>,
        scale: Float,
        width: Accumulator.Width,
        into w: inout MutableSpan<Int64>
    ) {
        precondition(x.count == w.count, "sizes differ")
        unsafe x.withUnsafeBufferPointer { x in
            unsafe w.withUnsafeMutableBufferPointer { w in
                unsafe sotto_round_products(x.baseAddress, x.count, scale, width == .wide ? 1 : 0, w.baseAddress)
            }
        }
    }

    /// w[i] = sign(w[i]) floor(|w[i]| numerator / denominator), exactly.
    ///
    /// - Parameters:
    ///   - numerator: at most `denominator`.
    ///   - denominator: positive.
    package static func shrink(_ w: inout MutableSpan<Int64>, numerator: UInt64, denominator: UInt64) {
        precondition(numerator <= denominator && denominator > 0, "not a factor in 0...1")
        for index in w.indices {
            // The quotient is at most |w|, so it fits, and so does its sign: w is never -2^63.
            let product = w[index].magnitude.multipliedFullWidth(by: numerator)
            let smaller = Int64(denominator.dividingFullWidth(product).quotient)
            w[index] = w[index] < 0 ? -smaller : smaller
        }
    }

    /// sum[i] += q[i].
    package static func add(_ q: Span<Int32>, to sum: inout MutableSpan<Int64>) {
        precondition(q.count == sum.count, "sizes differ")
        unsafe q.withUnsafeBufferPointer { q in
            unsafe sum.withUnsafeMutableBufferPointer { sum in
                unsafe sotto_add_int32(sum.baseAddress, q.baseAddress, q.count)
            }
        }
    }

    /// The least r with r^2 >= n, for n up to 2^126.
    package static func ceilingRoot(of n: UInt128) -> UInt64 {
        precondition(n <= 1 << 126, "the root does not fit")
        var low: UInt64 = 0
        var high: UInt64 = 1 << 63
        while low < high {
            let middle = low + (high - low) / 2
            if UInt128(middle) * UInt128(middle) >= n { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
