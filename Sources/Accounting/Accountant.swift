// SPDX-License-Identifier: Apache-2.0

/// How an event becomes an epsilon. Each is an upper bound on its own; the least of them holds.
package enum Accountant: String, Hashable, Sendable, Codable, CaseIterable {
    /// By the privacy loss distribution: the tightest in everything that was compared, which is no proof.
    case pld
    /// By Rényi divergences at integer orders: the fastest, and the one that covers most events.
    case rdp
    /// By zero-concentrated differential privacy: no amplification by sampling.
    case zcdp

    /// One line for a report.
    package var title: String {
        switch self {
        case .pld: "PLD, connect the dots"
        case .rdp: "RDP, integer orders"
        case .zcdp: "zCDP"
        }
    }

    /// The smallest epsilon that this accountant proves for `event` at `delta`.
    /// - Parameters:
    ///   - delta: in (0, 1).
    ///   - conversion: how a Rényi divergence becomes an epsilon; `pld` needs none.
    package func epsilon(
        of event: PrivacyEvent,
        delta: Double,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> AccountedEpsilon {
        switch self {
        case .pld: try PLDAccountant.epsilon(of: event, delta: delta)
        case .rdp: try RDPAccountant.epsilon(of: event, delta: delta, conversion: conversion)
        case .zcdp: try ZCDPAccountant.epsilon(of: event, delta: delta, conversion: conversion)
        }
    }

    /// The least epsilon of those accountants that cover `event`.
    /// - Parameter bytes: what the computation may take, at least some 5 MiB.
    package static func least(
        of event: PrivacyEvent,
        delta: Double,
        bytes: Int = .max
    ) throws(AccountingError) -> AccountedEpsilon {
        let renyi = Result { () throws(AccountingError) in try RDPAccountant.epsilon(of: event, delta: delta) }
        let loss = Result { () throws(AccountingError) in
            try PLDAccountant.epsilon(of: event, delta: delta, bytes: bytes)
        }
        switch (loss, renyi) {
        case (.success(let loss), .success(let renyi)): return renyi.epsilon < loss.epsilon ? renyi : loss
        case (.success(let loss), .failure): return loss
        case (.failure(let lossError), .failure(let renyiError)):
            // Where one has no bound for such events at all, what the other says is the reason.
            if case .unsupportedEvent = renyiError { throw lossError }
            throw renyiError
        case (.failure, .success(let renyi)): return renyi
        }
    }

    /// The smallest delta that this accountant proves for `event` at `epsilon`, by the improved conversion; at most 1.
    /// - Parameter epsilon: finite and not negative.
    package func delta(of event: PrivacyEvent, epsilon: Double) throws(AccountingError) -> Double {
        guard epsilon >= 0, epsilon.isFinite else {
            throw .invalid("epsilon", epsilon, "a finite number, at least 0")
        }
        return switch self {
        case .pld: try PLDAccountant.delta(of: event, epsilon: epsilon)
        case .rdp: try RDPAccountant.delta(of: event, epsilon: epsilon)
        case .zcdp: try ZCDPAccountant.delta(of: event, epsilon: epsilon)
        }
    }

    /// The least noise multiplier for which so many Poisson-sampled steps are (epsilon, delta)-DP, within a relative 1e-6;
    /// the returned value itself satisfies the target.
    /// - Parameters:
    ///   - target: positive and finite.
    ///   - delta: in (0, 1).
    ///   - samplingRate: in (0, 1]; 1 is no sampling.
    ///   - steps: at least 1.
    package func noiseMultiplier(
        forEpsilon target: Double,
        delta: Double,
        samplingRate: Double,
        steps: Int,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> Double {
        switch self {
        case .pld:
            try PLDAccountant.noiseMultiplier(
                forEpsilon: target,
                delta: delta,
                samplingRate: samplingRate,
                steps: steps
            )
        case .rdp:
            try RDPAccountant.noiseMultiplier(
                forEpsilon: target,
                delta: delta,
                samplingRate: samplingRate,
                steps: steps,
                conversion: conversion
            )
        case .zcdp:
            try ZCDPAccountant.noiseMultiplier(forEpsilon: target, delta: delta, steps: steps, conversion: conversion)
        }
    }

    /// The same by one accountant, or by the tightest that covers the target.
    /// - Parameters:
    ///   - accountant: nil for the loss distribution where it covers the target, else Rényi divergences.
    ///   - bytes: what the computation may take, at least some 5 MiB.
    package static func noiseMultiplier(
        by accountant: Accountant?,
        forEpsilon target: Double,
        delta: Double,
        samplingRate: Double,
        steps: Int,
        bytes: Int = .max
    ) throws(AccountingError) -> Double {
        if let accountant, accountant != .pld {
            return try accountant.noiseMultiplier(
                forEpsilon: target,
                delta: delta,
                samplingRate: samplingRate,
                steps: steps
            )
        }
        do throws(AccountingError) {
            return try PLDAccountant.noiseMultiplier(
                forEpsilon: target,
                delta: delta,
                samplingRate: samplingRate,
                steps: steps,
                bytes: bytes
            )
        } catch {
            guard accountant == nil else { throw error }
            return try RDPAccountant.noiseMultiplier(
                forEpsilon: target,
                delta: delta,
                samplingRate: samplingRate,
                steps: steps
            )
        }
    }

    /// The most repetitions of `event` that stay within (epsilon, delta); 0 where one already exceeds it.
    ///
    /// Throws where `event` costs so little that 2^53 repetitions fit, for `pld` 10^7.
    package func maximumSteps(
        of event: PrivacyEvent,
        epsilon target: Double,
        delta: Double,
        conversion: Conversion = .improved
    ) throws(AccountingError) -> Int {
        guard self != .rdp else {
            return try RDPAccountant.maximumSteps(of: event, epsilon: target, delta: delta, conversion: conversion)
        }
        guard target >= 0, target.isFinite else { throw .invalid("epsilon", target, "a finite number, at least 0") }
        let limit = self == .pld ? PLDAccountant.maximumSteps : 1 << 53
        func fits(_ count: Int) throws(AccountingError) -> Bool {
            do throws(AccountingError) {
                let whole = event.selfComposed(count)
                return try epsilon(of: whole, delta: delta, conversion: conversion).epsilon <= target
            } catch .noFiniteEpsilon {
                return false
            } catch .unreachableTarget {
                // So many steps are too many for the grid.
                return false
            }
        }
        return try Calibration.most(of: event, limit: limit, where: fits)
    }
}

/// An epsilon, with everything that says how it was obtained.
package struct AccountedEpsilon: Hashable, Sendable, Codable {
    /// Finite and not negative.
    package let epsilon: Double
    /// The delta for which it holds.
    package let delta: Double
    package let accountant: Accountant
    /// Nil for an accountant that needs none.
    package let conversion: Conversion?
    /// The Rényi order that gave it; nil for an accountant that has none.
    package let order: Double?
    /// What of delta the discrete Fourier transform took: its rounding, what was truncated and what wrapped around.
    package let fft: Double
    /// What of delta the transfer from discrete to continuous noise took.
    package let transfer: Double
    /// About how many bytes it took to compute.
    package let bytes: Int

    package init(
        epsilon: Double,
        delta: Double,
        accountant: Accountant,
        conversion: Conversion? = nil,
        order: Double? = nil,
        fft: Double = 0,
        transfer: Double = 0,
        bytes: Int = 0
    ) {
        self.epsilon = epsilon
        self.delta = delta
        self.accountant = accountant
        self.conversion = conversion
        self.order = order
        self.fft = fft
        self.transfer = transfer
        self.bytes = bytes
    }

    /// The accountant, its conversion and its order, for people.
    package var method: String {
        accountant.title + (conversion.map { ", \($0.rawValue) conversion" } ?? "")
            + (order.map { ", order \($0.shortOrder)" } ?? "")
    }
}
