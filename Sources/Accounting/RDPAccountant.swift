// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The accountant by Rényi differential privacy at integer orders.
///
/// What this room is for: it turns what was released (`PrivacyEvent`) into what may be claimed (`PrivacyClaim`), plans
/// noise that keeps a claim (`NoisePlan`, calibration), and keeps the chained record of what was spent (`Ledger`).
///
/// What it promises:
/// - An epsilon is an upper bound in exact arithmetic: each rounding error is bounded and added (`docs/proofs/rdp.md`).
///   It is finite and not negative, or a typed error says why there is none.
/// - A combination of events that no proof covers is refused.
/// - The ledger's epsilon follows from its entries alone.
///
/// What it never does: read data, a clock or randomness, or assume a sampling that the event does not name.
package enum RDPAccountant {
    /// The Rényi orders: 2...64, 72, 80, 96, ... 1024.
    package static var orders: [Int] { SampledGaussian.orders }

    /// The smallest epsilon over the orders for which `event` is (epsilon, delta)-DP.
    /// - Parameter delta: in (0, 1).
    package static func epsilon(
        of event: PrivacyEvent,
        delta: Double,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> AccountedEpsilon {
        try epsilon(of: RenyiCurve(event), delta: delta, conversion: conversion)
    }

    /// The same, from a curve.
    package static func epsilon(
        of curve: RenyiCurve,
        delta: Double,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> AccountedEpsilon {
        guard delta > 0, delta < 1 else { throw .invalid("delta", delta, "a number in (0, 1)") }
        var best = Double.infinity
        var bestOrder = 0
        for (order, divergence) in zip(orders, curve.divergences) {
            let epsilon = conversion.epsilon(divergence: divergence, order: Double(order), delta: delta)
            if epsilon < best { (best, bestOrder) = (epsilon, order) }
        }
        guard best.isFinite else { throw .noFiniteEpsilon(event: "the composition") }
        return AccountedEpsilon(
            epsilon: best,
            delta: delta,
            accountant: .rdp,
            conversion: conversion,
            order: Double(bestOrder)
        )
    }
}

extension RDPAccountant {
    /// The smallest delta over the orders for which `event` is (epsilon, delta)-DP; at most 1.
    package static func delta(of event: PrivacyEvent, epsilon: Double) throws(AccountingError) -> Double {
        let curve = try RenyiCurve(event)
        return zip(orders, curve.divergences).reduce(1) { least, pair in
            min(least, Conversion.delta(divergence: pair.1, order: Double(pair.0), epsilon: epsilon))
        }
    }
}

/// Upper bounds of the Rényi divergence at every order of `RDPAccountant.orders`, in both directions of
/// add-or-remove-one.
package struct RenyiCurve: Hashable, Sendable {
    /// One value an order; not negative, infinite where nothing can be said.
    package private(set) var divergences: [Double]

    /// The curve of releasing nothing.
    package init() {
        divergences = [Double](repeating: 0, count: SampledGaussian.orders.count)
    }

    init(divergences: [Double]) {
        self.divergences = divergences
    }

    /// Adds `other` taken `count` times (adaptive composition; Mironov 2017, Proposition 1), rounded up.
    package mutating func compose(_ other: RenyiCurve, count: Int = 1) {
        precondition(count >= 0, "an event happens a whole number of times")
        // Beyond 2^53 the conversion could round down.
        let times = count <= 1 << 53 ? Double(count) : Double(count).nextUp
        for index in divergences.indices {
            let added = DirectedRounding.multiplyUp(other.divergences[index], times)
            divergences[index] = DirectedRounding.addUp(divergences[index], added)
        }
    }
}

extension RenyiCurve {
    /// An upper bound of the divergence at any real order, from those at the orders next to it: (a-1) D_a is convex in a and 0
    /// at a = 1, so it lies below the chord (`docs/proofs/rdp.md`, section 2). Infinite above the last order.
    /// - Parameter order: above 1.
    package func divergence(atOrder order: Double) -> Double {
        let orders = SampledGaussian.orders
        guard order > 1, let above = orders.firstIndex(where: { Double($0) >= order }) else { return .infinity }
        let (high, highMoment) = (Double(orders[above]), Double(orders[above] - 1) * divergences[above])
        guard high > order else { return divergences[above] }
        let (low, lowMoment) =
            above > 0 ? (Double(orders[above - 1]), Double(orders[above - 1] - 1) * divergences[above - 1]) : (1, 0)
        let share = (order - low) / (high - low)
        // All terms are positive: a dozen roundings.
        return ((lowMoment * (1 - share) + highMoment * share) / (order - 1) * (1 + 16 * DirectedRounding.unit)).nextUp
    }
}

/// Curves of single steps by (rate, noise multiplier): a pure function's values, kept because a training run asks for
/// the same one again and again.
enum CurveCache {
    private struct Key: Hashable {
        let rate: Double
        let noiseMultiplier: Double
    }

    private static let capacity = 256
    private static let curves = Mutex<[Key: RenyiCurve]>([:])

    static func curve(rate: Double, noiseMultiplier: Double) -> RenyiCurve {
        let key = Key(rate: rate, noiseMultiplier: noiseMultiplier)
        if let known = curves.withLock({ $0[key] }) { return known }
        let curve = RenyiCurve(divergences: SampledGaussian.divergences(rate: rate, noiseMultiplier: noiseMultiplier))
        curves.withLock { stored in
            if stored.count >= capacity { stored.removeAll(keepingCapacity: true) }
            stored[key] = curve
        }
        return curve
    }
}
