// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A grid of one step, tilted and normalised, its heaviest cell apart: that one needs no transform.
struct TiltedGrid {
    private var masses: [Double]
    let atom: Double
    private let atomPlace: Int
    /// The place of the heaviest cell, in steps of the grid.
    let offset: Int
    /// log of the normaliser, and of that of the tilt that bounds the tail.
    let logMoment: Double
    let logFurtherMoment: Double
    let infinite: Double
    /// The relative error of a mass.
    let relativeError: Double

    init(_ grid: LossGrid, tilt: Double, further: Double, step: Double) {
        func exponent(_ index: Int) -> Double { Double(grid.first + index) * step * tilt }
        var greatest = -Double.infinity
        var greatestFurther = -Double.infinity
        let logarithms = grid.masses.map { $0 > 0 ? log($0) : -Double.infinity }
        for index in logarithms.indices {
            greatest = max(greatest, logarithms[index] + exponent(index))
            let loss = Double(grid.first + index) * step
            greatestFurther = max(greatestFurther, logarithms[index] + loss * (tilt + further))
        }
        masses = logarithms.indices.map { exp(logarithms[$0] + exponent($0) - greatest) }
        let sum = masses.reduce(0, +)
        var furtherSum = 0.0
        for index in logarithms.indices {
            let loss = Double(grid.first + index) * step
            furtherSum += exp(logarithms[index] + loss * (tilt + further) - greatestFurther)
        }
        logMoment = greatest + log(sum)
        // Rounded up: the sum errs by a unit for each term at most.
        let furtherError = Double(masses.count) + 64 + 8 * abs(greatestFurther)
        logFurtherMoment = greatestFurther + log(furtherSum) + DirectedRounding.unit * furtherError
        var heaviest = 0
        for index in masses.indices {
            masses[index] /= sum
            if masses[index] > masses[heaviest] { heaviest = index }
        }
        atom = masses[heaviest]
        masses[heaviest] = 0
        atomPlace = heaviest
        offset = grid.first + heaviest
        infinite = grid.infinite
        let longest = max(abs(exponent(0)), abs(exponent(masses.count - 1))) + abs(greatest)
        // The sum's own error does no harm: what it divides by here is multiplied in again.
        relativeError = DirectedRounding.unit * (16 + 8 * longest)
    }

    /// Adds what is not the heaviest cell, cyclically, to one part of a sequence.
    func add(to sequence: inout [SIMD2<Double>], part: Int) {
        let mask = sequence.count - 1
        for index in masses.indices { sequence[(index - atomPlace) & mask][part] += masses[index] }
    }
}
