// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The accountant by zero-concentrated differential privacy (Bun and Steinke 2016, arXiv 1605.02065): a Gaussian of noise
/// multiplier z is rho-zCDP with rho = 1/(2 z^2), and rho adds up.
///
/// Sampling amplifies nothing here: what is sampled is accounted as if every unit took part, which is an upper bound
/// because exp((a-1) D_a) is quasi-convex. Statements: `docs/proofs/zcdp.md`.
package enum ZCDPAccountant {
    /// rho of an event, rounded up; sums of discrete Gaussians are post-processing of what it is for, up to a slack that is
    /// no part of it.
    package static func rho(of event: PrivacyEvent) throws(AccountingError) -> Double { try spent(by: event).rho }

    private struct Spend {
        var rho = 0.0
        /// What the density ratios of sums of discrete Gaussians add to epsilon.
        var slack = 0.0
    }

    private static func spent(by event: PrivacyEvent) throws(AccountingError) -> Spend {
        if let step = try NoiseStep(event) {
            guard case .sumOfDiscreteGaussians = event else { return Spend(rho: rho(step.noiseMultiplier)) }
            // A single Gaussian is covered at every real order, discrete or not; a sum by the transfer theorem.
            guard let transferred = step.transferredMultiplier else {
                throw .unsupportedEvent(event: event.description, reason: "its noise is too narrow; use rdp")
            }
            return Spend(rho: rho(transferred), slack: step.slack)
        }
        switch try event.elementary {
        case .poissonSampled(let rate, let inner):
            try PrivacyEvent.check(rate: rate)
            return rate == 0 ? Spend() : try spent(by: inner)
        case .clientsThenExamples(let clientRate, let exampleRate, let inner):
            try PrivacyEvent.check(rate: clientRate)
            try PrivacyEvent.check(rate: exampleRate)
            return clientRate == 0 || exampleRate == 0 ? Spend() : try spent(by: inner)
        case .composed(let parts):
            var sum = Spend()
            for part in parts {
                guard part.count >= 0 else { throw .invalid("number of repetitions", part.count, "at least 0") }
                let times = DirectedRounding.atLeast(Int64(part.count))
                let single = try spent(by: part.event)
                sum.rho = DirectedRounding.addUp(sum.rho, DirectedRounding.multiplyUp(single.rho, times))
                sum.slack = DirectedRounding.addUp(sum.slack, DirectedRounding.multiplyUp(single.slack, times))
            }
            return sum
        default:
            throw .unsupportedEvent(event: event.description, reason: "zCDP covers Gaussian noise; use rdp or pld")
        }
    }

    /// 1/(2 z^2), rounded up.
    private static func rho(_ multiplier: Double) -> Double {
        0.5 / (multiplier * multiplier) * (1 + 4 * DirectedRounding.unit)
    }

    /// The smallest epsilon for which `event` is (epsilon, delta)-DP by its rho.
    /// - Parameters:
    ///   - delta: in (0, 1).
    ///   - conversion: `improved` is Canonne, Kamath and Steinke 2020, Proposition 12, at the best real order; `classic`
    ///     is rho + 2 sqrt(rho log(1/delta)) (Bun and Steinke 2016, Proposition 1.3).
    package static func epsilon(
        of event: PrivacyEvent,
        delta asked: Double,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> AccountedEpsilon {
        guard asked > 0, asked < 1 else { throw .invalid("delta", asked, "a number in (0, 1)") }
        let spend = try spent(by: event)
        let rho = spend.rho
        let transfer = DeltaParts.transferItem(of: asked, slack: spend.slack)
        let delta = transfer > 0 ? (asked - transfer).nextDown : asked
        guard delta > 0 else { throw .deltaExhausted(asked: asked, taken: transfer) }
        let best: (order: Double, value: Double)
        switch conversion {
        case .improved:
            best = leastOverOrders {
                Conversion.improved.epsilon(divergence: rho * $0, order: $0, delta: delta)
            }
        case .classic:
            let root = (rho * -log(delta)).squareRoot()
            best = (
                rho > 0 ? 1 + (-log(delta) / rho).squareRoot() : .infinity,
                (rho + 2 * root) * (1 + 8 * DirectedRounding.unit)
            )
        }
        guard best.value.isFinite else { throw .noFiniteEpsilon(event: "the composition") }
        return AccountedEpsilon(
            epsilon: DirectedRounding.addUp(best.value, spend.slack),
            delta: asked,
            accountant: .zcdp,
            conversion: conversion,
            order: best.order.isFinite ? best.order : nil,
            transfer: transfer
        )
    }

    /// The smallest delta for which `event` is (epsilon, delta)-DP by its rho; at most 1.
    package static func delta(of event: PrivacyEvent, epsilon: Double) throws(AccountingError) -> Double {
        let spend = try spent(by: event)
        guard spend.rho > 0 else { return 0 }
        let inner = spend.slack > 0 ? max(0, (epsilon - spend.slack).nextDown) : epsilon
        let best = leastOverOrders { Conversion.delta(divergence: spend.rho * $0, order: $0, epsilon: inner) }
        let transfer = DeltaParts.transferItem(of: best.value, slack: spend.slack)
        let below = DeltaParts.belowZero(epsilon - spend.slack)
        return min(1, [transfer, below].reduce(best.value, DirectedRounding.addUp))
    }

    /// The least noise multiplier for so many steps, within a relative 1e-6; the returned value satisfies the target.
    package static func noiseMultiplier(
        forEpsilon target: Double,
        delta: Double,
        steps: Int,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> Double {
        try Calibration.check(target: target, delta: delta, steps: steps)
        return try Calibration.least(in: PrivacyEvent.noiseMultiplierRange) { multiplier throws(AccountingError) in
            let event = PrivacyEvent.gaussian(noiseMultiplier: multiplier).selfComposed(steps)
            return try epsilon(of: event, delta: delta, conversion: conversion).epsilon <= target
        }
    }

    /// The least value over real orders above 1: a search on log(order - 1).
    private static func leastOverOrders(_ value: (Double) -> Double) -> (order: Double, value: Double) {
        var best = (order: 2.0, value: Double.infinity)
        func consider(_ logarithm: Double) -> Double {
            let order = 1 + exp(logarithm)
            guard order > 1 else { return .infinity }
            let result = value(order)
            if result < best.value { best = (order, result) }
            return result
        }
        var (low, high) = (-30.0, 40.0)
        for index in 0...70 { _ = consider(low + Double(index)) }
        (low, high) = (log(best.order - 1) - 1, log(best.order - 1) + 1)
        let ratio = (5.0.squareRoot() - 1) / 2
        for _ in 0..<50 {
            let (left, right) = (high - ratio * (high - low), low + ratio * (high - low))
            if consider(left) < consider(right) { high = right } else { low = left }
        }
        return best
    }
}
