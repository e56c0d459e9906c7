// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// The accountant by privacy loss distribution: the losses of all steps on one grid, each rounded so that delta can only
/// grow, convolved for both directions of add-or-remove-one, with what is truncated, wraps around or is rounded by the
/// transform added to delta. Statements and proofs: `docs/proofs/pld.md`.
///
/// Where nothing is sampled the closed form of the Gaussian mechanism is used instead.
package enum PLDAccountant {
    /// The sampling rates for which the arithmetic is bounded and the time is short.
    package static let rateRange = 1e-6...1.0
    /// The noise multipliers of a sampled step.
    package static let noiseMultiplierRange = 0.1...1000.0
    /// The most steps of a composition with sampling.
    package static let maximumSteps = 10_000_000

    /// The smallest epsilon, up to the grid's error, for which `event` is (epsilon, delta)-DP.
    ///
    /// - Parameters:
    ///   - delta: in [1e-30, 1).
    ///   - bytes: what the computation may take, at least some 5 MiB; with little the grid is coarser, or there is an error.
    package static func epsilon(
        of event: PrivacyEvent,
        delta: Double,
        bytes: Int = .max
    ) throws(AccountingError) -> AccountedEpsilon {
        let cells = cells(bytes: bytes)
        guard delta >= 1e-30, delta < 1 else { throw .invalid("delta", delta, "a number in [1e-30, 1)") }
        let key = ResultCache.Key(event: event, delta: delta, cells: cells)
        if let known = ResultCache.value(of: key) { return known }
        let parts = try LossParts(event)
        let transfer = DeltaParts.transferItem(of: delta, slack: parts.slack)
        let rest = (delta - transfer).nextDown
        guard rest > 0 else { throw .deltaExhausted(asked: delta, taken: transfer) }
        var result = (epsilon: 0.0, fourier: 0.0)
        var used = 0
        if parts.laws.isEmpty {
            result.epsilon = try GaussianLoss.epsilon(precision: parts.precision, delta: rest)
        } else {
            let plan = try LossPlan(parts.allLaws(), target: .delta(rest), most: cells)
            used = plan.cells * bytesPerCell
            result = LossComposition(parts.allLaws(), plan: plan).epsilon(delta: rest)
        }
        guard result.epsilon.isFinite else { throw .noFiniteEpsilon(event: "the composition") }
        // The inner epsilon may be negative.
        let epsilon = max(0, parts.slack > 0 ? (result.epsilon + parts.slack).nextUp : result.epsilon)
        let accounted = AccountedEpsilon(
            epsilon: epsilon,
            delta: delta,
            accountant: .pld,
            fft: result.fourier,
            transfer: transfer,
            bytes: used
        )
        ResultCache.keep(accounted, for: key)
        return accounted
    }

    /// Bytes of a cell: the transform and its room, the roots, and grids of as many cells.
    private static let bytesPerCell = 88

    /// The most cells that so many bytes have room for, from 2^16 to 2^21.
    private static func cells(bytes: Int) -> Int {
        var cells = LossPlan.maximumCells
        while cells > 1 << 16, cells * bytesPerCell > bytes { cells /= 2 }
        return cells
    }

    /// The smallest delta, up to the grid's error, for which `event` is (epsilon, delta)-DP; at most 1.
    package static func delta(of event: PrivacyEvent, epsilon: Double) throws(AccountingError) -> Double {
        let parts = try LossParts(event)
        let inner = max(0, (epsilon - parts.slack).nextDown)
        let delta: Double
        if parts.laws.isEmpty {
            delta = GaussianLoss.delta(precision: parts.precision, epsilon: inner)
        } else {
            let plan = try LossPlan(parts.allLaws(), target: .epsilon(inner))
            delta = LossComposition(parts.allLaws(), plan: plan).delta(epsilon: inner)
        }
        let transfer = DeltaParts.transferItem(of: delta, slack: parts.slack)
        return min(1, [transfer, DeltaParts.belowZero(epsilon - parts.slack)].reduce(delta, DirectedRounding.addUp))
    }
}

/// An event as laws of losses (`docs/proofs/pld.md`, section 2).
struct LossParts {
    /// The sum of 1/z^2 over all steps that are Gaussian and not sampled, rounded up: together they are one Gaussian
    /// step of multiplier 1/sqrt of it.
    private(set) var precision = 0.0
    /// The sampled steps, equal ones counted together, in the order of first appearance.
    private(set) var laws: [RepeatedLaw] = []
    /// What the discrete noise adds to epsilon: the logarithms of its density ratios, over all steps.
    private(set) var slack = 0.0
    private var steps = 0
    private var counts: [LossLaw: Int] = [:]
    private var order: [LossLaw] = []

    init(_ event: PrivacyEvent) throws(AccountingError) {
        try add(event, count: 1)
        laws = order.compactMap { law in counts[law].map { RepeatedLaw(law: law, count: $0) } }
    }

    /// All laws, with what is not sampled as one more.
    func allLaws() -> [RepeatedLaw] {
        guard precision > 0 else { return laws }
        let multiplier = 1 / precision.squareRoot() * (1 - 4 * DirectedRounding.unit)
        return laws + [RepeatedLaw(law: LossLaw(.sampled(rate: 1, noiseMultiplier: multiplier)), count: 1)]
    }

    private mutating func add(_ event: PrivacyEvent, count: Int) throws(AccountingError) {
        guard count > 0 else { return }
        if let step = try NoiseStep(event) {
            let multiplier = try transferred(step, event, count: count)
            let single = 1 / (multiplier * multiplier) * (1 + 4 * DirectedRounding.unit)
            let times = DirectedRounding.atLeast(Int64(count))
            precision = DirectedRounding.addUp(precision, DirectedRounding.multiplyUp(single, times))
            return
        }
        switch try event.elementary {
        case .poissonSampled(let rate, let inner):
            try PrivacyEvent.check(rate: rate)
            guard rate < 1 else { return try add(inner, count: count) }
            guard let law = try sampled(rate: rate, inner, count: count) else { return }
            try include(LossLaw(law), count: count)
        case .clientsThenExamples(let clientRate, let exampleRate, let inner):
            try PrivacyEvent.check(rate: clientRate)
            try PrivacyEvent.check(rate: exampleRate)
            guard clientRate < 1 else {
                return try add(.poissonSampled(rate: exampleRate, event: inner), count: count)
            }
            guard clientRate > 0, let law = try sampled(rate: exampleRate, inner, count: count) else { return }
            try include(
                LossLaw(parts: [LossLaw.Part(weight: clientRate, pair: law)], rest: (1 - clientRate).nextUp),
                count: count
            )
        case .truncatedPoisson(let rate, let population, let capacity, let inner):
            try PrivacyEvent.check(rate: rate)
            guard let law = try sampled(rate: rate, inner, count: count) else { return }
            let cut = try TruncatedBatch(rate: rate, population: population, capacity: capacity)
            guard cut.probability > 0 else { return try include(LossLaw(law), count: count) }
            let replaced = LossLaw.Pair.replaced(rate: cut.keptRate, noiseMultiplier: law.noiseMultiplier)
            try include(
                LossLaw(
                    parts: [
                        LossLaw.Part(weight: cut.complement, pair: law),
                        LossLaw.Part(weight: cut.probability, pair: replaced),
                    ],
                    rest: 0
                ),
                count: count
            )
        case .composed(let parts):
            for part in parts {
                guard part.count >= 0 else { throw .invalid("number of repetitions", part.count, "at least 0") }
                let (product, overflow) = part.count.multipliedReportingOverflow(by: count)
                guard !overflow else { throw .invalid("number of repetitions", part.count, "fewer") }
                try add(part.event, count: product)
            }
        default:
            throw .unsupportedEvent(event: event.description, reason: "its loss distribution is not known; use rdp")
        }
    }

    /// The pair of a sampled step; nil where the rate is 0.
    private mutating func sampled(
        rate: Double,
        _ inner: PrivacyEvent,
        count: Int
    ) throws(AccountingError) -> LossLaw.Pair? {
        guard let step = try NoiseStep(inner) else {
            throw .unsupportedEvent(
                event: PrivacyEvent.poissonSampled(rate: rate, event: inner).description,
                reason: "sampling is accounted for one Gaussian release; of others by rdp"
            )
        }
        let multiplier = try transferred(step, inner, count: count)
        guard rate > 0 else { return nil }
        guard PLDAccountant.rateRange.contains(rate) else {
            throw .invalid("sampling rate", rate, "0, or a number in 1e-6...1 for pld; use rdp")
        }
        guard PLDAccountant.noiseMultiplierRange.contains(multiplier) else {
            throw .invalid("noise multiplier of a sampled step", multiplier, "a number in 0.1...1000 for pld; use rdp")
        }
        return .sampled(rate: rate, noiseMultiplier: multiplier)
    }

    private mutating func transferred(
        _ step: NoiseStep,
        _ event: PrivacyEvent,
        count: Int
    ) throws(AccountingError) -> Double {
        guard let multiplier = step.transferredMultiplier else {
            throw .unsupportedEvent(event: event.description, reason: "pld needs a sigma above 3 grid units; use rdp")
        }
        let times = DirectedRounding.atLeast(Int64(count))
        slack = DirectedRounding.addUp(slack, DirectedRounding.multiplyUp(step.slack, times))
        return multiplier
    }

    private mutating func include(_ law: LossLaw, count: Int) throws(AccountingError) {
        let (total, overflow) = steps.addingReportingOverflow(count)
        guard !overflow, total <= PLDAccountant.maximumSteps else {
            throw .invalid("number of sampled steps", overflow ? Int.max : total, "at most 10^7 for pld; use rdp")
        }
        steps = total
        if counts[law] == nil {
            guard order.count < Self.maximumLaws else {
                throw .invalid("kinds of sampled steps", "more than \(Self.maximumLaws)", "fewer for pld; use rdp")
            }
            order.append(law)
        }
        counts[law, default: 0] += count
    }

    /// More kinds of steps than this are refused: the time grows with their number.
    private static let maximumLaws = 500
}

/// Results by event and delta: a pure function's values, kept because a report asks for the same one again and again.
private enum ResultCache {
    struct Key: Hashable {
        let event: PrivacyEvent
        let delta: Double
        let cells: Int
    }

    private static let capacity = 256
    private static let results = Mutex<[Key: AccountedEpsilon]>([:])

    static func value(of key: Key) -> AccountedEpsilon? { results.withLock { $0[key] } }

    static func keep(_ value: AccountedEpsilon, for key: Key) {
        results.withLock { stored in
            if stored.count >= capacity { stored.removeAll(keepingCapacity: true) }
            stored[key] = value
        }
    }
}
