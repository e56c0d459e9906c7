// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Messages
internal import Rounds
package import Store
internal import Synchronization

/// Reads what is stored into values for people, and remembers what does not change, so that looking often costs little.
///
/// It shares nothing with the engine but the store, so it sees alike what this server does and what another server on the
/// same database does. Its calls block, and may be made from any thread but those of Swift's cooperative pool.
package final class Observatory: Sendable {
    let store: Store
    private let configuration: ServerConfiguration
    private let clock: @Sendable () -> UInt64
    private let state = Mutex(State())

    private struct State {
        var look: Look?
        var overview: Overview?
        var ledgers: [String: Ledger] = [:]
        var populations: [String: PopulationReport] = [:]
        var reports: [String: (key: ReportKey, report: TaskReport)] = [:]
        var plans: [[UInt8]: TaskPlan] = [:]
        var modelBytes: [[UInt8]: Int] = [:]
        var tallies: [String: Tally] = [:]
    }

    /// What an overview follows from: nothing else changes without an event.
    private struct Look: Equatable {
        let lastEvent: Int64
        let clients: Int
        let tasks: [TaskRecord]
        let open: [RoundRecord]
        /// By plan: the clients that wait for a round.
        let waiting: [[UInt8]: Int]
    }

    /// What a task's report follows from.
    private struct ReportKey: Equatable {
        let task: TaskRecord
        let head: LedgerHead
    }

    /// - Parameter clock: milliseconds since 1970.
    package init(store: Store, configuration: ServerConfiguration, clock: @escaping @Sendable () -> UInt64) {
        self.store = store
        self.configuration = configuration
        self.clock = clock
    }

    /// Everything at one moment. What has not changed since the last call is not read again.
    package func overview() throws -> Overview {
        try state.withLock { state in
            try store.read { session in
                let look = try look(session)
                if look == state.look, let overview = state.overview { return overview }
                let overview = try read(look, session, &state)
                state.overview = overview
                state.look = look
                return overview
            }
        }
    }

    /// The attempts of a task from a round on, at most `limit` of them; `nil` for a task that does not exist.
    package func attempts(of task: String, from round: Int, limit: Int = .max) throws -> [AttemptReport]? {
        try store.read { session in
            guard let record = try session.task(task) else { return nil }
            let (terms, modelBytes) = try state.withLock { state in
                let plan = try self.plan(of: record, session, &state)
                return (plan.rounds, try self.modelBytes(of: record, session, &state))
            }
            return try session.attempts(of: task, from: round, limit: limit)
                .map { AttemptReport($0, terms: terms, modelBytes: modelBytes) }
        }
    }

    // MARK: Reading

    private func look(_ session: StoreSession) throws -> Look {
        let tasks = try session.tasks()
        let now = clock()
        var waiting: [[UInt8]: Int] = [:]
        for task in tasks where task.status == .running && waiting[task.planHash] == nil {
            let horizon = configuration.waitingHorizon(now)
            waiting[task.planHash] = try session.waitingCount(for: task.planHash, now: now, until: horizon)
        }
        return Look(
            lastEvent: try session.lastEvent(),
            clients: try session.clientCount(),
            tasks: tasks,
            open: try session.openRounds(),
            waiting: waiting
        )
    }

    private func read(_ look: Look, _ session: StoreSession, _ state: inout State) throws -> Overview {
        var overview = Overview(clients: look.clients, lastEvent: look.lastEvent)
        for population in Set(look.tasks.map(\.population)).union(configuration.budgets.keys) {
            overview.populations[population] = try populationReport(population, session, &state)
        }
        for task in look.tasks {
            guard let budget = overview.populations[task.population] else { continue }
            let terms = try plan(of: task, session, &state).rounds
            let fresh = try tally(of: task, session, &state)
            var report = try report(on: task, session, &state)
            report.waitingClients = look.waiting[task.planHash] ?? 0
            let open = fresh.last { $0.endedAt == nil }
            overview.tasks.append(
                TaskState(
                    report: report,
                    terms: RoundTermsReport(terms),
                    evaluation: task.evaluationData.isEmpty
                        ? nil : EvaluationReport(data: task.evaluationData),
                    stage: open.map { StageReport(ServerRound($0, terms: terms)) }
                        ?? StageReport(selecting: task, waiting: report.waitingClients, terms: terms),
                    budget: budget
                )
            )
            overview.tallies[task.name] = state.tallies[task.name]
        }
        return overview
    }

    /// Counts what is new of a task's attempts.
    ///
    /// - Returns: the attempts that had not ended for good when this was called the last time.
    private func tally(
        of task: TaskRecord,
        _ session: StoreSession,
        _ state: inout State
    ) throws -> [AttemptRecord] {
        var tally = state.tallies[task.name] ?? Tally()
        let fresh = try session.attempts(of: task.name, from: tally.settledRound + 1)
        // Attempts at rounds after the last committed one may change; those up to it are added for good.
        for attempt in fresh where attempt.identifier.round <= task.round { tally.settled.add(attempt) }
        tally.settledRound = max(tally.settledRound, task.round)
        tally.all = tally.settled
        for attempt in fresh where attempt.identifier.round > task.round { tally.all.add(attempt) }
        state.tallies[task.name] = tally
        return fresh
    }

    private func plan(of task: TaskRecord, _ session: StoreSession, _ state: inout State) throws -> TaskPlan {
        if let plan = state.plans[task.planHash] { return plan }
        guard let bytes = try session.blob(task.planHash) else {
            throw AggregatorError.failure("task \(task.name): its plan is not in the database")
        }
        let plan = try Sotto_V1_Plan(wire: bytes, what: "plan of task \(task.name)").plan()
        state.plans[task.planHash] = plan
        return plan
    }

    /// All models of a plan have one length: their parameters are as many, and their file's head is the same.
    private func modelBytes(of task: TaskRecord, _ session: StoreSession, _ state: inout State) throws -> Int {
        if let count = state.modelBytes[task.planHash] { return count }
        let count = try session.blobLength(task.modelHash) ?? 0
        state.modelBytes[task.planHash] = count
        return count
    }

    /// The verified ledger, of which only new entries are read.
    private func ledger(of population: String, _ session: StoreSession, _ state: inout State) throws -> Ledger {
        var ledger = try state.ledgers[population] ?? Ledger(population: population)
        for row in try session.ledger(of: population, from: ledger.entries.count) {
            try ledger.append(LedgerEntry(stored: row, at: ledger.entries.count))
        }
        state.ledgers[population] = ledger
        return ledger
    }

    private func populationReport(
        _ population: String,
        _ session: StoreSession,
        _ state: inout State
    ) throws -> PopulationReport {
        let ledger = try ledger(of: population, session, &state)
        let head = Hexadecimal.text(ledger.head.hash)
        if let report = state.populations[population], report.ledgerHead == head { return report }
        let budget = configuration.budgets[population]
        let delta = budget?.delta ?? 1e-5
        // Before anything is spent, a budget is there for everybody it limits.
        let adversaries = ledger.adversaries.isEmpty ? [.outsider, .client, .server] : ledger.adversaries
        let report = PopulationReport(
            population: population,
            lines: try adversaries.map { adversary in
                PopulationReport.Line(
                    adversary: adversary.description,
                    explanation: adversary.explanation,
                    spent: ledger.entries.isEmpty ? 0 : try ledger.stated(against: adversary, delta: delta),
                    limit: adversary == .server ? budget?.epsilonServer : budget?.epsilon
                )
            },
            delta: delta,
            ledgerEntries: ledger.entries.count,
            ledgerHead: head
        )
        state.populations[population] = report
        return report
    }

    private func report(on task: TaskRecord, _ session: StoreSession, _ state: inout State) throws -> TaskReport {
        let ledger = try ledger(of: task.population, session, &state)
        let key = ReportKey(task: task, head: ledger.head)
        if let known = state.reports[task.name], known.key == key { return known.report }
        var report = try Administration.report(
            on: task,
            session: session,
            ledger: ledger,
            configuration: configuration
        )
        // Paths of this machine are nobody's business.
        report.modelFolder = ""
        report.database = ""
        state.reports[task.name] = (key, report)
        return report
    }
}

extension RoundTermsReport {
    init(_ terms: RoundTerms) {
        self.init(
            cohort: terms.cohort,
            fewestSurvivors: terms.fewestSurvivors,
            mostMembers: terms.mostMembers,
            selectionSeconds: terms.selectionSeconds,
            configurationSeconds: terms.configurationSeconds,
            deadlineSeconds: terms.deadlineSeconds
        )
    }
}
