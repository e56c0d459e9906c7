// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Files
internal import Logging
internal import Networks
internal import Rounds
internal import Store
internal import Training

/// Released models with their privacy statements, where people find them.
extension Tender {
    /// Publishes, or logs why not: a model that cannot be written out is in the store all the same.
    func publishOrSay(_ task: TaskRecord) {
        do {
            try publish(task)
        } catch {
            logger.error("task \(task.name): the released model was not written: \(error)")
        }
    }

    /// Writes the released model and its statement. Repeating it gives the same files.
    private func publish(_ task: TaskRecord) throws {
        let folder = Administration.modelFolder(task.name, stateFolder: environment.configuration.stateFolder)
        let modelPath = "\(folder)/\(ModelFile.modelName)"
        guard let model = try store.read({ session in try session.blob(task.modelHash) }),
            try DurableFile.read(modelPath, limit: 1 << 32) != model
        else { return }
        let runtime = try runtime(of: task)
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
