// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import CommandLineKit

/// `sotto account --mechanism`: what a release given by options spends.
struct AccountMechanism {
    let release: MechanismOptions
    let delta: Double
    let choice: AccountantChoice

    private struct Report: Encodable {
        let epsilon: Double
        let delta: Double
        let deltaParts: DeltaParts
        let accountant: Accountant
        let conversion: Conversion?
        let adjacency: Adjacency
        let sampling: String
        let holdsAgainst: String
        let order: Double?
        let mechanism: MechanismOptions.Mechanism?
        let steps: Int?
        /// The noise that is accounted, over the sensitivity.
        let noiseMultiplier: Double?
        let released: String
        let assumptions: [String]
    }

    func run(_ format: OutputOptions, report path: String?) throws {
        if let population = release.population, delta * Double(population) >= 1 {
            throw CommandError(
                "--delta: \(delta) is no privacy for \(population) examples; expected below 1/\(population)"
            )
        }
        let event = try release.event()
        let split = try DeltaParts.split(delta, sampler: release.samplerDistance()) { (delta) throws(AccountingError) in
            try choice.epsilon(of: event, delta: delta)
        }
        let accounted = split.accounted
        let report = Report(
            epsilon: accounted.epsilon,
            delta: delta,
            deltaParts: split.parts,
            accountant: accounted.accountant,
            conversion: accounted.conversion,
            adjacency: .addRemoveOne,
            sampling: release.sampling,
            holdsAgainst: Adversary.outsider.explanation,
            order: accounted.order,
            mechanism: release.mechanism,
            steps: release.steps,
            noiseMultiplier: release.effectiveMultiplier,
            released: event.description,
            assumptions: event.assumptions
        )
        var rows: [(label: String, value: String)] = [
            ("epsilon", "\(report.epsilon)"),
            ("holds against", report.holdsAgainst),
            ("delta", "\(delta)"),
        ]
        rows += split.parts.rows
        rows += [
            ("accountant", accounted.method),
            ("adjacency", report.adjacency.rawValue),
            ("sampling", release.sampling),
            ("released", event.description),
        ]
        if let path { try page(accounted, rows: rows, assumptions: event.assumptions).write(to: path) }
        try format.print(report) { table in
            for (label, value) in rows { table.row(label, value) }
            for assumption in event.assumptions { table.row("assumes", assumption) }
        }
    }

    private func page(
        _ accounted: AccountedEpsilon,
        rows: [(label: String, value: String)],
        assumptions: [String]
    ) throws -> PrivacyPage {
        var page = PrivacyPage("What \(Decimal.grouped(release.steps ?? 1)) steps spend")
        page.claim(
            "ε = \(accounted.epsilon.roundedUp(decimals: 4)) at δ = \(delta), against \(Adversary.outsider.explanation).",
            rows: rows
        )
        page.assumptions(
            assumptions.map { $0.prefix(1).uppercased() + $0.dropFirst() + "." } + [
                "The sensitivity is what the options say; nothing was measured.",
                "The random bits are such that nobody can predict them.",
                release.dimension == nil && release.sigmaGrid != nil
                    ? "The sampler draws the ideal law: without --dimension its distance is not charged to δ." : nil,
            ]
        )
        let steps = PrivacyCurves.Release(count: max(1, release.steps ?? 1), first: try release.firstSteps())
        page.plots(
            PrivacyCurves(steps, delta: accounted.delta, epsilon: accounted.epsilon),
            count: steps.count,
            parts: "steps",
            claim: accounted,
            noiseMultiplier: release.effectiveMultiplier
        )
        return page
    }
}
