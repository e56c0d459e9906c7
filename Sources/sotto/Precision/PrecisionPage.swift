// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Cryptography
import Files
import Kernels
import Plots
import PrecisionStudy
import Training

/// The report of `sotto precision` as a page to keep: the table, three plots, what the numbers mean, how it was made.
struct PrecisionPage {
    private let report: PrecisionReport
    private var page: ReportPage

    init(_ report: PrecisionReport) {
        self.report = report
        page = ReportPage("\(report.model) on \(report.data) in low precision")
        task()
        table()
        plots()
        meaning()
    }

    private mutating func task() {
        page.paragraph(
            "The same task, trained from the same seeds, with the same draws and the same noise, in each precision."
                + " Draws and noise follow public seeds, so nothing that was trained here is private; ε is what a run would"
                + " spend with secret randomness."
        )
        var rows: [(label: String, value: String)] = [
            ("model", "\(report.model), \(Decimal.grouped(report.parameters)) parameters"),
            (
                "data",
                "\(report.data): \(Decimal.grouped(report.trainingExamples)) training and"
                    + " \(Decimal.grouped(report.testExamples)) test examples, declared public"
            ),
            (
                "training",
                "\(report.steps) steps of \(report.batch.short) expected examples, \(report.epochs.short) epochs"
            ),
            ("optimizer", "SGD, learning rate \(report.learningRate.short), momentum \(report.momentum.short)"),
            ("clipping", "\(report.clipping), norm \(report.clip.short)"),
            ("numbers", numbers),
        ]
        if let clients = report.clients, let rounds = report.rounds {
            rows.append(("federated", "\(clients) clients, all in each of \(rounds) rounds"))
        }
        rows.append(("machine", "\(report.machine), \(report.workers) workers"))
        rows.append(("noise secure", "no: repeatable by everybody"))
        page.table(rows)
    }

    /// Storage, and the loss scales that are not 1.
    private var numbers: String {
        var scales: [String] = []
        for row in report.rows where row.lossScale != 1 {
            let text = "\(Double(row.lossScale).short) with \(row.precision.rawValue)"
            if !scales.contains(text) { scales.append(text) }
        }
        let scale = scales.isEmpty ? "1" : scales.joined(separator: ", ")
        return "activations and gradients rest in \(report.rows.first?.storage ?? "fp32"); loss scale \(scale)"
    }

    private mutating func table() {
        page.heading("Results")
        // The first columns say which line it is; the others stand in two tables, which a page has room for.
        let (names, results) = (0..<3, 8)
        func table(_ columns: Range<Int>) {
            func chosen(_ cells: [String]) -> [String] { Array(cells[names]) + Array(cells[columns]) }
            page.table(header: chosen(PrecisionReport.headings), rows: report.rows.map { chosen($0.cells) })
        }
        table(names.upperBound..<results)
        page.heading("Clipping, speed and memory")
        table(results..<PrecisionReport.headings.count)
        page.list(report.notes)
    }

    // MARK: - Plots

    private mutating func plots() {
        page.heading("Plots")
        page.plot(
            plot("Accuracy by precision", "accuracy", .dots) { row in
                row.accuracy.map { GroupPlot.Value($0, low: row.interval?.low, high: row.interval?.high) }
            },
            caption: "On the test set, with 95 % intervals. The axis begins near the least of them."
        )
        page.plot(
            plot("Speed by precision", "examples a second", .bars) { GroupPlot.Value($0.samplesPerSecond) },
            caption: "Expected examples of all steps over the time that the steps took. Clients run one after another."
        )
        page.plot(
            plot("Memory by precision", "MiB", .bars) { row in row.peakMiB.map { GroupPlot.Value($0) } },
            caption: "The most that the whole process had in memory during a run, with its data and, in federated runs,"
                + " with all clients and the server."
        )
    }

    /// Precisions along the axis, and a series for each setting with and without privacy.
    private func plot(
        _ title: String,
        _ label: String,
        _ kind: GroupPlot.Kind,
        _ value: (StudyRow) -> GroupPlot.Value?
    ) -> GroupPlot {
        var precisions: [Precision] = []
        var names: [String] = []
        for row in report.rows {
            if !precisions.contains(row.precision) { precisions.append(row.precision) }
            if !names.contains(row.series) { names.append(row.series) }
        }
        return GroupPlot(
            title,
            label: label,
            kind: kind,
            groups: precisions.map(\.rawValue),
            series: names.map { name in
                GroupPlot.Series(
                    name,
                    precisions.map { precision in
                        report.rows.first { $0.series == name && $0.precision == precision }.flatMap(value)
                    }
                )
            }
        )
    }

    // MARK: - Words

    private mutating func meaning() {
        page.heading("What the numbers mean")
        page.list([
            "accuracy: the mean over seeds, on the test set. The interval is Student's t over two or more seeds, which says how"
                + " much the seed matters, or Wilson's for a single run, which says how much the test examples matter.",
            "cosine, relative error: one batch of \(report.probeExamples) examples, at the initial and the final parameters of"
                + " the run in fp32, the worse of both. The clipped sum before noise (without privacy the plain sum) is"
                + " compared with a reference: \(report.reference). The reference is good for about 1e-7. A relative error"
                + " that is small beside the noise costs nothing that the noise does not cost anyway.",
            "violations: examples, of the data and made to do harm, that change an integer sum by more than the certificate's"
                + " bound. largest: the greatest change over that bound. Violations must be 0: a search proves nothing, but it would find a build or a machine that breaks the proof.",
            "clipped: examples whose gradient was longer than the clip norm, over all steps. capped: examples that the mass cap"
                + " made shorter than their norm asked for. Both are what a run with private data must never show.",
            "peak, plan: memory of the whole process during the run, and what the run was planned to take beyond the process"
                + " and its data; in federated runs the plan is of one client and the peak of all.",
            "epsilon: of a central run against whoever sees the model; of a federated run against one client that looks at the"
                + " others. Where a precision makes a certificate wider, noise grows with it and ε stays.",
        ])
    }

    /// Adds how the page was made, and writes it.
    func write(to path: String) throws {
        var page = page
        page.heading("How this page was made")
        page.code(CommandText.current)
        let program = ProgramHash.current().map { Hexadecimal.text($0) } ?? "unknown"
        page.paragraph(
            "By sotto, program SHA-256 \(program), \(report.runs) runs, \(report.reused) results from before."
        )
        try DurableFile.write(Array(page.html.utf8), to: path, mode: 0o644)
    }
}

extension StudyRow {
    /// What a line's place in a plot is called.
    var series: String { "\(setting.rawValue), \(isPrivate ? "with privacy" : "without")" }
}
