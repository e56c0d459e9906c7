// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import CommandLineKit
import Cryptography
import Files
import Plots
import Training

/// The report about a privacy claim: what is claimed and what that rests on, three plots, and how it was made.
struct PrivacyPage {
    private var page: ReportPage

    init(_ title: String) {
        page = ReportPage(title)
    }

    mutating func claim(_ sentence: String, rows: [(label: String, value: String)]) {
        page.paragraph(sentence)
        page.heading("The claim and its terms")
        page.table(rows)
    }

    mutating func assumptions(_ items: [String?], heading: String = "What is relied on") {
        page.heading(heading)
        page.list(items.compactMap(\.self))
    }

    mutating func checks(_ checks: [StatementAudit.Check]) {
        page.heading("What was recomputed")
        page.table(
            header: ["check", "", "found"],
            rows: checks.map { [$0.name, $0.holds ? "holds" : "DOES NOT HOLD", $0.detail] }
        )
    }

    mutating func comparisons(_ comparisons: [StatementAudit.Comparison]) {
        func text(_ value: Double?) -> String { value.map { "\($0.roundedUp(decimals: 4))" } ?? "–" }
        page.heading("ε by each accountant")
        page.table(
            header: ["against", "claimed", "PLD", "RDP", "zCDP"],
            rows: comparisons.map {
                [$0.adversary.description, text($0.claimed), text($0.pld), text($0.rdp), text($0.zcdp)]
            }
        )
    }

    mutating func entries(_ ledger: Ledger) {
        page.heading("Entries")
        page.table(
            header: ["entry", "task", "round", "attempt", "kind", "hash"],
            rows: ledger.entries.map { entry in
                let attempt = entry.charge.attempt
                return [
                    "\(entry.index)", attempt.task, "\(attempt.round)", "\(attempt.attempt)",
                    entry.charge.kind.rawValue, "\(Hexadecimal.text(entry.hash.prefix(8)))…",
                ]
            }
        )
    }

    /// Epsilon over the parts, delta over epsilon, and epsilon over the noise, the claim marked in each.
    ///
    /// - Parameters:
    ///   - parts: what the release consists of, in the plural.
    ///   - noiseMultiplier: of one part; nil where parts differ or have none, then the noise is shown relative to what it is.
    mutating func plots(
        _ curves: PrivacyCurves,
        count: Int,
        parts: String,
        claim: AccountedEpsilon,
        against adversary: Adversary = .outsider,
        noiseMultiplier: Double? = nil
    ) {
        let epsilon = claim.epsilon
        let mark = "ε = \(epsilon.roundedUp(decimals: 3))"
        func series(_ drawn: [PrivacyCurves.Curve], scale: Double = 1) -> [LinePlot.Series] {
            drawn.map { curve in
                LinePlot.Series(
                    curve.accountant.shortTitle,
                    curve.points.map { LinePlot.Point(x: scale * $0.x, y: $0.y) }
                )
            }
        }
        page.heading("Against \(adversary.explanation)")
        let spend = curves.spend()
        page.plot(
            LinePlot(
                "ε over \(parts)",
                x: PlotAxis(parts),
                y: PlotAxis("ε"),
                series: series(spend),
                mark: LinePlot.Mark(LinePlot.Point(x: Double(count), y: epsilon), mark)
            ),
            caption: "Each accountant's ε of the first \(parts), at the accountant's part of δ. "
                + (spend.contains { $0.accountant == .zcdp }
                    ? "" : "zCDP knows no sampling; it is left out where it says ten times as much or nothing.")
        )
        page.plot(
            LinePlot(
                "δ over ε",
                x: PlotAxis("ε"),
                y: PlotAxis("δ", scale: .logarithmic),
                series: series(curves.trade()),
                mark: LinePlot.Mark(LinePlot.Point(x: epsilon, y: claim.delta), mark)
            ),
            caption: "The whole release is (ε, δ)-differentially private for every point on or above a line."
        )
        let unit = noiseMultiplier ?? 1
        page.plot(
            LinePlot(
                noiseMultiplier == nil ? "ε over noise" : "ε over noise multiplier",
                x: PlotAxis(
                    noiseMultiplier == nil ? "noise, as a multiple of what it was" : "noise multiplier σ",
                    scale: .logarithmic
                ),
                y: PlotAxis("ε", scale: .logarithmic),
                series: series(curves.noise(), scale: unit),
                mark: LinePlot.Mark(LinePlot.Point(x: unit, y: epsilon), mark)
            ),
            caption: "The same \(Decimal.grouped(count)) \(parts) with less noise and with more."
        )
    }

    /// Adds how the page was made, and writes it.
    func write(to path: String) throws {
        var page = page
        page.heading("How this page was made")
        page.code(CommandText.current)
        let program = ProgramHash.current().map { Hexadecimal.text($0) } ?? "unknown"
        page.paragraph(
            "By sotto, privacy statement version \(PrivacyStatement.currentVersion), program SHA-256 \(program)."
        )
        try DurableFile.write(Array(page.html.utf8), to: path, mode: 0o644)
    }
}

extension Accountant {
    /// A word for a legend.
    var shortTitle: String {
        switch self {
        case .pld: "PLD"
        case .rdp: "RDP"
        case .zcdp: "zCDP"
        }
    }
}
