// SPDX-License-Identifier: Apache-2.0

/// Whose presence a guarantee hides.
package enum PrivacyUnit: String, Hashable, Sendable, Codable {
    /// One example.
    case example
    /// All the examples of one participant.
    case user
}

/// Which pairs of data sets count as neighbours.
package enum Adjacency: String, Hashable, Sendable, Codable {
    /// One has a unit more than the other.
    case addRemoveOne = "add-or-remove-one"
}

/// A guarantee in full: an epsilon is never printed without what it means.
package struct PrivacyClaim: Hashable, Sendable, Codable {
    /// Finite and not negative.
    package let epsilon: Double
    /// The sum of `deltaParts`, or the larger delta that was asked for.
    package let delta: Double
    package let deltaParts: DeltaParts
    package let unit: PrivacyUnit
    package let adjacency: Adjacency
    /// The sampling that happened, in words: the sampler says it.
    package let sampling: String
    package let accountant: Accountant
    /// Nil where the accountant needs none.
    package let conversion: Conversion?
    /// The Rényi order that gave epsilon; nil where the accountant has none.
    package let order: Double?
    /// Against whom the claim holds.
    package let adversary: Adversary
    /// About how many bytes its computation took.
    package let accountingBytes: Int
    /// Whether the noise came from the operating system's keyed stream, never from a seed.
    package let noiseSecure: Bool
    /// What is relied on and not proved, one sentence each.
    package let assumptions: [String]

    /// - Parameter delta: the delta that was asked for; at least the total of `deltaParts`.
    package init(
        _ accounted: AccountedEpsilon,
        delta: Double,
        deltaParts: DeltaParts,
        unit: PrivacyUnit,
        adjacency: Adjacency = .addRemoveOne,
        sampling: String,
        adversary: Adversary,
        noiseSecure: Bool,
        assumptions: [String] = []
    ) throws(AccountingError) {
        guard accounted.epsilon.isFinite, accounted.epsilon >= 0 else {
            throw .invalid("epsilon", accounted.epsilon, "a finite number, at least 0")
        }
        guard delta < 1, delta >= deltaParts.total, delta >= accounted.delta else {
            throw .invalid("delta", delta, "below 1 and at least the sum of its items, \(deltaParts.total)")
        }
        self.epsilon = accounted.epsilon
        self.delta = delta
        self.deltaParts = deltaParts
        self.unit = unit
        self.adjacency = adjacency
        self.sampling = sampling
        accountant = accounted.accountant
        conversion = accounted.conversion
        order = accounted.order
        accountingBytes = accounted.bytes
        self.adversary = adversary
        self.noiseSecure = noiseSecure
        self.assumptions = assumptions
    }
}

extension PrivacyClaim: CustomStringConvertible {
    /// One line that can stand alone; epsilon is rounded up to four decimals.
    package var description: String {
        "epsilon \(epsilon.roundedUp(decimals: 4)) at delta \(delta) per \(unit.rawValue) (\(adjacency.rawValue), "
            + "\(sampling); \(accountant.title)\(conversionText); "
            + "\(noiseSecure ? "secure noise" : "NOISE NOT SECURE")), against \(adversary.explanation)"
    }

    private var conversionText: String {
        (conversion.map { ", \($0.rawValue) conversion" } ?? "") + (order.map { ", order \($0.shortOrder)" } ?? "")
    }

    /// Label and value pairs for a table.
    package var rows: [(label: String, value: String)] {
        [
            ("epsilon", "\(epsilon.roundedUp(decimals: 4))"),
            ("delta", "\(delta)"),
        ] + deltaParts.rows + [
            ("holds against", adversary.explanation),
            ("unit", unit.rawValue),
            ("adjacency", adjacency.rawValue),
            ("sampling", sampling),
            ("accountant", accountant.title + conversionText),
            ("noise secure", noiseSecure ? "yes" : "NO"),
        ] + assumptions.map { ("assumes", $0) }
    }
}

extension Double {
    /// A Rényi order for people: whole where it is whole, else with two decimals.
    package var shortOrder: String {
        if let whole = Int(exactly: self) { return "\(whole)" }
        return "\((self * 100).rounded() / 100)"
    }
}
