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

    init(_ grid: consuming LossGrid, plan: LossPlan.Direction, step: Double) {
        let (tilt, further) = (plan.tilt, plan.furtherTilt)
        let first = grid.first
        infinite = grid.infinite
        masses = grid.takeMasses()
        var greatest = -Double.infinity
        var greatestFurther = -Double.infinity
        for index in masses.indices {
            let loss = Double(first + index) * step
            // In place: each mass is only needed by its logarithm.
            masses[index] = masses[index] > 0 ? log(masses[index]) : -.infinity
            greatest = max(greatest, masses[index] + loss * tilt)
            greatestFurther = max(greatestFurther, masses[index] + loss * (tilt + further))
        }
        var sum = 0.0
        var furtherSum = 0.0
        for index in masses.indices {
            let loss = Double(first + index) * step
            furtherSum += exp(masses[index] + loss * (tilt + further) - greatestFurther)
            masses[index] = exp(masses[index] + loss * tilt - greatest)
            sum += masses[index]
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
        offset = first + heaviest
        let longest = Double(max(abs(first), abs(first + masses.count))) * step * tilt + abs(greatest)
        // The sum's own error does no harm: what it divides by here is multiplied in again.
        relativeError = DirectedRounding.unit * (16 + 8 * longest)
    }

    /// Adds what is not the heaviest cell, cyclically, to one part of a sequence.
    /// The masses are then gone from here.
    mutating func move(to sequence: inout [SIMD2<Double>], part: Int) {
        let mask = sequence.count - 1
        for index in masses.indices { sequence[(index - atomPlace) & mask][part] += masses[index] }
        masses = []
    }
}
