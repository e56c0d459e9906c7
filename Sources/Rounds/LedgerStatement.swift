// SPDX-License-Identifier: Apache-2.0

package import Accounting

/// The limits of a population or of a device, for all tasks together.
package struct SpendLimits: Hashable, Sendable {
    /// The most ε against everybody but the server.
    package let epsilon: Double
    /// The most ε against the server; `nil` where the server is trusted.
    package let epsilonServer: Double?
    /// The δ at which both hold.
    package let delta: Double
    /// The same for the accountant, with its share of δ.
    package let budget: Budget

    package init(epsilon: Double, epsilonServer: Double?, delta: Double) throws(AccountingError) {
        // The accountant's share of a larger delta may still be below 1.
        guard delta > 0, delta < 1 else {
            throw .invalidParameter(name: "delta", value: "\(delta)", expected: "a number in (0, 1)")
        }
        self.epsilon = epsilon
        self.epsilonServer = epsilonServer
        self.delta = delta
        budget = try Budget(
            epsilon: epsilon,
            delta: DeltaShares.accountant(of: delta),
            epsilonServer: epsilonServer
        )
    }
}

/// What a whole ledger of federated rounds amounts to, and what it still allows.
extension Ledger {
    /// ε of all entries against an adversary, or `nil` where no guarantee can be stated at this δ.
    package func stated(against adversary: Adversary, delta: Double) throws(LedgerError) -> Double? {
        guard !charges.isEmpty else { return 0 }
        let epsilon = try epsilon(against: adversary, delta: DeltaShares.accountant(of: delta)).epsilon
        let event = try event(against: adversary)
        // Smaller models are counted with the largest one's dimension.
        let dimension = charges.map(\.certificate.dimension).max() ?? 0
        do throws(AccountingError) {
            let parts = try DeltaShares.parts(of: delta, epsilon: epsilon, event: event, dimension: dimension)
            return parts == nil ? nil : epsilon
        } catch {
            throw .accounting(error)
        }
    }

    /// Refuses a charge that would pass a limit, or after which a limited ε could no longer be stated. Nothing changes.
    package func checkSpend(_ charge: LedgerCharge, limits: SpendLimits) throws(LedgerError) {
        try check(next: charge, budget: limits.budget)
        var after = self
        try after.append(charge)
        for adversary in after.adversaries where adversary != .server || limits.epsilonServer != nil {
            guard try after.stated(against: adversary, delta: limits.delta) != nil else {
                throw .notStatable(against: adversary, delta: limits.delta)
            }
        }
    }
}
