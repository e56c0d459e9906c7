// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The product of powers of characteristic functions, for both directions, with the bound (6) of `docs/proofs/pld.md`.
///
/// All laws but the last are summed up as logarithms; the last one is taken from its transform, in whose place the product
/// is written. So a composition of one kind of step needs no room here.
struct LossFactors {
    /// What is known of one direction beside the values.
    struct Direction {
        /// The place of index 0 in steps of the grid.
        fileprivate(set) var offset = 0
        fileprivate(set) var logMoment = 0.0
        fileprivate(set) var logFurtherMoment = 0.0
        fileprivate(set) var infinite = 0.0
        fileprivate(set) var relativeError = 0.0
        /// Bounds of the Euclidean norms of the product's error, and of the products of both directions.
        fileprivate(set) var errorNorm = 0.0
        fileprivate(set) var norm = 0.0
    }

    /// log|phi|, arg phi, log of a bound of |phi| and the relative error, for the frequencies 0...N/2 of both directions in
    /// turn; empty where there is one law.
    private var sums: [SIMD4<Double>]
    private let size: Int
    private let laws: Int
    private(set) var directions = [Direction(), Direction()]

    init(size: Int, laws: Int) {
        self.size = size
        self.laws = laws
        sums = laws > 1 ? [SIMD4<Double>](repeating: .zero, count: size + 2) : []
    }

    /// One law's transform, and what it is to be raised to.
    struct Power {
        /// Both directions.
        let grids: [TiltedGrid]
        /// A bound of the error of each element of the transform.
        let error: Double
        let count: Int
    }

    /// Takes a law that is not the last.
    mutating func include(_ power: Power, _ packed: borrowing [SIMD2<Double>]) {
        describe(power)
        let source = packed.span
        for frequency in 0...size / 2 {
            let values = pair(source[frequency], source[(size - frequency) & (size - 1)])
            for part in 0..<2 { sums[2 * frequency + part] += terms(values[part], power, part) }
        }
    }

    /// Takes the last law and overwrites its transform by what, transformed once more, is the composed law: the conjugate
    /// of the product over N.
    mutating func finish(_ power: Power, _ packed: inout [SIMD2<Double>]) {
        describe(power)
        var errorSquares = SIMD2<Double>.zero
        var squares = SIMD2<Double>.zero
        for frequency in 0...size / 2 {
            let mirror = (size - frequency) & (size - 1)
            let values = pair(packed[frequency], packed[mirror])
            var here = SIMD2<Double>.zero
            var there = SIMD2<Double>.zero
            let weight = frequency == mirror ? 1.0 : 2.0
            for part in 0..<2 {
                var sum = terms(values[part], power, part)
                if !sums.isEmpty { sum += sums[2 * frequency + part] }
                let magnitude = sum.x > -745 ? exp(sum.x) : 0
                let value = magnitude * SIMD2(cos(sum.y), sin(sum.y)) / Double(size)
                // Conjugates of X + iY and, at the mirrored frequency, of conj(X) + i conj(Y).
                here += part == 0 ? SIMD2(value.x, -value.y) : SIMD2(-value.y, -value.x)
                there += part == 0 ? SIMD2(value.x, value.y) : SIMD2(value.y, -value.x)
                // exp and the angle's reduction err by what the size of the logarithm says.
                let own = DirectedRounding.unit * (8 + 4 * min(abs(sum.x), 1e4) + 4 * abs(sum.y))
                let error = exp(min(sum.z, 700)) * (sum.w + own)
                errorSquares[part] += weight * error * error
                squares[part] += weight * magnitude * magnitude
            }
            packed[frequency] = here
            if frequency != mirror { packed[mirror] = there }
        }
        for part in 0..<2 {
            directions[part].errorNorm = errorSquares[part].squareRoot()
            // Both go through one transform, whose error is relative to both together.
            directions[part].norm = squares.sum().squareRoot()
        }
    }

    private mutating func describe(_ power: Power) {
        let times = Double(power.count)
        for (part, grid) in power.grids.enumerated() {
            directions[part].offset += power.count * grid.offset
            directions[part].logMoment += times * grid.logMoment
            directions[part].logFurtherMoment += times * grid.logFurtherMoment
            directions[part].infinite += times * grid.infinite
            directions[part].relativeError += times * grid.relativeError
        }
    }

    /// The transforms of both directions at a frequency, from that of X + iY there and at the mirrored frequency, which is
    /// conj(X) + i conj(Y).
    private func pair(_ here: SIMD2<Double>, _ there: SIMD2<Double>) -> [2 of SIMD2<Double>] {
        [SIMD2(here.x + there.x, here.y - there.y) * 0.5, SIMD2(here.y + there.y, there.x - here.x) * 0.5]
    }

    private func terms(_ value: SIMD2<Double>, _ power: Power, _ part: Int) -> SIMD4<Double> {
        let unit = DirectedRounding.unit
        let (real, imaginary) = (value.x + power.grids[part].atom, value.y)
        let square = real * real + imaginary * imaginary
        let bound = square.squareRoot() + power.error + 4 * unit
        let logarithm = 0.5 * log(square)
        // The rounding of the product by the count, and of the sums over the laws.
        let rounding = unit * (8 + Double(laws)) * (4 + min(abs(logarithm), 1e4))
        return Double(power.count)
            * SIMD4(logarithm, atan2(imaginary, real), log(bound), (power.error + 32 * unit) / bound + rounding)
    }
}
