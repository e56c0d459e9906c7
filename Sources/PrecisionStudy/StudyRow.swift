// SPDX-License-Identifier: Apache-2.0

package import Kernels
internal import Networks
internal import Training

/// One line of the table: a setting, a precision, with or without privacy, over all seeds.
package struct StudyRow: Hashable, Sendable, Encodable {
    package let precision: Precision
    package let isPrivate: Bool
    /// The mean over the seeds that did not diverge; nil where all did.
    package let accuracy: Double?
    package let interval: AccuracyInterval?
    /// Of the clipped (without privacy, the plain) sum with the reference: the worse of two batches.
    package let cosine: Double?
    package let relativeError: Double?
    /// Nil without privacy.
    package let certificateViolations: Int?
    /// The mean over seeds.
    package let samplesPerSecond: Double
    /// The greatest over seeds.
    package let peakMiB: Double?
    package let setting: StudySetting
    package let seeds: [UInt64]
    /// By seed; nil where the run diverged.
    package let accuracies: [Double?]
    package let diverged: Int
    package let clippedShare: Double?
    package let massCappedShare: Double?
    package let sensitivityInflation: Double?
    /// What a run would spend with secret randomness.
    package let epsilon: Double?
    package let noiseMultiplier: Double?
    package let planMiB: Double
    package let storage: String
    package let lossScale: Float
    package let neighbours: Int?
    /// The greatest change by one of them, over the certificate's bound.
    package let largestNeighbourRatio: Double?
    package let steps: Int

    private enum CodingKeys: String, CodingKey {
        case precision
        case isPrivate = "private"
        case accuracy, accuracyInterval, intervalKind, cosine, relativeError, certificateViolations, samplesPerSecond
        case peakMiB, setting, seeds, accuracies, diverged, clippedShare, massCappedShare, sensitivityInflation
        case epsilon, noiseMultiplier, planMiB, storage, lossScale, neighbours, largestNeighbourRatio, steps
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(precision, forKey: .precision)
        try container.encode(isPrivate, forKey: .isPrivate)
        try container.encode(accuracy, forKey: .accuracy)
        try container.encode(interval.map { [$0.low, $0.high] }, forKey: .accuracyInterval)
        try container.encode(interval?.kind, forKey: .intervalKind)
        try container.encode(cosine, forKey: .cosine)
        try container.encode(relativeError, forKey: .relativeError)
        try container.encode(certificateViolations, forKey: .certificateViolations)
        try container.encode(samplesPerSecond, forKey: .samplesPerSecond)
        try container.encode(peakMiB, forKey: .peakMiB)
        try container.encode(setting, forKey: .setting)
        try container.encode(seeds, forKey: .seeds)
        try container.encode(accuracies, forKey: .accuracies)
        try container.encode(diverged, forKey: .diverged)
        try container.encode(clippedShare, forKey: .clippedShare)
        try container.encode(massCappedShare, forKey: .massCappedShare)
        try container.encode(sensitivityInflation, forKey: .sensitivityInflation)
        try container.encode(epsilon, forKey: .epsilon)
        try container.encode(noiseMultiplier, forKey: .noiseMultiplier)
        try container.encode(planMiB, forKey: .planMiB)
        try container.encode(storage, forKey: .storage)
        try container.encode(lossScale, forKey: .lossScale)
        try container.encode(neighbours, forKey: .neighbours)
        try container.encode(largestNeighbourRatio, forKey: .largestNeighbourRatio)
        try container.encode(steps, forKey: .steps)
    }
}

extension StudyRow {
    /// The lines of a study, in the order of its cells.
    package static func all(_ task: StudyTask, _ scope: Study.Scope, _ results: Study.Results) -> [StudyRow] {
        scope.cells.compactMap { cell in
            let runs = results.runs.filter { $0.run.cell == cell }
            guard let first = runs.first else { return nil }
            return StudyRow(cell, task, runs, first, results.probes.first { $0.cell == cell })
        }
    }

    private init(
        _ cell: StudyCell,
        _ task: StudyTask,
        _ runs: [RunRecord],
        _ first: RunRecord,
        _ probe: ProbeRecord?
    ) {
        func mean(_ values: [Double]) -> Double? {
            values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        precision = cell.precision
        isPrivate = cell.isPrivate
        setting = cell.setting
        seeds = runs.map(\.run.seed)
        accuracies = runs.map(\.accuracy)
        let finished = runs.compactMap(\.accuracy)
        diverged = runs.count - finished.count
        accuracy = mean(finished)
        interval = AccuracyInterval(finished, examples: first.testExamples)
        let sums = [probe?.initial, probe?.final].compactMap(\.self)
        // One that is not a number is the worst of all.
        cosine = sums.contains { $0.cosine == nil } ? nil : sums.compactMap(\.cosine).min()
        relativeError = sums.contains { $0.relativeError == nil } ? nil : sums.compactMap(\.relativeError).max()
        certificateViolations = probe?.neighbours?.violations
        neighbours = probe?.neighbours?.tried
        largestNeighbourRatio = probe?.neighbours?.largestRatio
        samplesPerSecond = mean(runs.map(\.samplesPerSecond)) ?? 0
        peakMiB = runs.compactMap(\.peakMiB).max()
        planMiB = runs.map(\.planMiB).max() ?? 0
        clippedShare = mean(runs.compactMap(\.clipping.clippedShare))
        massCappedShare = mean(runs.compactMap(\.clipping.massCappedShare))
        sensitivityInflation = first.sensitivityInflation
        epsilon = runs.compactMap(\.epsilon).max()
        noiseMultiplier = first.noiseMultiplier
        storage = task.storage?.rawValue ?? "fp32"
        lossScale = task.numerics(cell.precision).lossScale
        steps = first.steps
    }
}
