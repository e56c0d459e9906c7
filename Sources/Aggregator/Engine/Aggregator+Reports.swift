// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Files
internal import Logging
internal import Messages
internal import Networks
internal import Rounds
internal import Store
internal import Training

/// What the server tells: reports of tasks, and released models with their privacy statements.
extension Aggregator {
    /// A task's report for whoever asks over the network: without this machine's paths.
    func publicReport(on task: TaskRecord) throws -> TaskReport {
        var report = try Administration.report(
            on: task,
            store: store,
            ledger: ledger(of: task.population),
            stateFolder: configuration.stateFolder
        )
        report.waitingClients = waiting.count(accepting: task.planHash, now: clock())
        report.modelFolder = ""
        report.database = ""
        report.serverPeakMiB = Double(ProcessMemory.peak() ?? 0) / 1_048_576
        return report
    }

    /// What the service has done since it started.
    package func serviceReport() -> ServiceReport {
        ServiceReport(
            requests: traffic.requests,
            refusals: traffic.refusals,
            bytesUp: traffic.bytesUp,
            bytesDown: traffic.bytesDown,
            peakMiB: Double(ProcessMemory.peak() ?? 0) / 1_048_576
        )
    }

    /// Publishes, or logs why not: a model that cannot be written out is in the store all the same.
    func publishOrSay(_ task: TaskRecord) {
        do {
            try publish(task)
        } catch {
            logger.error("task \(task.name): the released model was not written: \(error)")
        }
    }

    /// Writes the released model and its statement where people find them. Repeating it gives the same files.
    private func publish(_ task: TaskRecord) throws {
        let folder = Administration.modelFolder(task.name, stateFolder: configuration.stateFolder)
        let modelPath = "\(folder)/\(ModelFile.modelName)"
        guard let model = try store.blob(task.modelHash),
            try DurableFile.read(modelPath, limit: 1 << 32) != model
        else { return }
        let runtime = try runtime(of: task.name)
        let ledger = try ledger(of: task.population)
        let attempts = ledger.charges.count { $0.attempt.task == task.name }
        let file = try ModelFile(
            network: runtime.network,
            parameters: runtime.network.parameters(safetensors: model),
            claims: runtime.plan.claims(rounds: attempts),
            events: runtime.plan.events.mapValues { [PrivacyEvent.Repeated($0, count: attempts)] },
            certificates: [runtime.certificate],
            binaryHash: ProgramHash.current(),
            ledgerHead: ledger.head.hash
        )
        try DurableFile.makeFolder(folder)
        // The statement first: a crash in between leaves an older model beside a larger claim, never a smaller one.
        try DurableFile.write(file.statement.fileBytes(), to: "\(folder)/\(ModelFile.statementName)", mode: 0o644)
        try DurableFile.write(file.model, to: modelPath, mode: 0o644)
    }
}
