// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Which of two neighbouring data sets has the unit more.
enum LossDirection: CaseIterable {
    /// The first has it: the loss is log dP/dQ under P.
    case remove
    /// The second has it: the loss is log dQ/dP under Q.
    case add
}

/// The loss of one step on a grid of step h, pessimistic: for every epsilon, and after any composition, its delta is at
/// least that of the law (connect the dots, Doroshenko et al. 2022, arXiv 2207.04380; `docs/proofs/pld.md`, section 3).
struct LossGrid {
    /// The loss of `masses[j]` is (first + j) h.
    let first: Int
    /// Probabilities; together with `infinite` at least 1.
    private(set) var masses: [Double]
    /// The probability that is moved to an infinite loss.
    let infinite: Double
    /// A bound of the error of a loss at a cell's edge.
    let lossError: Double

    /// Both directions of a law.
    ///
    /// - Parameters:
    ///   - step: h.
    ///   - mass: how much of the probability may become an infinite loss, in each part and direction.
    static func both(_ law: LossLaw, step: Double, leaving mass: Double) -> (remove: LossGrid, add: LossGrid) {
        let ends = law.parts.map { part in
            let range = part.pair.range(leaving: mass)
            let low = max(part.pair.loss(at: range.lowerBound), part.pair.smallestLoss)
            return (
                low: min(-1, Int((low / step).rounded(.down)) - 1),
                high: max(1, Int((part.pair.loss(at: range.upperBound) / step).rounded(.up)) + 1)
            )
        }
        let low = ends.map(\.low).min() ?? -1
        let high = ends.map(\.high).max() ?? 1
        var remove = [Double](repeating: 0, count: high - low + 1)
        var add = remove
        var infiniteRemove = 0.0
        var infiniteAdd = 0.0
        var error = 0.0
        for part in law.parts {
            let cells = Cells(part, edges: low...high, step: step)
            cells.addRemoved(to: &remove)
            cells.addAdded(to: &add)
            infiniteRemove += cells.above.x
            infiniteAdd += cells.below.y
            error = max(error, cells.lossError)
        }
        remove[-low] += law.rest
        add[high] += law.rest
        return (
            LossGrid(first: low, masses: remove, infinite: infiniteRemove, lossError: error),
            LossGrid(first: -high, masses: add, infinite: infiniteAdd, lossError: error)
        )
    }
}

/// The masses of one part between the edges of the grid, each with a bound of its error.
private struct Cells {
    let edges: ClosedRange<Int>
    let step: Double
    /// P and Q between an edge and the next, rounded up.
    private var inside: [SIMD2<Double>] = []
    /// How far `inside` may be above the exact values.
    private var excess: [SIMD2<Double>] = []
    /// P and Q of the losses above the last edge and at most the first, rounded up.
    private(set) var above = SIMD2<Double>.zero
    private(set) var below = SIMD2<Double>.zero
    private(set) var lossError = 0.0

    init(_ part: LossLaw.Part, edges: ClosedRange<Int>, step: Double) {
        self.edges = edges
        self.step = step
        let unit = DirectedRounding.unit
        let z = part.pair.noiseMultiplier
        inside.reserveCapacity(edges.count - 1)
        excess.reserveCapacity(edges.count - 1)
        var last = (place: -Double.infinity, tail: SIMD2<Double>.zero, error: SIMD2<Double>.zero)
        var greatest = 0.0
        for edge in edges {
            let loss = Double(edge) * step
            let place = part.pair.place(of: loss)
            let tail = part.weight * part.pair.tail(at: place)
            // erfc is within 8 units; its argument's rounding moves it by a factor of at most 2 (1 + t^2) units.
            let distance = place.isFinite ? (abs(place) + 2) / z : 0
            let error = unit * (24 + 6 * distance * distance) * tail
            if place.isFinite { greatest = max(greatest, abs(loss)) }
            defer { last = (place, tail, error) }
            if edge == edges.lowerBound {
                below = place > 0 ? part.weight - tail + error : tail + error
                continue
            }
            let bound = last.error + error
            // Both sides of an edge at 0 are the smaller sides of their own.
            let mass: SIMD2<Double> =
                place <= 0 ? tail - last.tail : last.place > 0 ? last.tail - tail : part.weight - last.tail - tail
            inside.append((mass + bound).replacing(with: 0, where: mass + bound .< 0))
            excess.append(2 * bound)
            if edge == edges.upperBound { above = place > 0 ? tail + error : part.weight - tail + error }
        }
        // Section 4: each edge is the exact edge of a loss that differs by no more.
        lossError = 32 * unit * (greatest + 32 + 4 / (z * z))
    }

    /// The masses under P at the edges, which are losses.
    func addRemoved(to masses: inout [Double]) {
        masses[0] += below.x
        let spread = -1 / expm1(-step) * (1 + 8 * DirectedRounding.unit)
        for index in inside.indices where inside[index].x > 0 {
            // P - e^a Q, not less than it is.
            let other = scaledDown(inside[index].y - excess[index].y, by: Double(edges.lowerBound + index) * step)
            let upper = min(inside[index].x, max(0, inside[index].x - other) * spread)
            masses[index + 1] += upper
            masses[index] += inside[index].x - upper
        }
    }

    /// The masses under Q at the negated edges, in ascending order of the loss.
    func addAdded(to masses: inout [Double]) {
        masses[0] += above.y
        let spread = -1 / expm1(-step) * (1 + 8 * DirectedRounding.unit)
        for index in inside.indices where inside[index].y > 0 {
            let exponent = -Double(edges.lowerBound + index + 1) * step
            let other = scaledDown(inside[index].x - excess[index].x, by: exponent)
            let upper = min(inside[index].y, max(0, inside[index].y - other) * spread)
            let place = edges.count - 1 - index
            masses[place] += upper
            masses[place - 1] += inside[index].y - upper
        }
    }

    /// At most e^exponent times `mass`, also where the cell's edges are off by `lossError`, and not negative.
    private func scaledDown(_ mass: Double, by exponent: Double) -> Double {
        guard mass > 0 else { return 0 }
        let growth = exp(exponent)
        let product = growth.isFinite ? growth * mass : exp(exponent + log(mass))
        return product * (1 - (8 + 2 * abs(exponent)) * DirectedRounding.unit - lossError)
    }
}
