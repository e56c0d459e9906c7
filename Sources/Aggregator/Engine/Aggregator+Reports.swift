// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Files
internal import Messages
internal import Networks
internal import Rounds
internal import Store
internal import Training

/// What the server tells: reports of tasks, and released models with their privacy statements.
extension Aggregator {
    func report(on task: TaskRecord) throws -> TaskReport {
        var report = try Administration.report(
            on: task,
            store: store,
            ledger: ledger(of: task.population),
            stateFolder: configuration.stateFolder
        )
        report.waitingClients = waiting.count(for: task.name, now: clock())
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

    /// Writes the released model and its statement where people find them. Repeating it gives the same files.
    func publish(_ task: TaskRecord) throws {
        let runtime = try runtime(of: task.name)
        let ledger = try ledger(of: task.population)
        guard let model = try store.blob(task.modelHash) else { return }
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
        let folder = Administration.modelFolder(task.name, stateFolder: configuration.stateFolder)
        try DurableFile.makeFolder(folder)
        try DurableFile.write(file.model, to: "\(folder)/\(ModelFile.modelName)", mode: 0o644)
        try DurableFile.write(file.statement.fileBytes(), to: "\(folder)/\(ModelFile.statementName)", mode: 0o644)
    }
}
