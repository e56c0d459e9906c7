// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Datasets
import Kernels
import Networks
import PrecisionStudy
import Training

/// What `sotto precision` prints.
struct PrecisionReport: Encodable {
    let model: String
    let data: String
    let parameters: Int
    let trainingExamples: Int
    let testExamples: Int
    let clipping: String
    let batch: Double
    let epochs: Double
    let steps: Int
    let clients: Int?
    let rounds: Int?
    let learningRate: Double
    let momentum: Double
    let clip: Double
    let delta: Double
    /// Always false: draws and noise follow public seeds.
    let noiseSecure: Bool
    let reference: String
    let probeExamples: Int
    let runs: Int
    /// Results that were there already.
    let reused: Int
    let machine: String
    let workers: Int
    let rows: [StudyRow]

    init(_ task: StudyTask, _ scope: Study.Scope, _ results: Study.Results) {
        model = task.network.name
        data = task.data
        parameters = task.network.parameterCount
        trainingExamples = task.train.count
        testExamples = task.test.count
        clipping = task.method.rawValue
        batch = task.batch
        epochs = task.epochs
        steps = task.steps(.central)
        let isFederated = scope.settings.contains(.federated)
        clients = isFederated ? task.clients : nil
        rounds = isFederated ? task.steps(.federated) : nil
        learningRate = task.learningRate
        momentum = task.momentum
        clip = task.clip
        delta = task.delta
        noiseSecure = false
        reference =
            "the same batch with operands in fp32, products added up in Float64, whole gradients clipped on a fine grid"
        probeExamples = min(task.probeExamples, task.train.count)
        runs = results.runs.count
        reused = results.reused
        machine = "\(Processor.description), \(Machine.processors) processors"
        workers = task.workers
        rows = StudyRow.all(task, scope, results)
    }

    /// Examples beyond a certificate, in all rows.
    var violations: Int { rows.reduce(0) { $0 + ($1.certificateViolations ?? 0) } }
}

// MARK: - For people

extension PrecisionReport {
    /// An empty table for ``fill(_:)``.
    static var table: TextTable {
        TextTable([.left, .left, .left] + Array(repeating: .right, count: headings.count - 3))
    }

    static let headings = [
        "setting", "privacy", "precision", "accuracy %", "95 % interval", "cosine", "rel. error", "violations",
        "largest",
        "clipped %", "capped %", "examples/s", "peak MiB", "plan MiB", "epsilon",
    ]

    func fill(_ table: inout TextTable) {
        table.row(Self.headings)
        for row in rows { table.row(row.cells) }
    }

    /// What has to be known with the numbers.
    var notes: [String] {
        var notes = [
            "Draws and noise follow public seeds: nothing here is private, and epsilon (at delta \(delta)) is what a run"
                + " would spend with secret randomness."
        ]
        let isStudent = rows.contains { $0.interval?.kind == .student }
        notes.append(
            isStudent
                ? "The interval is Student's t over the seeds."
                : "The interval is Wilson's for one run's \(testExamples) test examples; give two or more --seeds for one over"
                    + " seeds."
        )
        if rows.contains(where: { $0.diverged > 0 }) { notes.append("Runs that diverged have no accuracy.") }
        if let row = rows.first(where: { $0.storage != "fp32" }) {
            notes.append("Activations and gradients rest in \(row.storage).")
        }
        return notes
    }
}

extension StudyRow {
    /// The texts of a table's line.
    var cells: [String] {
        func percent(_ share: Double?) -> String { share.map { Decimal.text(100 * $0, digits: 2) } ?? "-" }
        let interval = interval.map { "\(percent($0.low))..\(percent($0.high))" } ?? "-"
        return [
            setting.rawValue, isPrivate ? "with" : "without", precision.rawValue,
            accuracy == nil ? "diverged" : percent(accuracy) + (diverged > 0 ? " (\(diverged) diverged)" : ""),
            interval,
            cosine.map { Decimal.text($0, digits: 8) } ?? "-", relativeError.map(\.brief) ?? "-",
            certificateViolations.map { "\($0) of \(neighbours ?? 0)" } ?? "-",
            largestNeighbourRatio.map { Decimal.text($0, digits: 4) } ?? "-", percent(clippedShare),
            percent(massCappedShare), Decimal.grouped(Int(samplesPerSecond)),
            peakMiB.map { Decimal.text($0, digits: 0) } ?? "-", Decimal.text(planMiB, digits: 1),
            epsilon.map { Decimal.upperBound($0, digits: 3) } ?? "-",
        ]
    }
}

extension Double {
    /// Two digits and a power of ten.
    var brief: String {
        guard isFinite, self > 0 else { return "\(self)" }
        var (power, value) = (0, self)
        while value < 1 { (value, power) = (value * 10, power - 1) }
        while value >= 9.95 { (value, power) = (value / 10, power + 1) }
        return "\(Decimal.text(value, digits: 1))e\(power)"
    }
}
