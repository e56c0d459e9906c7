// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Training

extension StatementAudit {
    /// The stated head is a link of the chain, and up to it the chain was charged for this model, for no more than stated.
    mutating func checkLedger(_ ledger: Ledger) {
        let place = ledger.entries.firstIndex { Hexadecimal.text($0.hash) == statement.ledgerHead?.lowercased() }
        check(
            "ledger head",
            place != nil,
            place.map { "entry \($0) of \(ledger.entries.count)" } ?? "is not in the ledger of \(ledger.population)"
        )
        let entries = Self.entries(leadingTo: statement.model.sha256, in: ledger.entries.prefix((place ?? -1) + 1))
        check(
            "ledger model",
            !entries.isEmpty,
            entries.first.map { last in
                let others = entries.count > 1 ? ", the last of \(entries.count) that led to it" : ""
                return "spent in entry \(last.index), \(last.charge.attempt)\(others)"
            } ?? "no entry up to the head was spent on it"
        )
        guard !entries.isEmpty else { return }
        for adversary in statement.events.keys.sorted() {
            checkCharges(entries.map(\.charge), against: adversary)
        }
    }

    /// The entries spent on a model and on the models that it was trained from, the last one first.
    private static func entries(leadingTo model: String, in entries: ArraySlice<LedgerEntry>) -> [LedgerEntry] {
        guard let hash = Hexadecimal.bytes(model) else { return [] }
        var models: Set = [hash]
        return entries.reversed().filter { entry in
            guard entry.charge.kind == .spent, let after = entry.charge.modelHashAfter, models.contains(after) else {
                return false
            }
            models.insert(entry.charge.modelHashBefore)
            return true
        }
    }

    /// What was charged for the model is no more than what is stated, compared by Rényi divergences, which cover every
    /// entry.
    private mutating func checkCharges(_ charges: [LedgerCharge], against adversary: Adversary) {
        let name = "ledger events, \(adversary)"
        let events = charges.compactMap { $0.event(against: adversary) }
        guard events.count == charges.count, let stated = event(against: adversary) else {
            return check(name, false, "an entry gives no guarantee against: \(adversary)")
        }
        do throws(AccountingError) {
            let delta = accountantDelta
            let charged = PrivacyEvent.composed(events.map { PrivacyEvent.Repeated($0, count: 1) })
            let spent = try RDPAccountant.epsilon(of: charged, delta: delta).epsilon
            let told = try RDPAccountant.epsilon(of: stated, delta: delta).epsilon
            check(
                name,
                spent <= told * (1 + Self.tolerance),
                "epsilon by RDP: \(spent) of the entries, \(told) of the stated events"
            )
        } catch {
            check(name, false, error.description)
        }
    }
}
