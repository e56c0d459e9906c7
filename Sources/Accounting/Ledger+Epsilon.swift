// SPDX-License-Identifier: Apache-2.0

/// The limits that a population has agreed to.
package struct Budget: Hashable, Sendable, Codable {
    /// The most epsilon against each adversary other than the server.
    package let epsilon: Double
    /// The accountant's part of the delta (`DeltaParts.accountant`).
    package let delta: Double
    /// The most epsilon against the server; nil where no promise against the server is made.
    package let epsilonServer: Double?
    package let conversion: Conversion

    package init(
        epsilon: Double,
        delta: Double,
        epsilonServer: Double? = nil,
        conversion: Conversion = .improved
    ) throws(AccountingError) {
        for limit in [epsilon, epsilonServer ?? 0] where !(limit >= 0 && limit.isFinite) {
            throw .invalid("epsilon of a budget", limit, "a finite number, at least 0")
        }
        guard delta > 0, delta < 1 else { throw .invalid("delta", delta, "a number in (0, 1)") }
        self.epsilon = epsilon
        self.delta = delta
        self.epsilonServer = epsilonServer
        self.conversion = conversion
    }
}

extension Ledger {
    /// Every adversary that an entry names, in canonical order.
    package var adversaries: [Adversary] { Set(charges.flatMap(\.events.keys)).sorted() }

    /// Everything that `adversary` has been, or may be, shown.
    package func event(against adversary: Adversary) throws(LedgerError) -> PrivacyEvent {
        try Ledger.composition(of: counted.map { ($0, entries[$0].charge) }, against: adversary)
    }

    /// The epsilon against `adversary` from the entries alone.
    package func epsilon(
        against adversary: Adversary,
        delta: Double,
        conversion: Conversion = .improved
    ) throws(LedgerError) -> AccountedEpsilon {
        try Ledger.account(event(against: adversary), delta: delta, conversion: conversion)
    }

    /// Refuses a charge that would pass the budget, before it is spent; a charge that closes an open reservation adds
    /// nothing. Every adversary that the ledger or the charge names is checked (the server where the budget limits it),
    /// so that a guarantee once given is not dropped.
    package func check(next charge: LedgerCharge, budget: Budget) throws(LedgerError) {
        _ = try prepare(charge)
        guard entry(of: charge.attempt) == nil else { return }
        let before = counted.map { ($0, entries[$0].charge) }
        var checked = Set(adversaries).union(charge.events.keys)
        checked.remove(.server)
        if budget.epsilonServer != nil { checked.insert(.server) }
        for adversary in checked.sorted() {
            let limit = adversary == .server ? budget.epsilonServer ?? 0 : budget.epsilon
            let now = try Ledger.account(
                Ledger.composition(of: before, against: adversary),
                delta: budget.delta,
                conversion: budget.conversion
            )
            let then = try Ledger.account(
                Ledger.composition(of: before + [(entries.count, charge)], against: adversary),
                delta: budget.delta,
                conversion: budget.conversion
            )
            guard then.epsilon <= limit else {
                throw .budgetExceeded(
                    against: adversary,
                    before: now.epsilon,
                    after: then.epsilon,
                    limit: limit,
                    delta: budget.delta
                )
            }
        }
    }

    /// The composition, equal events merged in the order of their first appearance, so that the same entries always
    /// give the same bits.
    private static func composition(
        of charges: [(place: Int, charge: LedgerCharge)],
        against adversary: Adversary
    ) throws(LedgerError) -> PrivacyEvent {
        var order: [PrivacyEvent] = []
        var counts: [PrivacyEvent: Int] = [:]
        for (place, charge) in charges {
            guard let event = charge.event(against: adversary) else {
                throw .noGuarantee(against: adversary, entry: place)
            }
            if counts[event, default: 0] == 0 { order.append(event) }
            counts[event, default: 0] += 1
        }
        return .composed(order.map { PrivacyEvent.Repeated($0, count: counts[$0, default: 0]) })
    }

    private static func account(
        _ event: PrivacyEvent,
        delta: Double,
        conversion: Conversion
    ) throws(LedgerError) -> AccountedEpsilon {
        do throws(AccountingError) {
            return try RDPAccountant.epsilon(of: event, delta: delta, conversion: conversion)
        } catch {
            throw .accounting(error)
        }
    }
}
