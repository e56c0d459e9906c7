// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Which of two neighbouring data sets has the unit more.
enum LossDirection: Int, CaseIterable {
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

    /// The masses, which are then gone from here.
    consuming func takeMasses() -> [Double] { masses }

    /// Both directions of a law.
    ///
    /// - Parameters:
    ///   - step: h.
    ///   - mass: how much of the probability may become an infinite loss, in each part and direction.
    static func both(_ law: LossLaw, step: Double, leaving mass: Double) -> (remove: LossGrid, add: LossGrid) {
        // What hardly ever happens may become an infinite loss as a whole.
        let parts = law.parts(above: mass)
        let ends = parts.map { part in
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
        let rare = law.parts.reduce(0) { $0 + ($1.weight > mass ? 0 : $1.weight) }
        var infiniteRemove = rare
        var infiniteAdd = rare
        var error = 0.0
        for part in parts {
            let cells = Cells(part, edges: low...high, step: step)
            let outside = cells.add(removed: &remove, added: &add)
            infiniteRemove += outside.above
            infiniteAdd += outside.below
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

/// The masses of one part between the edges of the grid.
private struct Cells {
    let part: LossLaw.Part
    let edges: ClosedRange<Int>
    let step: Double
    /// How far the exact loss at a computed edge may be from the edge's (section 4).
    let lossError: Double
    /// 1 / (1 - e^-h), rounded up.
    private let spread: Double

    /// What lies on one side of an edge: the smaller sides under P and Q, each with a bound of its error.
    private struct Edge {
        let place: Double
        let tail: SIMD2<Double>
        let error: SIMD2<Double>
    }

    init(_ part: LossLaw.Part, edges: ClosedRange<Int>, step: Double) {
        self.part = part
        self.edges = edges
        self.step = step
        let greatest = Double(max(abs(edges.lowerBound), abs(edges.upperBound))) * step
        let z = part.pair.noiseMultiplier
        // Below 0 the relative error of e^a - 1 shows, up to the least loss there is.
        let steepness = exp(-max(Double(edges.lowerBound) * step, part.pair.smallestLoss))
        let rounding = 32 * DirectedRounding.unit * (greatest + 32 + 4 / (z * z))
        lossError = rounding + (part.pair.isSteep ? 8 * DirectedRounding.unit * steepness : 0)
        spread = -1 / expm1(-step) * (1 + 8 * DirectedRounding.unit)
    }

    private func edge(_ index: Int) -> Edge {
        let place = part.pair.place(of: Double(index) * step)
        let tail = part.weight * part.pair.tail(at: place)
        // erfc is within 8 units; its argument's rounding moves it by a factor of at most 2 (1 + t^2) units.
        let distance = place.isFinite ? (abs(place) + 2) / part.pair.noiseMultiplier : 0
        let error = DirectedRounding.unit * (24 + 6 * distance * distance) * tail
        // A tail that is not normal has no relative error.
        return Edge(place: place, tail: tail, error: place.isFinite ? error + .leastNormalMagnitude : error)
    }

    /// Adds the masses under P at the edges, and those under Q at the negated edges, in ascending order of the loss.
    ///
    /// - Returns: P above the last edge and Q up to the first one: what becomes an infinite loss.
    func add(removed: inout [Double], added: inout [Double]) -> (above: Double, below: Double) {
        var last = edge(edges.lowerBound)
        let below = last.place > 0 ? part.weight - last.tail + last.error : last.tail + last.error
        removed[0] += below.x
        for index in 0..<edges.count - 1 {
            let next = edge(edges.lowerBound + index + 1)
            defer { last = next }
            let bound = last.error + next.error
            // Both sides of an edge at 0 are the smaller sides of their own.
            let exact: SIMD2<Double> =
                next.place <= 0
                ? next.tail - last.tail : last.place > 0 ? last.tail - next.tail : part.weight - last.tail - next.tail
            let mass = (exact + bound).replacing(with: 0, where: exact + bound .< 0)
            // How far it may be above the exact value.
            let excess = 2 * bound
            if mass.x > 0 {
                // P - e^a Q, not less than it is.
                let other = scaledDown(mass.y - excess.y, by: Double(edges.lowerBound + index) * step)
                let upper = min(mass.x, max(0, mass.x - other) * spread)
                removed[index + 1] += upper
                removed[index] += mass.x - upper
            }
            if mass.y > 0 {
                let other = scaledDown(mass.x - excess.x, by: -Double(edges.lowerBound + index + 1) * step)
                let upper = min(mass.y, max(0, mass.y - other) * spread)
                let place = edges.count - 1 - index
                added[place] += upper
                added[place - 1] += mass.y - upper
            }
        }
        let above = last.place > 0 ? last.tail + last.error : part.weight - last.tail + last.error
        added[0] += above.y
        return (above.x, below.y)
    }

    /// At most e^exponent times `mass`, also where the cell's edges are off by `lossError`, and not negative.
    private func scaledDown(_ mass: Double, by exponent: Double) -> Double {
        guard mass > 0 else { return 0 }
        let growth = exp(exponent)
        let product = growth.isFinite ? growth * mass : exp(exponent + log(mass))
        return product * (1 - (8 + 2 * abs(exponent)) * DirectedRounding.unit - lossError)
    }
}
