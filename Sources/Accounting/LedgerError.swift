// SPDX-License-Identifier: Apache-2.0

/// Why a ledger, or the next entry of one, is refused.
package enum LedgerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The record is damaged; a server or client that reads this stops.
    case corrupted(entry: Int, reason: String)
    /// The file around the entries is damaged.
    case malformed(String)
    /// The ledger ends elsewhere than the signed head says.
    case headMismatch(expected: Int, found: Int)
    /// The head is not signed by the key that was expected.
    case badSignature(String)
    /// The next entry cannot follow: its round is in another state.
    case refusedEntry(index: Int, reason: String)
    /// An entry makes no promise against this adversary, so none can be made for the whole.
    case noGuarantee(against: Adversary, entry: Int)
    /// The next entry would pass the limit. Nothing has been spent.
    case budgetExceeded(against: Adversary, before: Double, after: Double, limit: Double, delta: Double)
    /// Beyond this spend no epsilon could be stated: the noise sampler's item would outgrow delta. Nothing has been spent.
    case notStatable(against: Adversary, delta: Double)
    /// An event in the record is one that no proof covers.
    case accounting(AccountingError)

    package var description: String {
        switch self {
        case .corrupted(let entry, let reason):
            "ledger: entry \(entry) is damaged: \(reason)"
        case .malformed(let reason):
            "ledger: not a ledger: \(reason)"
        case .headMismatch(let expected, let found):
            "ledger: the signed head stands after \(expected) entries, the record has \(found) or differs there"
        case .badSignature(let reason):
            "ledger: the head's signature does not hold: \(reason)"
        case .refusedEntry(let index, let reason):
            "ledger: entry \(index) cannot follow: \(reason)"
        case .noGuarantee(let adversary, let entry):
            "ledger: entry \(entry) gives no guarantee against: \(adversary)"
        case .budgetExceeded(let adversary, let before, let after, let limit, let delta):
            "ledger: the next round would take epsilon against \(adversary.explanation) from "
                + "\(before.roundedUp(decimals: 4)) to \(after.roundedUp(decimals: 4)) "
                + "at delta \(delta); the limit is \(limit)"
        case .notStatable(let adversary, let delta):
            "ledger: after the next round no epsilon against \(adversary.explanation) could be stated at delta \(delta), because"
                + " the noise sampler's part of delta grows like e^epsilon; fewer rounds, more noise, or no limit against it"
        case .accounting(let error):
            error.description
        }
    }
}
