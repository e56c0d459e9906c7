// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import CommandLineKit
import Cryptography
import Training

/// `sotto account --ledger`: what a whole ledger amounts to, from its entries alone.
struct AccountLedger {
    let file: LedgerFile
    let delta: Double
    let choice: AccountantChoice

    private struct Report: Encodable {
        let population: String
        let entries: Int
        let attempts: Int
        let openAttempts: Int
        let head: String
        let signature: String
        let delta: Double
        let adjacency: Adjacency
        let epsilonAgainst: PrivacyStatement.EpsilonAgainst
        let against: [Standing]
    }

    private struct Standing: Encodable {
        let adversary: Adversary
        let epsilon: Double?
        let deltaParts: DeltaParts?
        let accountant: Accountant?
        let conversion: Conversion?
        let order: Double?
        /// Why there is no epsilon.
        let refused: String?

        init(_ standing: LedgerStanding) {
            adversary = standing.adversary
            switch standing.outcome {
            case .stated(_, let accounted, let parts):
                epsilon = accounted.epsilon
                deltaParts = parts
                accountant = accounted.accountant
                conversion = accounted.conversion
                order = accounted.order
                refused = nil
            case .refused(let reason):
                epsilon = nil
                deltaParts = nil
                accountant = nil
                conversion = nil
                order = nil
                refused = reason
            }
        }
    }

    func run(_ format: OutputOptions, report path: String?) throws {
        guard delta > 0, delta < 1 else {
            throw CommandError("--delta: \(delta) is not possible; expected above 0, below 1")
        }
        let ledger = file.ledger
        let standings = ledger.audited.map { ledger.standing(against: $0, delta: delta, by: choice) }
        let report = Report(
            population: ledger.population,
            entries: ledger.entries.count,
            attempts: ledger.charges.count,
            openAttempts: ledger.openAttempts.count,
            head: Hexadecimal.text(ledger.head.hash),
            signature: signature,
            delta: delta,
            adjacency: .addRemoveOne,
            epsilonAgainst: epsilonAgainst(standings),
            against: standings.map(Standing.init)
        )
        let rows = rows(standings)
        if let path { try page(standings, rows: rows).write(to: path) }
        try format.print(report) { table in
            for (label, value) in rows { table.row(label, value) }
        }
    }

    private func epsilonAgainst(_ standings: [LedgerStanding]) -> PrivacyStatement.EpsilonAgainst {
        func epsilon(_ adversary: Adversary) -> Double? { standings.first { $0.adversary == adversary }?.epsilon }
        let colluders = standings.filter { if case .colluders = $0.adversary { true } else { false } }
        return PrivacyStatement.EpsilonAgainst(
            outsider: epsilon(.outsider),
            client: epsilon(.client),
            // Where nothing can be said against some number of them, nothing is said in the one field for all.
            colluders: colluders.contains { $0.epsilon == nil } ? nil : colluders.compactMap(\.epsilon).max(),
            server: epsilon(.server)
        )
    }

    private var signature: String {
        switch file.signature {
        case .none: "none: a chain that was cut at its end would not be noticed"
        case .unchecked(let key):
            "fits the key in the file, whose owner was not checked: \(Hexadecimal.text(key.bytes))"
        case .verified(let key): "by the given key \(Hexadecimal.text(key.bytes))"
        }
    }

    private func rows(_ standings: [LedgerStanding]) -> [(label: String, value: String)] {
        let ledger = file.ledger
        var rows: [(label: String, value: String)] = [
            ("population", ledger.population),
            (
                "entries",
                "\(ledger.entries.count), of \(ledger.charges.count) attempts, \(ledger.openAttempts.count) open"
            ),
            ("head", Hexadecimal.text(ledger.head.hash)),
            ("signature", signature),
            ("delta", "\(delta)"),
            ("adjacency", Adjacency.addRemoveOne.rawValue),
        ]
        for standing in standings {
            let adversary = standing.adversary.explanation
            switch standing.outcome {
            case .stated(_, let accounted, let parts):
                let epsilon = "\(accounted.epsilon.roundedUp(decimals: 4)) against \(adversary)"
                rows.append(("epsilon", "\(epsilon); \(accounted.method)"))
                let items = parts.rows.map { "\($0.label.dropFirst("delta: ".count)) \($0.value)" }
                rows.append(("", "delta: " + items.joined(separator: ", ")))
            case .refused(let reason):
                rows.append(("no epsilon", "against \(adversary): \(reason)"))
            }
        }
        return rows
    }

    private func page(_ standings: [LedgerStanding], rows: [(label: String, value: String)]) -> PrivacyPage {
        let ledger = file.ledger
        var page = PrivacyPage("What the ledger of \(ledger.population) has spent")
        page.claim(
            standings.compactMap { standing in
                standing.epsilon.map { "ε = \($0.roundedUp(decimals: 4)) against \(standing.adversary.explanation)" }
            }
            .joined(separator: "; ") + ", at δ = \(delta).",
            rows: rows
        )
        page.assumptions([
            "Every attempt counts in full from its reservation on, also one that was abandoned.",
            "What the entries say was done is what was done: a chain shows changes, not lies.",
            file.signature == .none ? "Nothing was cut off the end of the chain: its head is not signed." : nil,
        ])
        // The strongest adversary against whom something is stated sees the most.
        for standing in standings.reversed() {
            guard case .stated(_, let accounted, _) = standing.outcome, !ledger.charges.isEmpty else { continue }
            let release = PrivacyCurves.Release(steps(against: standing.adversary))
            page.plots(
                PrivacyCurves(release, delta: accounted.delta, epsilon: accounted.epsilon),
                count: release.count,
                parts: "steps of all attempts",
                claim: accounted,
                against: standing.adversary
            )
            break
        }
        page.entries(ledger)
        return page
    }

    /// What the attempts released, in their order; a run that is one attempt, step by step.
    private func steps(against adversary: Adversary) -> [PrivacyEvent.Repeated] {
        file.ledger.charges.flatMap { charge -> [PrivacyEvent.Repeated] in
            switch charge.event(against: adversary) {
            case .composed(let parts)?: parts
            case let event?: [PrivacyEvent.Repeated(event, count: 1)]
            case nil: []
            }
        }
    }
}
