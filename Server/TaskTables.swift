// SPDX-License-Identifier: Apache-2.0

import Aggregator
import CommandLineKit

extension TaskReport {
    /// A task for a person. Every ε says against whom it holds.
    var table: String {
        var table = TextTable()
        table.row("task", "\(task), population \(population)")
        table.row("status", statusReason.isEmpty || status == "running" ? status : "\(status): \(statusReason)")
        table.row("model", "\(model), \(parameters) parameters")
        table.row("rounds", "\(round) of \(rounds), \(attempts) attempts charged")
        if let testAccuracy { table.row("test accuracy (public set)", Decimal.text(testAccuracy, digits: 4)) }
        for row in heldOut?.rows ?? [] { table.row(row.label, row.value) }
        let epsilons = [
            ("an outsider", epsilonAgainst.outsider), ("one client", epsilonAgainst.client),
            ("\(epsilonAgainst.colluderCount) colluding client(s)", epsilonAgainst.colluders),
            ("the server", epsilonAgainst.server),
        ]
        for (adversary, epsilon) in epsilons {
            table.row(
                "epsilon against \(adversary)",
                epsilon.map { Decimal.upperBound($0, digits: 3) } ?? "none can be stated"
            )
        }
        table.row("delta", "\(delta)")
        table.row("unit, adjacency", "\(unit), \(adjacency)")
        table.row("sampling", sampling)
        table.row("accounting", "\(accountant), \(conversion) conversion")
        table.row("sealed update", "\(Decimal.grouped(Int(bytesUpPerClientRound))) bytes per client and round")
        table.row("model download", "\(Decimal.grouped(Int(bytesDownPerClientRound))) bytes per client and round")
        table.row("time", "\(Decimal.text(secondsPerRound, digits: 3)) s per round")
        table.row("ledger", "\(database), \(ledgerEntries) entries, head \(ledgerHead.prefix(16))…")
        table.row("model file", "\(modelFolder)/model.safetensors, privacy.json")
        return table.description
    }
}

extension HeldOutReport {
    /// The last evaluation round, and what all of them were paid with.
    var rows: [(label: String, value: String)] {
        let paid =
            epsilonPaid.colluders.map { "epsilon \(Decimal.upperBound($0, digits: 3))" } ?? "no epsilon can be stated"
        guard let last = rounds.last else {
            return [("held-out examples", "no evaluation round yet; one follows every \(every) training rounds")]
        }
        let price = "paid: \(paid) of the total, for \(attempts) evaluation round(s)"
        guard let accuracy = last.accuracy, let accuracyError = last.accuracyError,
            let loss = last.loss, let lossError = last.lossError
        else { return [("held-out examples", "round \(last.round): not enough examples to tell; \(price)")] }
        func text(_ value: Double, _ error: Double) -> String {
            "\(Decimal.text(value, digits: 4)), noise ±\(Decimal.text(error, digits: 4))"
        }
        return [
            ("held-out accuracy", "\(text(accuracy, accuracyError)) (round \(last.round); \(price))"),
            ("held-out loss", "\(text(loss, lossError)), clipped to \(Decimal.text(lossBound, digits: 2))"),
        ]
    }
}

/// One line that is rewritten on a terminal, and printed at each tenth of the way elsewhere.
struct WatchLine {
    private var lastTenth = -1

    mutating func show(_ report: TaskReport) {
        let width = 30
        let filled = report.round * width / max(1, report.rounds)
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        let accuracy = report.testAccuracy.map { Decimal.text($0, digits: 3) } ?? "-"
        let text =
            "round \(report.round)/\(report.rounds) [\(bar)] accuracy \(accuracy)"
            + "  epsilon \(report.epsilon.map { Decimal.upperBound($0, digits: 2) } ?? "-") (clients)"
            + " \(report.epsilonAgainst.server.map { Decimal.upperBound($0, digits: 1) } ?? "-") (server)"
        if StandardError.isTerminal {
            StandardError.write("\r\(text) \u{1B}[K")
        } else {
            let tenth = report.round * 10 / max(1, report.rounds)
            guard tenth > lastTenth else { return }
            lastTenth = tenth
            StandardError.write(text + "\n")
        }
    }

    func finish() {
        if StandardError.isTerminal { StandardError.write("\n") }
    }
}
