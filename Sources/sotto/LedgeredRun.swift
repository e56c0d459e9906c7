// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import Cryptography
import Networks
import Training

/// A training run beside its ledger: reserved before the first step, closed when it ends; without a ledger, only a run.
struct LedgeredRun {
    private let ledger: RunLedger?
    private let charge: LedgerCharge?
    private let plan: CentralPlan

    /// Reserves all that the plan will release.
    init(_ options: RunLedgerOptions, _ plan: CentralPlan, data: String) throws {
        self.plan = plan
        ledger = options.open(data: data)
        let configuration = plan.configuration
        guard let ledger else {
            charge = nil
            return
        }
        let start = configuration.network.initialParameters(seed: configuration.seed)
        charge = try ledger.reserve(
            configuration.network.name,
            event: plan.event.selfComposed(plan.steps),
            certificate: plan.certificate,
            modelHash: SHA256.hash(configuration.network.safetensors(start)),
            limit: options.limit(delta: configuration.delta, accountant: configuration.accountant)
        )
    }

    /// The training; where it fails, the run is closed without a model, and counts all the same.
    func ending(_ train: () throws -> CentralTrainer.Outcome) throws -> CentralTrainer.Outcome {
        do {
            return try train()
        } catch {
            // What made training fail matters more than a close that fails too: open or abandoned count alike.
            if let ledger, let charge { _ = try? ledger.close(charge, as: .abandoned) }
            throw error
        }
    }

    /// Closes the run as spent on this model, and returns the ledger when that is on disk; nil where none is kept.
    func spend(_ outcome: CentralTrainer.Outcome) throws -> Ledger? {
        guard let ledger, let charge else { return nil }
        let model = plan.configuration.network.safetensors(outcome.parameters)
        return try ledger.close(charge, as: .spent, modelHash: SHA256.hash(model))
    }
}

/// What all runs in a ledger amount to.
struct LedgerTotal {
    let entries: Int
    let runs: Int
    let head: String
    /// Against an outsider, as a run's own claim.
    let standing: LedgerStanding

    /// At the delta and by the accountant of a run's claim.
    init(_ ledger: Ledger, _ plan: CentralPlan) {
        entries = ledger.entries.count
        runs = ledger.charges.count
        head = Hexadecimal.text(ledger.head.hash)
        standing = ledger.standing(
            against: .outsider,
            delta: plan.configuration.delta,
            by: AccountantChoice(accountant: plan.configuration.accountant)
        )
    }

    /// For people.
    var line: String {
        switch standing.outcome {
        case .stated(_, let accounted, _):
            "epsilon \(accounted.epsilon.roundedUp(decimals: 4)) of \(number) together; \(accounted.method)"
        case .refused(let reason): "no epsilon of \(number) together: \(reason)"
        }
    }

    private var number: String { runs == 1 ? "1 run" : "\(runs) runs" }
}
