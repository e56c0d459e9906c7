// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Datasets
internal import Files
internal import FoundationEssentials
internal import Messages
internal import Rounds
package import Store
internal import TOML
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

    /// Plans a task from its file and stores it; it starts when it is told to.
    ///
    /// - Returns: lines for the operator: what the plan is and what it promises against whom.
    public static func createTask(
        file: String,
        configuration: ServerConfiguration,
        by who: Operator = .commandLine
    ) throws(AggregatorError) -> [String] {
        let task = try TaskConfiguration(path: file)
        let store = try openStore(configuration)
        return try translating {
            try createTask(task, file: file, configuration: configuration, store: store, by: who)
        }
    }

    /// The same on a store that is open.
    ///
    /// - Throws: ``AdministrationRefusal`` when a task of that name exists.
    static func createTask(
        _ task: TaskConfiguration,
        file: String,
        configuration: ServerConfiguration,
        store: Store,
        by who: Operator
    ) throws -> [String] {
        guard let budget = configuration.budgets[task.population] else {
            throw AggregatorError.input(
                "\(file): population \(Wording.shown(task.population)) is not in the server file; add a [[population]]"
            )
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
        do {
            try store.write { session in
                try session.createTask(record, plan: planned.planBytes, model: planned.modelBytes)
                try session.note(
                    "task create",
                    of: task.name,
                    detail: "plan \(Hexadecimal.text(planned.planHash))",
                    by: who,
                    now: WallClock.milliseconds()
                )
            }
        } catch StoreError.conflict(let reason) {
            throw AdministrationRefusal.conflict(reason)
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
        if let evaluation = plan.evaluation {
            lines.append(
                "evaluation on held-out examples in \(plan.rounds.counts.evaluation) of the rounds: noise share sigma"
                    + " \(64 * evaluation.noiseMultiple), bound \(evaluation.bound), losses up to \(evaluation.lossBound)"
            )
        }
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
        configuration: ServerConfiguration,
        by who: Operator = .commandLine
    ) throws(AggregatorError) {
        let store = try openStore(configuration)
        try translating { try setStatus(change, task: name, store: store, by: who) }
    }

    /// The same on a store that is open.
    ///
    /// - Throws: ``AdministrationRefusal`` when there is no such task, or it cannot be changed so.
    static func setStatus(_ change: StatusChange, task name: String, store: Store, by who: Operator) throws {
        try store.write { session in
            guard let task = try session.task(name) else {
                throw AdministrationRefusal.missing("task \(Wording.shown(name)): does not exist")
            }
            let reason = change == .start ? resumed : "by the operator"
            guard try session.setStatus(change.status, reason: reason, of: name, from: change.origins) else {
                throw AdministrationRefusal.conflict(
                    "task \(name): is \(task.status.rawValue) and cannot be \(change.participle)"
                )
            }
            try session.note(
                "task \(change.verb)",
                of: name,
                detail: "was \(task.status.rawValue)",
                by: who,
                now: WallClock.milliseconds()
            )
        }
    }

    /// Goes back to the model that a committed round left. The rounds after it are not repeated, and ε is not refunded.
    ///
    /// - Returns: a line for the operator.
    public static func rollBack(
        _ name: String,
        to round: Int,
        configuration: ServerConfiguration,
        by who: Operator = .commandLine
    ) throws(AggregatorError) -> String {
        let store = try openStore(configuration)
        return try translating { try rollBack(name, to: round, store: store, by: who) }
    }

    /// The same on a store that is open.
    ///
    /// - Throws: ``AdministrationRefusal`` while the task runs or has an open round, and when that model is not kept.
    static func rollBack(_ name: String, to round: Int, store: Store, by who: Operator) throws -> String {
        try store.write { session in
            guard let task = try session.lockTask(name) else {
                throw AdministrationRefusal.missing("task \(Wording.shown(name)): does not exist")
            }
            guard task.status != .running else {
                throw AdministrationRefusal.conflict("task \(name): is running; pause it before it is rolled back")
            }
            if let open = try session.openRound(of: name) {
                throw AdministrationRefusal.conflict("\(open.identifier): is open; wait for its end, then roll back")
            }
            guard (1...max(1, task.round)).contains(round), try session.rollBack(name, to: round) else {
                throw AdministrationRefusal.conflict(
                    "task \(name): the model of round \(round) is not kept; committed rounds are \(task.round)"
                )
            }
            try session.note(
                "task rollback",
                of: name,
                detail: "to round \(round) of \(task.round)",
                by: who,
                now: WallClock.milliseconds()
            )
            return "task \(name): goes on from the model of round \(round); epsilon is not refunded: all \(task.round)"
                + " rounds stay spent"
        }
    }

    /// Gives whatever goes wrong beside a running server its one line.
    static func translating<Value>(_ body: () throws -> Value) throws(AggregatorError) -> Value {
        do {
            return try body()
        } catch let error as AggregatorError {
            throw error
        } catch let error as AdministrationRefusal {
            throw .input(error.description)
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

        var verb: String {
            switch self {
            case .start: "start"
            case .pause: "pause"
            case .stop: "stop"
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

/// Why an operator's act is not done: nothing is wrong with the words, but the state is another one.
enum AdministrationRefusal: Error, CustomStringConvertible {
    case missing(String)
    case conflict(String)

    var description: String {
        switch self {
        case .missing(let reason), .conflict(let reason): reason
        }
    }
}
