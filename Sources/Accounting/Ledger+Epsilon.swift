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
    /// Who accounts, in the order in which they are asked: each is an upper bound, so a charge that one admits is admitted.
    package let accountants: [Accountant]

    /// - Parameter accountants: at least one. The others are asked only about what the first refuses, so slow ones belong
    ///   at the end. Whoever states an epsilon beside this budget has to take the least of the same accountants, or state
    ///   more than the limit.
    package init(
        epsilon: Double,
        delta: Double,
        epsilonServer: Double? = nil,
        conversion: Conversion = .improved,
        accountants: [Accountant] = [.rdp]
    ) throws(AccountingError) {
        precondition(!accountants.isEmpty, "a budget needs an accountant")
        for limit in [epsilon, epsilonServer ?? 0] where !(limit >= 0 && limit.isFinite) {
            throw .invalid("epsilon of a budget", limit, "a finite number, at least 0")
        }
        guard delta > 0, delta < 1 else { throw .invalid("delta", delta, "a number in (0, 1)") }
        self.epsilon = epsilon
        self.delta = delta
        self.epsilonServer = epsilonServer
        self.conversion = conversion
        self.accountants = accountants
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
    /// - Parameters:
    ///   - delta: in (0, 1), the accountant's part.
    ///   - accountant: `pld` and `zcdp` refuse events that they do not cover; `rdp` covers every entry.
    package func epsilon(
        against adversary: Adversary,
        delta: Double,
        accountant: Accountant = .rdp,
        conversion: Conversion = .improved
    ) throws(LedgerError) -> AccountedEpsilon {
        try Ledger.account(event(against: adversary), accountant, delta: delta, conversion: conversion)
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
            let then = try Ledger.least(
                of: Ledger.composition(of: before + [(entries.count, charge)], against: adversary),
                within: limit,
                budget: budget
            )
            guard then > limit else { continue }
            throw .budgetExceeded(
                against: adversary,
                before: try Ledger.least(
                    of: Ledger.composition(of: before, against: adversary),
                    within: nil,
                    budget: budget
                ),
                after: then,
                limit: limit,
                delta: budget.delta
            )
        }
    }

    /// The least epsilon of the budget's accountants, or the first that is within the limit. The first accountant has to
    /// cover the event; what another one does not cover leaves the others' word.
    private static func least(
        of event: PrivacyEvent,
        within limit: Double?,
        budget: Budget
    ) throws(LedgerError) -> Double {
        var least = Double.infinity
        for (place, accountant) in budget.accountants.enumerated() {
            do throws(LedgerError) {
                let accounted = try account(
                    event,
                    accountant,
                    delta: budget.delta,
                    conversion: budget.conversion
                )
                least = min(least, accounted.epsilon)
            } catch {
                if place == 0 { throw error }
            }
            if let limit, least <= limit { break }
        }
        return least
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
        _ accountant: Accountant,
        delta: Double,
        conversion: Conversion
    ) throws(LedgerError) -> AccountedEpsilon {
        do throws(AccountingError) {
            return try accountant.epsilon(of: event, delta: delta, conversion: conversion)
        } catch {
            throw .accounting(error)
        }
    }
}
