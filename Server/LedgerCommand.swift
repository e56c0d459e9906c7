// SPDX-License-Identifier: Apache-2.0

import Aggregator
import ArgumentParser
import CommandLineKit

/// `sotto-server ledger`
struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Verify and show a population's privacy ledger.",
        discussion: "Recomputes every hash and every epsilon from the entries alone."
    )

    @OptionGroup var configuration: ConfigurationOption

    @Argument(help: ArgumentHelp("A population, or a task whose population is meant.", valueName: "population|task"))
    var name: String

    @Flag(help: "Print one JSON object with every entry.")
    var json = false

    @Option(help: "Write the ledger, its head signed by this server, to this file: what sotto account --ledger reads.")
    var export: String?

    func run() throws {
        let key = try export.map { path in
            try Administration.exportLedger(name, to: path, configuration: configuration.load())
        }
        let report = try Administration.ledgerReport(name, configuration: configuration.load())
        if json { return print(try Administration.json(report)) }
        var entries = TextTable([.right, .left, .right, .right, .left, .left])
        entries.row("entry", "task", "round", "attempt", "kind", "hash")
        for entry in report.entries {
            entries.row(
                "\(entry.index)",
                entry.task,
                "\(entry.round)",
                "\(entry.attempt)",
                entry.kind,
                "\(entry.hash.prefix(16))…"
            )
        }
        print(entries)
        var summary = TextTable()
        summary.row("population", report.population)
        summary.row("head", report.head)
        for (adversary, epsilon) in report.epsilonAgainst.sorted(by: { $0.key < $1.key }) {
            summary.row(
                "epsilon against \(adversary)",
                "\(Decimal.upperBound(epsilon, digits: 4)) at delta \(report.delta)"
            )
        }
        if let limit = report.budgetEpsilon { summary.row("budget", "epsilon \(limit)") }
        if let limit = report.budgetEpsilonServer { summary.row("budget against the server", "epsilon \(limit)") }
        if let export, let key { summary.row("exported", "\(export), signed by the key \(key)") }
        print(summary)
    }
}
