// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A law and how often it is composed.
struct RepeatedLaw: Hashable {
    let law: LossLaw
    let count: Int
}

/// What is computed before anything is put on a grid: the tilt of each direction, the window of the composed loss and
/// the step (`docs/proofs/pld.md`, section 6). Estimates only: whatever is chosen here, the result is an upper bound; a bad choice makes it a worse one.
struct LossPlan {
    /// What is chosen for one direction.
    struct Direction {
        /// theta of the tilt e^(theta L).
        fileprivate(set) var tilt = 1.0
        /// The lowest loss of the window.
        fileprivate(set) var windowStart = 0.0
        /// How much further a tilt bounds what lies above the window best.
        fileprivate(set) var furtherTilt = 1.0
        /// By how much Chernoff's bound of log delta may grow before the direction matters.
        fileprivate var margin = 0.0
    }

    /// In the order of ``LossDirection``.
    let directions: [Direction]
    /// h.
    let step: Double
    /// The number of cells of the window, a power of two.
    let cells: Int
    /// How much of a step's probability may become an infinite loss.
    let leftMass: Double

    /// What a plan is made for.
    enum Target {
        /// Epsilon for a delta.
        case delta(Double)
        /// Delta for an epsilon.
        case epsilon(Double)
    }

    /// The most cells of a window.
    static let maximumCells = 1 << 21
    /// More cells than this are taken only where the result would be coarse otherwise.
    private static let usualCells = 1 << 17
    private static let fewestCells = 1 << 13
    /// -log of the probability, under the tilted law, beyond each end of the window.
    private static let windowExponent = 17.0
    /// How far a delta is to be above the exact one, relative to it.
    private static let deltaAim = 2e-3
    /// How far epsilon may be above the exact one by the grid, relative to max(1, epsilon): what is aimed at, what is
    /// accepted to save time, and what is accepted at all.
    private static let aim = 2e-5
    private static let tolerance = 2e-4
    private static let limit = 8e-4

    /// - Parameter most: the most cells of the window, a power of two.
    init(_ laws: [RepeatedLaw], target: Target, most: Int = maximumCells) throws(AccountingError) {
        let steps = Double(laws.reduce(0) { $0 + $1.count })
        func mass(_ logDelta: Double) -> Double { max(1e-300, exp(max(logDelta, -600)) * 1e-8 / max(1, steps)) }
        var estimate: Estimate
        switch target {
        case .delta(let delta):
            leftMass = mass(log(delta))
            estimate = Estimate(laws, leaving: leftMass)
            let epsilon = LossDirection.allCases.reduce(0) { max($0, estimate.epsilon($1, logDelta: log(delta))) }
            estimate.tilt(epsilon: epsilon, logDelta: log(delta))
        case .epsilon(let epsilon):
            let rough = Estimate(laws, leaving: 1e-60)
            let logDelta = LossDirection.allCases.reduce(-600) { max($0, rough.logDelta($1, epsilon: epsilon)) }
            leftMass = mass(logDelta)
            estimate = Estimate(laws, leaving: leftMass)
            estimate.tilt(epsilon: epsilon, logDelta: logDelta)
        }
        var directions = estimate.directions
        var width = 0.0
        for direction in LossDirection.allCases {
            let (above, below) = estimate.reach(direction, exponent: Self.windowExponent)
            guard above.value.isFinite, below.value.isFinite else {
                throw .noFiniteEpsilon(event: "the composition, on a grid of losses,")
            }
            directions[direction.rawValue].furtherTilt = above.tilt
            directions[direction.rawValue].windowStart = -below.value
            width = max(width, above.value + below.value)
        }
        let scale = max(1, estimate.epsilon)
        // A delta is to be right within a part of itself, which a tilt of theta makes a theta-th part in epsilon.
        var goal = Self.aim * scale
        if case .epsilon = target {
            for direction in directions { goal = min(goal, Self.deltaAim / direction.tilt) }
        }
        var cells = min(most, Self.fewestCells)
        while true {
            let step = width / Double(cells - 4)
            let error = estimate.gridError(step: step)
            let fits = estimate.range / step <= Double(most)
            if fits, error <= goal || (cells >= Self.usualCells && error <= Self.tolerance * scale) { break }
            guard cells < most else {
                guard fits, error <= Self.limit * scale else {
                    throw .unreachableTarget(
                        what: "an epsilon by privacy loss distribution",
                        reason: "\(most) cells are too few for this composition; the rdp accountant covers it"
                    )
                }
                break
            }
            cells *= 2
        }
        self.directions = directions
        step = width / Double(cells - 4)
        self.cells = cells
    }

    /// log of max over y > 0 of e^(-theta y) (1 - e^-y) = (theta / (1 + theta))^theta / (1 + theta).
    static func logGain(_ tilt: Double) -> Double { -tilt * log1p(1 / tilt) - log1p(tilt) }

    /// The least of a function with one minimum over tilts in 1e-9...1e9: a coarse search and a golden section.
    fileprivate static func leastOverTilts(_ function: (Double) -> Double) -> (tilt: Double, value: Double) {
        func at(_ logarithm: Double) -> Double {
            let value = function(exp(logarithm))
            return value.isNaN ? .infinity : value
        }
        let spacing = 0.5
        var best = (logarithm: 0.0, value: Double.infinity)
        for index in -41...41 {
            let value = at(Double(index) * spacing)
            if value < best.value { best = (Double(index) * spacing, value) }
        }
        let ratio = (5.0.squareRoot() - 1) / 2
        var (low, high) = (best.logarithm - spacing, best.logarithm + spacing)
        for _ in 0..<16 {
            let (left, right) = (high - ratio * (high - low), low + ratio * (high - low))
            let (atLeft, atRight) = (at(left), at(right))
            for (place, value) in [(left, atLeft), (right, atRight)] where value < best.value { best = (place, value) }
            if atLeft < atRight { high = right } else { low = left }
        }
        return (exp(best.logarithm), best.value)
    }
}

/// Chernoff's bounds of a composition, by quadrature.
private struct Estimate {
    private let laws: [RepeatedLaw]
    private let nodes: [LossNodes]
    /// In the order of ``LossDirection``, once tilts are chosen.
    private(set) var directions = LossDirection.allCases.map { _ in LossPlan.Direction() }
    /// The epsilon for which the tilts are.
    private(set) var epsilon = 0.0

    init(_ laws: [RepeatedLaw], leaving mass: Double) {
        self.laws = laws
        nodes = laws.map { LossNodes($0.law, leaving: mass) }
    }

    /// The widest range of losses of a single step.
    var range: Double { nodes.map(\.range).max() ?? 0 }

    /// log E e^(tilt L) of the composition.
    private func growth(_ tilt: Double, _ direction: LossDirection) -> Double {
        var sum = 0.0
        for (repeated, law) in zip(laws, nodes) { sum += Double(repeated.count) * law.logMoment(tilt, direction) }
        return sum
    }

    /// Chernoff's bound of epsilon.
    func epsilon(_ direction: LossDirection, logDelta: Double) -> Double {
        LossPlan.leastOverTilts { (growth($0, direction) + LossPlan.logGain($0) - logDelta) / $0 }.value
    }

    /// Chernoff's bound of log delta.
    func logDelta(_ direction: LossDirection, epsilon: Double) -> Double {
        LossPlan.leastOverTilts { growth($0, direction) + LossPlan.logGain($0) - $0 * epsilon }.value
    }

    /// Chooses the tilts for an epsilon: the best one, but where a direction matters little, a smaller one by which it
    /// is seen to matter little.
    mutating func tilt(epsilon: Double, logDelta: Double) {
        self.epsilon = epsilon
        for direction in LossDirection.allCases {
            func bound(_ tilt: Double) -> Double {
                growth(tilt, direction) + LossPlan.logGain(tilt) - tilt * epsilon
            }
            let best = LossPlan.leastOverTilts(bound)
            var tilt = best.tilt
            while tilt > 1e-6, bound(tilt / 2) <= max(best.value + 1e-3, logDelta - 14) { tilt /= 2 }
            directions[direction.rawValue].tilt = tilt
            directions[direction.rawValue].margin = max(0, logDelta - bound(tilt))
        }
    }

    /// How far the tilted composed loss reaches above and below 0 but for e^-exponent, with the tilts that show it.
    func reach(
        _ direction: LossDirection,
        exponent: Double
    ) -> (above: (tilt: Double, value: Double), below: (tilt: Double, value: Double)) {
        let tilt = directions[direction.rawValue].tilt
        let base = growth(tilt, direction)
        return (
            LossPlan.leastOverTilts { (growth(tilt + $0, direction) - base + exponent) / $0 },
            LossPlan.leastOverTilts { (growth(tilt - $0, direction) - base + exponent) / $0 }
        )
    }

    /// By how much a grid of this step makes epsilon larger.
    func gridError(step: Double) -> Double {
        var greatest = 0.0
        for direction in LossDirection.allCases {
            let (tilt, margin) = (directions[direction.rawValue].tilt, directions[direction.rawValue].margin)
            var sum = 0.0
            for (repeated, law) in zip(laws, nodes) {
                sum += Double(repeated.count) * (tilt + 1) / 2 * law.spread(step, tilt, direction)
            }
            greatest = max(greatest, sum - margin / tilt)
        }
        return greatest
    }
}

/// A law by quadrature: losses with their probabilities under P and the logarithms of those under Q.
private struct LossNodes {
    /// The loss of a node and log P of it.
    private var losses: [Double] = []
    private var logMasses: [Double] = []
    /// The greatest loss less the smallest.
    let range: Double

    init(_ law: LossLaw, leaving mass: Double) {
        var least = 0.0
        var greatest = 0.0
        for part in law.parts(above: mass) {
            let places = part.pair.range(leaving: mass)
            let length = places.upperBound - places.lowerBound
            let spacing = max(part.pair.noiseMultiplier / 16, length / 20_000)
            let count = Int((length / spacing).rounded(.up))
            for index in 0...count {
                let x = places.lowerBound + Double(index) * spacing
                let probability = part.weight * part.pair.density(at: x) * spacing
                guard probability > 0 else { continue }
                losses.append(part.pair.loss(at: x))
                logMasses.append(log(probability))
            }
            least = min(least, max(part.pair.smallestLoss, part.pair.loss(at: places.lowerBound)))
            greatest = max(greatest, part.pair.loss(at: places.upperBound))
        }
        if law.rest > 0 {
            losses.append(0)
            logMasses.append(log(law.rest))
        }
        range = greatest - least
    }

    /// The exponent of a node's mass under the tilted law, not normalised: the loss in direction `add` is -L, under Q,
    /// whose density is e^-L that of P.
    private func exponent(_ index: Int, _ tilt: Double, _ direction: LossDirection) -> Double {
        switch direction {
        case .remove: logMasses[index] + tilt * losses[index]
        case .add: logMasses[index] - (1 + tilt) * losses[index]
        }
    }

    /// log E e^(tilt L).
    func logMoment(_ tilt: Double, _ direction: LossDirection) -> Double {
        var greatest = -Double.infinity
        for index in losses.indices { greatest = max(greatest, exponent(index, tilt, direction)) }
        var sum = 0.0
        for index in losses.indices {
            let distance = exponent(index, tilt, direction) - greatest
            if distance > -50 { sum += exp(distance) }
        }
        return greatest + log(sum)
    }

    /// The mean, under the tilted law, of the variance that a grid of step h adds: (L - a)(b - L) in a cell (a, b), at
    /// most h times the distance from 0, which is an edge.
    func spread(_ step: Double, _ tilt: Double, _ direction: LossDirection) -> Double {
        let base = logMoment(tilt, direction)
        var sum = 0.0
        for index in losses.indices {
            let distance = exponent(index, tilt, direction) - base
            if distance > -50 { sum += exp(distance) * min(step * step / 4, step * abs(losses[index])) }
        }
        return sum
    }
}
