// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The product of powers of characteristic functions of one direction, with the bound (6) of `docs/proofs/pld.md`.
struct LossFactor {
    /// log|phi| and arg phi, summed over the steps, for the frequencies 0...N/2.
    private var logarithms: [SIMD2<Double>]
    /// log of a bound of the product, and the sum of the relative errors.
    private var bounds: [SIMD2<Double>]
    private let size: Int
    /// The place of index 0 in steps of the grid.
    private(set) var offset = 0
    private(set) var logMoment = 0.0
    private(set) var logFurtherMoment = 0.0
    private(set) var infinite = 0.0
    private(set) var relativeError = 0.0
    /// Bounds of the Euclidean norms of the product's error and of the product.
    private(set) var errorNorm = 0.0
    private(set) var norm = 0.0

    init(size: Int) {
        self.size = size
        logarithms = [SIMD2<Double>](repeating: .zero, count: size / 2 + 1)
        bounds = logarithms
    }

    /// - Parameters:
    ///   - packed: the transform of both directions' sequences.
    ///   - error: a bound of the error of each of its elements.
    mutating func multiply(_ grid: TiltedGrid, _ packed: [SIMD2<Double>], part: Int, error: Double, count: Int) {
        let times = Double(count)
        let unit = DirectedRounding.unit
        let source = packed.span
        for frequency in 0...size / 2 {
            // X_k + i Y_k and X_-k + i Y_-k = conj(X_k) + i conj(Y_k).
            let (here, there) = (source[frequency], source[(size - frequency) & (size - 1)])
            let value =
                part == 0
                ? SIMD2(here.x + there.x, here.y - there.y) * 0.5
                : SIMD2(here.y + there.y, there.x - here.x) * 0.5
            let (real, imaginary) = (value.x + grid.atom, value.y)
            let magnitude = real * real + imaginary * imaginary
            logarithms[frequency] += times * SIMD2(0.5 * log(magnitude), atan2(imaginary, real))
            let bound = magnitude.squareRoot() + error + 4 * unit
            bounds[frequency] += times * SIMD2(log(bound), (error + 32 * unit) / bound)
        }
        offset += count * grid.offset
        logMoment += times * grid.logMoment
        logFurtherMoment += times * grid.logFurtherMoment
        infinite += times * grid.infinite
        relativeError += times * grid.relativeError
    }

    /// Adds the conjugate of the product over N to the sequence that is transformed back.
    mutating func finish(into packed: inout [SIMD2<Double>], part: Int) {
        var errorSquares = 0.0
        var squares = 0.0
        for frequency in 0...size / 2 {
            let logarithm = logarithms[frequency].x
            let magnitude = logarithm > -745 ? exp(logarithm) : 0
            let angle = logarithms[frequency].y
            let value = magnitude * SIMD2(cos(angle), sin(angle)) / Double(size)
            // Conjugates: for part 1 the sequence is i times its own.
            let conjugate = part == 0 ? SIMD2(value.x, -value.y) : SIMD2(-value.y, -value.x)
            packed[frequency] += conjugate
            let isAlone = frequency == 0 || frequency == size / 2
            if !isAlone {
                packed[size - frequency] += part == 0 ? SIMD2(value.x, value.y) : SIMD2(value.y, -value.x)
            }
            let weight = isAlone ? 1.0 : 2.0
            // exp and the angle's reduction err by what the size of the logarithm says.
            let own = DirectedRounding.unit * (8 + 4 * abs(logarithm) + 4 * abs(angle))
            let error = exp(min(bounds[frequency].x, 700)) * (bounds[frequency].y + own)
            errorSquares += weight * error * error
            squares += weight * magnitude * magnitude
        }
        errorNorm = errorSquares.squareRoot()
        norm = squares.squareRoot()
    }
}
