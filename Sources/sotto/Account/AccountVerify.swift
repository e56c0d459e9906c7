// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import CommandLineKit
import Files
import Training

/// `sotto account --verify`: the claim beside a released model, recomputed offline.
struct AccountVerify {
    /// A model file or its folder, and its statement unless that lies beside it.
    let paths: [String]
    let ledger: LedgerFile?

    private struct Report: Encodable {
        let verified: Bool
        let model: PrivacyStatement.Model
        let delta: Double
        let deltaParts: DeltaParts
        let accountant: Accountant
        let epsilonAgainst: PrivacyStatement.EpsilonAgainst
        let tolerance: Double
        let checks: [StatementAudit.Check]
        let recomputed: [StatementAudit.Comparison]
        let notChecked: [String]
    }

    func run(_ format: OutputOptions, report path: String?) throws {
        let (modelPath, statementPath) = files()
        let statement: PrivacyStatement
        do {
            statement = try JSONText.decode(PrivacyStatement.self, from: InputFile.read(statementPath))
        } catch let error as JSONError {
            throw CommandError("\(statementPath): not a privacy statement: \(error)")
        }
        let audit = try StatementAudit(statement, model: InputFile.read(modelPath), ledger: ledger?.ledger)
        let notChecked = audit.notChecked(ledger: ledger != nil)
        let report = Report(
            verified: audit.isVerified,
            model: statement.model,
            delta: statement.delta,
            deltaParts: statement.deltaParts,
            accountant: statement.accountant,
            epsilonAgainst: statement.epsilonAgainst,
            tolerance: StatementAudit.tolerance,
            checks: audit.checks,
            recomputed: audit.comparisons,
            notChecked: notChecked
        )
        if let path { try page(audit, notChecked).write(to: path) }
        try format.print(report, in: TextTable([.left, .left, .left])) { table in
            for check in audit.checks { table.row(check.holds ? "holds" : "DOES NOT HOLD", check.name, check.detail) }
            for comparison in audit.comparisons {
                table.row("recomputed", "epsilon, \(comparison.adversary)", comparison.line)
            }
            for open in notChecked { table.row("not checked", "", open) }
        }
        let failed = audit.checks.filter { !$0.holds }
        guard failed.isEmpty else {
            throw CommandError(
                "\(statementPath): \(failed.count) of \(audit.checks.count) checks do not hold: "
                    + failed.map(\.name).joined(separator: "; "),
                status: .refused
            )
        }
    }

    private func files() -> (model: String, statement: String) {
        let isFolder = DurableFile.isFolder(paths[0])
        let folder = isFolder ? paths[0] + "/" : paths[0].lastIndex(of: "/").map { String(paths[0][...$0]) } ?? ""
        return (
            isFolder ? folder + ModelFile.modelName : paths[0],
            paths.count > 1 ? paths[1] : folder + ModelFile.statementName
        )
    }

    private func page(_ audit: StatementAudit, _ notChecked: [String]) -> PrivacyPage {
        let statement = audit.statement
        var page = PrivacyPage("The privacy statement of a model, \(audit.isVerified ? "verified" : "REFUSED")")
        page.claim(
            audit.comparisons.compactMap { comparison in
                comparison.claimed.map {
                    "ε = \($0.roundedUp(decimals: 4)) against \(comparison.adversary.explanation)"
                }
            }
            .joined(separator: "; ") + ", at δ = \(statement.delta).",
            rows: [
                ("model", "\(statement.model.network), \(Decimal.grouped(statement.model.parameters)) parameters"),
                ("unit", statement.unit.rawValue),
                ("adjacency", statement.adjacency.rawValue),
                ("sampling", statement.sampling),
                ("accountant", statement.accountant.title + (statement.conversion.map { ", \($0.rawValue)" } ?? "")),
                ("delta", "\(statement.delta)"),
            ] + statement.deltaParts.rows + [("noise secure", statement.noiseSecure ? "yes, as stated" : "NO")]
        )
        page.checks(audit.checks)
        page.comparisons(audit.comparisons)
        page.assumptions(notChecked, heading: "What was not checked, because nobody can from these files")
        for comparison in audit.comparisons.reversed() where comparison.claimed != nil {
            guard let events = statement.events.filter({ $0.key >= comparison.adversary }).min(by: { $0.key < $1.key }),
                events.value.allSatisfy({ $0.count >= 1 }), let claimed = comparison.claimed, claimed.isFinite
            else { continue }
            let release = PrivacyCurves.Release(events.value)
            let delta = statement.deltaParts.accountant
            page.plots(
                PrivacyCurves(release, delta: delta, epsilon: max(0, claimed)),
                count: release.count,
                parts: "steps",
                claim: AccountedEpsilon(epsilon: claimed, delta: delta, accountant: statement.accountant),
                against: comparison.adversary
            )
            break
        }
        return page
    }
}

extension StatementAudit.Comparison {
    /// What each accountant says, in one line.
    var line: String {
        let claimed = self.claimed.map { "\($0.roundedUp(decimals: 4)) claimed" } ?? "not claimed"
        let others = [("PLD", pld), ("RDP", rdp), ("zCDP", zcdp)].map { name, value in
            "\(name) \(value.map { "\($0.roundedUp(decimals: 4))" } ?? "does not cover it")"
        }
        return ([claimed] + others).joined(separator: ", ")
    }
}
