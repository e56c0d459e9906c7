// SPDX-License-Identifier: Apache-2.0

import Accounting
import Files
import Training

/// Where `sotto train` leaves a model and its privacy statement.
struct ModelDirectory {
    private let path: String

    init(_ path: String) {
        self.path = path
    }

    /// - Parameter ledgerHead: of the ledger in which the run is spent; nil where none is kept.
    func write(_ plan: CentralPlan, _ outcome: CentralTrainer.Outcome, ledgerHead: [UInt8]?) throws {
        let file = try ModelFile(
            network: plan.configuration.network,
            parameters: outcome.parameters,
            claims: [plan.claim],
            events: [.outsider: outcome.events],
            certificates: [plan.certificate],
            binaryHash: ProgramHash.current(),
            ledgerHead: ledgerHead
        )
        try DurableFile.makeFolder(path)
        try DurableFile.write(file.model, to: "\(path)/\(ModelFile.modelName)", mode: 0o644)
        try DurableFile.write(file.statement.fileBytes(), to: "\(path)/\(ModelFile.statementName)", mode: 0o644)
    }
}
