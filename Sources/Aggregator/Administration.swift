// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Datasets
internal import Files
internal import FoundationEssentials
internal import Messages
internal import Rounds
package import Store
internal import Training

/// What an operator does beside the running server: it works on the store itself, which a running server shares.
public enum Administration {
    /// The store of a configuration.
    package static func openStore(_ configuration: ServerConfiguration) throws(AggregatorError) -> Store {
        // Makes the folder too, and the key that the store's secrets are sealed with.
        _ = try ServerKeys(stateFolder: configuration.stateFolder)
        do {
            // SQLite gives its other files the mode of this one.
            if case .sqlite(let path) = configuration.database { try DurableFile.makePrivate(path) }
            return try Store(configuration.database)
        } catch {
            throw .failure("\(error)")
        }
    }

    static func databasePath(_ stateFolder: String) -> String { stateFolder + "/sotto.sqlite" }

    static func modelFolder(_ task: String, stateFolder: String) -> String { "\(stateFolder)/models/\(task)" }

    /// Makes an invite for one device.
    public static func invite(_ configuration: ServerConfiguration) throws(AggregatorError) -> String {
        let keys = try ServerKeys(stateFolder: configuration.stateFolder)
        let store = try openStore(configuration)
        let token = InviteToken(serverKeyHash: keys.publicKeyHash, secret: SystemRandom.bytes(16))
        do {
            try store.write { session in try session.addInvite(secretHash: SHA256.hash(token.secret)) }
        } catch {
            throw .failure("\(error)")
        }
        return token.description
    }

    /// Plans a task from its file and stores it; it starts when it is told to.
    ///
    /// - Returns: lines for the operator: what the plan is and what it promises against whom.
    public static func createTask(
        file: String,
        configuration: ServerConfiguration
    ) throws(AggregatorError) -> [String] {
        let task = try TaskConfiguration(path: file)
        guard let budget = configuration.budgets[task.population] else {
            throw .input("\(file): population \(task.population) is not in the server file; add a [[population]]")
        }
        let planned = try TaskPlanner.plan(task)
        try checkEvaluation(task, file: file)
        let record = TaskRecord(
            name: task.name,
            population: task.population,
            planHash: planned.planHash,
            modelHash: planned.modelHash,
            optimizerState: planned.optimizerState,
            evaluationData: task.evaluation
        )
        let store = try openStore(configuration)
        do {
            try store.write { session in
                try session.createTask(record, plan: planned.planBytes, model: planned.modelBytes)
            }
        } catch StoreError.conflict(let reason) {
            throw .input(reason)
        } catch {
            throw .failure("\(error)")
        }
        return try describe(planned, budget: budget)
    }

    private static func describe(
        _ planned: TaskPlanner.Planned,
        budget: SpendLimits
    ) throws(AggregatorError) -> [String] {
        let plan = planned.plan
        var lines = [
            "task \(plan.task): \(plan.model.preset) with \(plan.model.parameters) parameters, \(plan.rounds.rounds) rounds",
            "plan \(Hexadecimal.text(planned.planHash))",
            "noise share: sigma \(64 * plan.privacy.noiseMultiple) grid steps, bound \(plan.privacy.bound), step"
                + " 2^-\(plan.privacy.gridExponent), ring of \(plan.ringBits) bits",
        ]
        let claims: [PrivacyClaim]
        do {
            claims = try plan.claims(rounds: plan.rounds.rounds)
        } catch {
            throw .input("\(error)")
        }
        guard let first = claims.first else { return lines }
        lines += [
            "after all rounds, at delta \(first.delta) per \(first.unit.rawValue), \(first.adjacency.rawValue):",
            "  (\(first.sampling);",
            "  \(first.accountant.title)\(first.conversion.map { ", \($0.rawValue) conversion" } ?? ""))",
        ]
        lines += plan.adversaries.map { adversary in
            let epsilon = claims.first { $0.adversary == adversary }?.epsilon
            return "  " + (epsilon.map { "epsilon \($0.roundedUp(decimals: 4))" } ?? "no epsilon can be stated")
                + " against \(adversary.explanation)"
        }
        lines.append(
            "population \(plan.population): budget epsilon \(budget.epsilon)"
                + (budget.epsilonServer.map { ", \($0) against the server," } ?? "")
                + " at delta \(budget.delta) for all tasks together"
        )
        return lines
    }

    private static func checkEvaluation(_ task: TaskConfiguration, file: String) throws(AggregatorError) {
        guard !task.evaluation.isEmpty else { return }
        do {
            let test = try DatasetSource.load(task.evaluation).test
            guard test.exampleShape == task.shape, test.classes == task.classes else {
                throw AggregatorError.input(
                    "\(file): [data] evaluation has examples of shape \(test.exampleShape) in \(test.classes) classes"
                )
            }
        } catch let error as AggregatorError {
            throw error
        } catch {
            throw .input("\(file): [data] evaluation: \(error)")
        }
    }

    /// Starts, pauses or stops a task. A round that is open is finished first.
    public static func setStatus(
        _ change: StatusChange,
        task name: String,
        configuration: ServerConfiguration
    ) throws(AggregatorError) {
        let store = try openStore(configuration)
        do {
            try store.write { session in
                guard let task = try session.task(name) else {
                    throw AggregatorError.input("task \(name): does not exist")
                }
                let reason = change == .start ? resumed : "by the operator"
                guard try session.setStatus(change.status, reason: reason, of: name, from: change.origins) else {
                    throw AggregatorError.input(
                        "task \(name): is \(task.status.rawValue) and cannot be \(change.participle)"
                    )
                }
            }
        } catch let error as AggregatorError {
            throw error
        } catch {
            throw .failure("\(error)")
        }
    }

    /// The reason that a start leaves: the operator has seen to whatever the task was waiting for.
    static let resumed = "started by the operator"

    /// What an operator can do with a task.
    public enum StatusChange: Sendable {
        case start
        case pause
        case stop

        var status: TaskStatus {
            switch self {
            case .start: .running
            case .pause: .paused
            case .stop: .stopped
            }
        }

        var participle: String {
            switch self {
            case .start: "started"
            case .pause: "paused"
            case .stop: "stopped"
            }
        }

        /// The states from which it is possible.
        var origins: Set<TaskStatus> {
            switch self {
            case .start: [.created, .paused, .exhausted, .running]
            case .pause: [.running, .paused]
            case .stop: [.created, .running, .paused, .exhausted, .stopped]
            }
        }
    }

    // MARK: Reports

    /// A task's report as JSON.
    public static func reportJSON(
        task name: String,
        configuration: ServerConfiguration
    ) throws(AggregatorError) -> String {
        try json(report(task: name, configuration: configuration))
    }

    package static func report(
        task name: String,
        configuration: ServerConfiguration
    ) throws(AggregatorError) -> TaskReport {
        let store = try openStore(configuration)
        do {
            return try store.read { session in
                guard let task = try session.task(name) else {
                    throw AggregatorError.input("task \(name): does not exist")
                }
                let ledger = try Ledger(stored: session.ledger(of: task.population), population: task.population)
                return try report(on: task, session: session, ledger: ledger, configuration: configuration)
            }
        } catch let error as AggregatorError {
            throw error
        } catch {
            throw .failure("\(error)")
        }
    }

    package static func reports(_ configuration: ServerConfiguration) throws(AggregatorError) -> [TaskReport] {
        let store = try openStore(configuration)
        do {
            return try store.read { session in
                try session.tasks().map { task in
                    let ledger = try Ledger(stored: session.ledger(of: task.population), population: task.population)
                    return try report(on: task, session: session, ledger: ledger, configuration: configuration)
                }
            }
        } catch let error as AggregatorError {
            throw error
        } catch {
            throw .failure("\(error)")
        }
    }

    package static func json(_ value: some Encodable) throws(AggregatorError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            throw .failure("a report cannot be written as JSON: \(error)")
        }
    }
}
