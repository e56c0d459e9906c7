// SPDX-License-Identifier: Apache-2.0

package import Accounting
internal import Rounds

/// What a whole ledger amounts to against one adversary.
package struct LedgerStanding: Hashable, Sendable {
    package let adversary: Adversary
    package let outcome: Outcome

    package enum Outcome: Hashable, Sendable {
        /// Everything that was released, the epsilon, and the items of delta.
        case stated(event: PrivacyEvent, accounted: AccountedEpsilon, parts: DeltaParts)
        /// No epsilon can be given, and why.
        case refused(String)
    }

    /// Nil where none can be given.
    package var epsilon: Double? {
        if case .stated(_, let accounted, _) = outcome { accounted.epsilon } else { nil }
    }
}

extension Ledger {
    /// What is said about a ledger: the outsider, one client and the server, and whoever else an entry names.
    package var audited: [Adversary] { Set(adversaries + [.outsider, .client, .server]).sorted() }

    /// Epsilon of all entries against `adversary` at `delta`, all of its items included.
    ///
    /// Nothing is thrown: an adversary against whom nothing can be said is part of the answer.
    ///
    /// - Parameter delta: in (0, 1).
    package func standing(
        against adversary: Adversary,
        delta: Double,
        by choice: AccountantChoice = AccountantChoice()
    ) -> LedgerStanding {
        do {
            let event = try event(against: adversary)
            // Entries do not say whether their draws were made on devices whose time is seen; the item is too small to matter.
            let split = try DeltaParts.split(
                delta,
                samplers: samplerDistances(against: adversary),
                draw: DeltaShares.draw(of: event)
            ) { (delta) throws(AccountingError) in
                try choice.epsilon(of: event, delta: delta)
            }
            return LedgerStanding(
                adversary: adversary,
                outcome: .stated(event: event, accounted: split.accounted, parts: split.parts)
            )
        } catch {
            return LedgerStanding(adversary: adversary, outcome: .refused("\(error)"))
        }
    }

    /// The distances of all noise that was drawn, by dimension and sigma.
    private func samplerDistances(against adversary: Adversary) throws -> [DeltaParts.SamplerDistance] {
        var order: [Int] = []
        var releases: [Int: [PrivacyEvent.Repeated]] = [:]
        for charge in charges {
            guard let event = charge.event(against: adversary) else { continue }
            let dimension = charge.certificate.dimension
            if releases[dimension] == nil { order.append(dimension) }
            releases[dimension, default: []].append(PrivacyEvent.Repeated(event, count: 1))
        }
        return try order.flatMap { dimension in
            try SamplerDistances.of(.composed(releases[dimension] ?? []), dimension: dimension)
        }
    }
}

/// The distances of the noise that an event relies on from its ideal law.
enum SamplerDistances {
    /// - Throws: ``AccountingError`` for a sigma that our sampler does not draw.
    static func of(_ event: PrivacyEvent, dimension: Int) throws(AccountingError) -> [DeltaParts.SamplerDistance] {
        var distances: [DeltaParts.SamplerDistance] = []
        for noise in event.discreteNoise {
            distances.append(try DeltaShares.distance(of: noise, dimension: dimension))
        }
        return distances
    }
}
