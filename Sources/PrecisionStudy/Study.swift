// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Datasets
internal import Files
package import Kernels
internal import Networks
internal import Participant
internal import Training

/// All runs of a comparison, and what is measured between them.
package struct Study: ~Copyable {
    /// What is compared.
    package struct Scope: Hashable, Sendable {
        package var precisions: [Precision]
        package var settings: [StudySetting]
        /// With privacy, without it, or both.
        package var privacy: [Bool]
        package var seeds: [UInt64]
        /// Seeds of the runs without privacy.
        package var plainSeeds: [UInt64]

        /// - Parameters:
        ///   - precisions: fp32, which all are compared with, is added where it is missing.
        ///   - plainSeeds: nil for the same as with privacy.
        package init(
            precisions: [Precision],
            settings: [StudySetting],
            privacy: [Bool],
            seeds: [UInt64],
            plainSeeds: [UInt64]? = nil
        ) {
            self.precisions = precisions.contains(.fp32) ? precisions : [.fp32] + precisions
            self.settings = settings
            self.privacy = privacy
            self.seeds = seeds
            self.plainSeeds = plainSeeds ?? seeds
        }

        /// The seeds of a line's runs.
        func seeds(_ cell: StudyCell) -> [UInt64] { cell.isPrivate ? seeds : plainSeeds }

        /// The lines of the table.
        package var cells: [StudyCell] {
            settings.flatMap { setting in
                privacy.flatMap { isPrivate in
                    precisions.map { StudyCell(setting: setting, isPrivate: isPrivate, precision: $0) }
                }
            }
        }
    }

    /// What was found.
    package struct Results: Sendable {
        package var runs: [RunRecord] = []
        package var probes: [ProbeRecord] = []
        /// How many of both were there already.
        package var reused = 0
    }

    /// What is done, in steps of training, for a progress bar.
    package struct Progress: Sendable {
        package let done, total: Int
    }

    private let task: StudyTask
    private let scope: Scope
    private let folder: StudyFolder?
    private let dataIdentity: String
    private let program: String
    private var central: CentralRuns
    private let federated: FederatedRuns
    private let plain: PlainRuns
    /// Parameters of the runs in fp32 that the probes are about, by their names.
    private var references: [String: [Float]] = [:]

    /// - Parameter folder: where finished results lie; nil to keep none.
    /// - Throws: ``StudyError`` for what cannot be compared, before anything is computed.
    package init(_ task: StudyTask, _ scope: Scope, folder: consuming StudyFolder?) throws(StudyError) {
        try task.check(scope.settings)
        self.task = task
        self.scope = scope
        self.folder = folder
        dataIdentity = task.dataIdentity()
        program = ProgramHash.current().map(Hexadecimal.text) ?? "unknown"
        central = CentralRuns(task)
        federated = FederatedRuns(task: task)
        plain = PlainRuns(task: task)
    }

    /// Does whatever is not done yet.
    package mutating func run(progress: (Progress) -> Void = { _ in }) throws -> Results {
        try checkPlans()
        let cells = scope.cells
        let steps = cells.reduce(0) { $0 + task.steps($1.setting) * scope.seeds($1).count }
        // A probe takes as long as some steps.
        let probeSteps = max(1, steps / max(1, cells.reduce(0) { $0 + scope.seeds($1).count }) / 4)
        let total = steps + cells.count * probeSteps
        var done = 0
        var results = Results()
        for cell in cells {
            for seed in scope.seeds(cell) {
                let run = StudyRun(cell, seed: seed)
                let before = done
                let record = try record(run, reused: &results.reused) { step in
                    progress(Progress(done: before + step, total: total))
                }
                results.runs.append(record)
                done += task.steps(cell.setting)
                progress(Progress(done: done, total: total))
            }
        }
        for cell in cells {
            results.probes.append(try probe(cell, reused: &results.reused))
            done += probeSteps
            progress(Progress(done: done, total: total))
        }
        return results
    }

    /// Plans every kind of run once, so that what is impossible is refused before the first run.
    private mutating func checkPlans() throws {
        for cell in scope.cells where cell.isPrivate {
            switch cell.setting {
            case .central: _ = try central.plan(cell.precision)
            case .federated:
                let planned = try federated.planned(cell.precision, seed: scope.seeds.first ?? 0)
                _ = try federated.review(planned, task.part(0))
            }
        }
    }

    private func name(_ kind: String, _ cell: StudyCell, seed: UInt64) throws -> String {
        try StudyKey(kind, cell, seed: seed, task, dataIdentity: dataIdentity, program: program).name()
    }

    // MARK: - Runs

    private mutating func record(
        _ run: StudyRun,
        reused: inout Int,
        progress: (Int) -> Void
    ) throws -> RunRecord {
        let name = try name("run", run.cell, seed: run.seed)
        if let record = try folder?.read(name, as: RunRecord.self), try isComplete(record, name) {
            reused += 1
            return record
        }
        let isPeakReset = ProcessMemory.resetPeak()
        let trained = try train(run, progress: progress)
        let peak = isPeakReset ? ProcessMemory.peak() : nil
        let evaluation = try evaluation(trained, run.cell.precision)
        let steps = task.steps(run.cell.setting)
        let record = RunRecord(
            run: run,
            accuracy: evaluation?.accuracy,
            loss: evaluation?.loss,
            testExamples: task.test.count,
            steps: steps,
            seconds: trained.seconds,
            samplesPerSecond: task.normaliser * Double(steps) / max(trained.seconds, 1e-9),
            peakMiB: peak.map { Double($0) / 0x1p20 },
            planMiB: Double(trained.terms.plannedBytes) / 0x1p20,
            physicalBatch: trained.terms.physicalBatch,
            noiseMultiplier: trained.terms.noiseMultiplier,
            epsilon: trained.terms.epsilon,
            sensitivityInflation: trained.terms.sensitivityInflation,
            clipping: trained.clipping
        )
        // What diverged has nothing to compare with.
        if run.cell.precision == .fp32, evaluation != nil, let parameters = trained.parameters {
            if run == referenceRun(run.cell) { references[name] = parameters }
            try folder?.write(model: task.network.safetensors(parameters), as: name)
        }
        // Last, because it says that everything of the run is there.
        try folder?.write(record, as: name)
        return record
    }

    /// Whether the parameters are there that probes may ask for.
    private func isComplete(_ record: RunRecord, _ name: String) throws -> Bool {
        guard record.run.cell.precision == .fp32, record.accuracy != nil else { return true }
        return try model(name) != nil
    }

    private func model(_ name: String) throws(FileError) -> [UInt8]? {
        try folder?.readModel(name, limit: task.network.parameterCount * MemoryLayout<Float>.stride + 1 << 20)
    }

    private mutating func train(_ run: StudyRun, progress: (Int) -> Void) throws -> TrainedModel {
        guard run.cell.isPrivate else { return try plain.train(run, progress: progress) }
        return switch run.cell.setting {
        case .central: try central.train(run, progress: progress)
        case .federated: try federated.train(run, progress: progress)
        }
    }

    /// Nil where training diverged.
    private func evaluation(_ trained: TrainedModel, _ precision: Precision) throws(TrainingError) -> Evaluation? {
        guard let parameters = trained.parameters else { return nil }
        if let evaluation = trained.evaluation { return evaluation }
        let evaluation = try Evaluation(
            of: task.network,
            parameters: Buffer(parameters),
            on: task.test,
            pool: WorkerPool(workers: task.workers),
            numerics: task.numerics(precision)
        )
        return evaluation.loss.isFinite ? evaluation : nil
    }

    // MARK: - Probes

    /// The run in fp32 whose parameters a cell is probed at.
    private func referenceRun(_ cell: StudyCell) -> StudyRun {
        StudyRun(
            StudyCell(setting: cell.setting, isPrivate: cell.isPrivate, precision: .fp32),
            seed: scope.seeds(cell).first ?? 0
        )
    }

    private mutating func probe(_ cell: StudyCell, reused: inout Int) throws -> ProbeRecord {
        let run = referenceRun(cell)
        let name = try name("probe", cell, seed: run.seed)
        if let record = try folder?.read(name, as: ProbeRecord.self) {
            reused += 1
            return record
        }
        let initial = task.network.initialParameters(seed: run.seed)
        let final = try referenceParameters(run)
        var neighbours: NeighbourFindings?
        if cell.isPrivate {
            let search = NeighbourSearch(task, try clipping(cell, seed: run.seed))
            var findings = try search.run(initial, seed: run.seed)
            if let final {
                let more = try search.run(final, seed: run.seed &+ 1)
                findings.tried += more.tried
                findings.violations += more.violations
                findings.largestRatio = max(findings.largestRatio, more.largestRatio)
            }
            neighbours = findings
        }
        let record = ProbeRecord(
            cell: cell,
            initial: try agreement(cell, initial),
            final: try final.map { try agreement(cell, $0) },
            neighbours: neighbours
        )
        try folder?.write(record, as: name)
        return record
    }

    private func agreement(_ cell: StudyCell, _ parameters: [Float]) throws -> SumAgreement {
        let probe = GradientProbe(task, parameters: parameters)
        return try probe.agreement(cell, with: probe.reference(isPrivate: cell.isPrivate))
    }

    /// How the runs of a cell clip.
    private mutating func clipping(_ cell: StudyCell, seed: UInt64) throws -> ClippingPlan {
        switch cell.setting {
        case .central: try central.plan(cell.precision).memory.clipping
        case .federated:
            try federated.review(federated.planned(cell.precision, seed: seed), task.part(0)).clipping
        }
    }

    private func referenceParameters(_ run: StudyRun) throws -> [Float]? {
        let name = try name("run", run.cell, seed: run.seed)
        if let parameters = references[name] { return parameters }
        guard let bytes = try model(name) else { return nil }
        return try task.network.parameters(safetensors: bytes)
    }
}
