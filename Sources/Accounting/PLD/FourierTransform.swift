// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The discrete Fourier transform X_k = sum over n of x_n e^(-2 pi i k n / N), N a power of two, in Float64.
///
/// Stockham's self-sorting form in passes of radix 4. In the Euclidean norm the computed vector is within
/// `relativeError(size:)` times the norm of the exact one (`docs/proofs/pld.md`, section 5).
package struct FourierTransform {
    /// A complex number: the real and the imaginary part.
    package typealias Complex = SIMD2<Double>

    /// N.
    package let size: Int
    /// e^(-2 pi i k / N) for k below N / 4.
    private let roots: [Complex]

    /// - Parameter size: a power of two, 4...2^21.
    package init(size: Int) {
        precondition(size >= 4 && size <= 1 << 21 && size & (size - 1) == 0, "a power of two in 4...2^21")
        self.size = size
        roots = (0..<size / 4).map { index in
            // The angle is at most pi/2, where sin and cos are within one unit in the last place.
            let angle = 2 * Double.pi * (Double(index) / Double(size))
            return Complex(cos(angle), -sin(angle))
        }
    }

    /// A bound of the relative error in the Euclidean norm: 17 units of 2^-53 for each factor 2 of the size.
    package static func relativeError(size: Int) -> Double {
        17 * DirectedRounding.unit * Double(size.trailingZeroBitCount)
    }

    /// Overwrites `values` with its transform.
    ///
    /// - Parameters:
    ///   - values: N elements.
    ///   - other: room for N more, whose content does not matter.
    package func transform(_ values: inout [Complex], by other: inout [Complex]) {
        precondition(values.count == size && other.count == size, "as many values as the transform has")
        var length = size
        var stride = 1
        while length >= 4 {
            Self.pass(values.span, into: other.mutableSpan, length: length, stride: stride, roots: roots.span)
            swap(&values, &other)
            length /= 4
            stride *= 4
        }
        if length == 2 {
            let half = size / 2
            for index in 0..<half {
                let (first, second) = (values[index], values[index + half])
                values[index] = first + second
                values[index + half] = first - second
            }
        }
    }

    /// One pass: `stride` interleaved transforms of `length` become 4 * `stride` of a quarter of it.
    private static func pass(
        _ input: Span<Complex>,
        into output: consuming MutableSpan<Complex>,
        length: Int,
        stride: Int,
        roots: Span<Complex>
    ) {
        let quarter = length / 4
        for place in 0..<quarter {
            let root = roots[place * stride]
            let square = product(root, root)
            let cube = product(square, root)
            for inner in 0..<stride {
                let start = inner + stride * place
                let step = stride * quarter
                let (first, second) = (input[start], input[start + step])
                let (third, fourth) = (input[start + 2 * step], input[start + 3 * step])
                let even = first + third
                let odd = first - third
                let evenRest = second + fourth
                let difference = second - fourth
                // i times the difference.
                let oddRest = Complex(-difference.y, difference.x)
                let target = inner + 4 * stride * place
                output[target] = even + evenRest
                output[target + stride] = product(root, odd - oddRest)
                output[target + 2 * stride] = product(square, even - evenRest)
                output[target + 3 * stride] = product(cube, odd + oddRest)
            }
        }
    }

    @inline(__always)
    private static func product(_ left: Complex, _ right: Complex) -> Complex {
        Complex(repeating: left.x) * right + Complex(-left.y, left.y) * Complex(right.y, right.x)
    }
}
