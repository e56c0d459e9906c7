// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Files
internal import FoundationEssentials
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

    /// Writes the released model and its statement. Repeating it gives the same files; after an evaluation round, which leaves the
    /// model, the statement alone is new.
    private func publish(_ task: TaskRecord) throws {
        let folder = Administration.modelFolder(task.name, stateFolder: environment.configuration.stateFolder)
        let modelPath = "\(folder)/\(ModelFile.modelName)"
        let statementPath = "\(folder)/\(ModelFile.statementName)"
        guard let model = try store.read({ session in try session.blob(task.modelHash) }) else { return }
        let runtime = try runtime(of: task)
        let plan = runtime.plan
        let ledger = try ledger(of: task.population)
        let attempts = plan.attempts(in: ledger)
        let events = Dictionary(uniqueKeysWithValues: plan.adversaries.map { ($0, plan.events(attempts, against: $0)) })
        let isKnown = try DurableFile.read(modelPath, limit: 1 << 32) == model
        guard try !isKnown || Self.statement(at: statementPath)?.events != events else { return }
        let file = try ModelFile(
            network: runtime.network,
            parameters: runtime.network.parameters(safetensors: model),
            claims: plan.claims(attempts: attempts),
            events: events,
            certificates: [runtime.certificate] + (attempts.evaluation > 0 ? [plan.evaluationTerms.certificate] : []),
            binaryHash: ProgramHash.current(),
            ledgerHead: ledger.head.hash
        )
        try DurableFile.makeFolder(folder)
        // The statement first: a crash in between leaves an older model beside a larger claim, never a smaller one.
        try DurableFile.write(file.statement.fileBytes(), to: statementPath, mode: 0o644)
        if !isKnown { try DurableFile.write(file.model, to: modelPath, mode: 0o644) }
    }

    /// The statement that was written last; `nil` where there is none that can be read.
    private static func statement(at path: String) throws -> PrivacyStatement? {
        guard let bytes = try DurableFile.read(path, limit: 1 << 24) else { return nil }
        return try? JSONDecoder().decode(PrivacyStatement.self, from: Data(bytes))
    }
}
