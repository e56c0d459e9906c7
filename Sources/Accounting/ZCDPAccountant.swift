// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The accountant by zero-concentrated differential privacy (Bun and Steinke 2016, arXiv 1605.02065): a Gaussian of noise
/// multiplier z is rho-zCDP with rho = 1/(2 z^2), and rho adds up.
///
/// Sampling amplifies nothing here: what is sampled is accounted as if every unit took part, which is an upper bound
/// because exp((a-1) D_a) is quasi-convex. Statements: `docs/proofs/zcdp.md`.
package enum ZCDPAccountant {
    /// rho of an event, rounded up.
    package static func rho(of event: PrivacyEvent) throws(AccountingError) -> Double {
        if let step = try NoiseStep(event) {
            // A single Gaussian is covered at every real order, discrete or not; a sum only by the transfer.
            let multiplier: Double
            if case .sumOfDiscreteGaussians = event {
                guard let transferred = step.transferredMultiplier else {
                    throw .unsupportedEvent(event: event.description, reason: "its noise is too narrow; use rdp")
                }
                multiplier = transferred
            } else {
                multiplier = step.noiseMultiplier
            }
            let rho = 0.5 / (multiplier * multiplier)
            // The slack bounds what is added to D_a at every order a > 1, so it is below slack * a too.
            return DirectedRounding.addUp(rho * (1 + 4 * DirectedRounding.unit), step.slack)
        }
        switch try event.elementary {
        case .poissonSampled(let rate, let inner):
            try PrivacyEvent.check(rate: rate)
            return rate == 0 ? 0 : try rho(of: inner)
        case .clientsThenExamples(let clientRate, let exampleRate, let inner):
            try PrivacyEvent.check(rate: clientRate)
            try PrivacyEvent.check(rate: exampleRate)
            return clientRate == 0 || exampleRate == 0 ? 0 : try rho(of: inner)
        case .composed(let parts):
            var sum = 0.0
            for part in parts {
                guard part.count >= 0 else { throw .invalid("number of repetitions", part.count, "at least 0") }
                let times = DirectedRounding.atLeast(Int64(part.count))
                sum = DirectedRounding.addUp(sum, DirectedRounding.multiplyUp(try rho(of: part.event), times))
            }
            return sum
        default:
            throw .unsupportedEvent(event: event.description, reason: "zCDP covers Gaussian noise; use rdp or pld")
        }
    }

    /// The smallest epsilon for which `event` is (epsilon, delta)-DP by its rho.
    /// - Parameters:
    ///   - delta: in (0, 1).
    ///   - conversion: `improved` is Canonne, Kamath and Steinke 2020, Proposition 12, at the best real order; `classic`
    ///     is rho + 2 sqrt(rho log(1/delta)) (Bun and Steinke 2016, Proposition 1.3).
    package static func epsilon(
        of event: PrivacyEvent,
        delta: Double,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> AccountedEpsilon {
        guard delta > 0, delta < 1 else { throw .invalid("delta", delta, "a number in (0, 1)") }
        let rho = try rho(of: event)
        let best: (order: Double, value: Double)
        switch conversion {
        case .improved:
            best = leastOverOrders { order in
                let value = Conversion.improved.epsilon(divergence: rho * order, order: order, delta: delta)
                return value == 0 ? 0 : value
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
            epsilon: best.value,
            delta: delta,
            accountant: .zcdp,
            conversion: conversion,
            order: best.order.isFinite ? best.order : nil
        )
    }

    /// The smallest delta for which `event` is (epsilon, delta)-DP by its rho; at most 1.
    package static func delta(of event: PrivacyEvent, epsilon: Double) throws(AccountingError) -> Double {
        let rho = try rho(of: event)
        guard rho > 0 else { return 0 }
        return leastOverOrders { Conversion.delta(divergence: rho * $0, order: $0, epsilon: epsilon) }.value
    }

    /// The least noise multiplier for so many steps, within a relative 1e-6; the returned value satisfies the target.
    package static func noiseMultiplier(
        forEpsilon target: Double,
        delta: Double,
        steps: Int,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> Double {
        guard target > 0, target.isFinite else { throw .invalid("epsilon", target, "a positive number") }
        guard steps >= 1 else { throw .invalid("number of steps", steps, "at least 1") }
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
