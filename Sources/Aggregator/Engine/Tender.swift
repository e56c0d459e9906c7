// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Logging
internal import Rounds
internal import Store

/// Looks after tasks: opens rounds, ends their stages, takes model steps. It does so for the tasks whose lease it holds, on a
/// thread of its own, so that requests are answered meanwhile.
///
/// What it remembers between two looks is a copy of what the store holds, and is thrown away when a transaction fails.
actor Tender {
    let environment: Environment
    var runtimes: [[UInt8]: TaskRuntime] = [:]
    var ledgers: [String: Ledger] = [:]
    /// The last trouble of each task that was logged, so that a lasting one is told once.
    private var troubles: [String: String] = [:]
    private var leases: [String: Lease] = [:]
    private var selections: [String: Selection] = [:]
    private var forgottenAt: UInt64 = 0
    /// Since when the database cannot be reached.
    private var outage: UInt64?
    /// The same by task, as long as its open round has not got that time back.
    private var outages: [String: UInt64] = [:]

    // Model steps and evaluations take long; requests come first.
    private let executor = ThreadExecutor(niceness: 5)

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    init(_ environment: Environment) {
        self.environment = environment
    }

    var store: Store { environment.store }
    var logger: Logger { environment.logger }
    func now() -> UInt64 { environment.clock() }

    /// Verifies every ledger, and voids leases of a process before this one where there can be no other.
    func recover() throws(AggregatorError) {
        do {
            let tasks = try store.read { session in try session.tasks() }
            for population in Set(tasks.map(\.population)) { _ = try ledger(of: population) }
            for record in try store.read({ session in try session.openRounds() }) {
                logger.notice("\(record.identifier): goes on with \(record.accepted) of \(record.members) updates")
            }
            for task in tasks where task.round > 0 { publishOrSay(task) }
        } catch let error as AggregatorError {
            throw error
        } catch {
            throw .failure("\(error)")
        }
    }

    /// Looks after every task once.
    func tick() {
        do {
            try forgetExpired()
            let tasks = try store.read { session in
                let open = Set(try session.openRounds().map(\.identifier.task))
                return try session.tasks().filter { $0.status == .running || open.contains($0.name) }
            }
            if let began = outage {
                outage = nil
                for task in tasks { outages[task.name] = min(outages[task.name] ?? began, began) }
            }
            for task in tasks {
                // One task's trouble is not another's.
                do {
                    guard let lease = try lease(on: task.name) else { continue }
                    try tend(task.name, lease)
                    troubles[task.name] = nil
                } catch StoreError.conflict(let reason) {
                    // Another server was faster; the next look sees what it did.
                    logger.debug("task \(task.name): \(reason)")
                    forget(task.population)
                } catch {
                    forget(task.population)
                    let trouble = "task \(task.name): \(error)"
                    if troubles.updateValue(trouble, forKey: task.name) != trouble { logger.error("\(trouble)") }
                }
            }
        } catch {
            if outage == nil { logger.error("\(error)") }
            outage = outage ?? now()
        }
    }

    /// Gives all leases back, so that other servers take over at once.
    func stop() {
        for lease in leases.values {
            do {
                try store.write { session in try session.release(lease) }
            } catch {
                logger.warning("lease \(lease.name): was not given back: \(error)")
            }
        }
        leases = [:]
    }

    /// Nonces and waiting clients whose time is over are forgotten every few seconds.
    private func forgetExpired() throws {
        let now = now()
        guard now >= forgottenAt + 5000 || now < forgottenAt else { return }
        forgottenAt = now
        try store.write { session in try session.forgetExpired(now: now) }
    }

    // MARK: Leases

    /// The lease on a task, taken or renewed where needed; `nil` while another server has it. Where nobody had it for a
    /// while, nobody could reach a server either, and the open round gets that time back.
    private func lease(on task: String) throws -> Lease? {
        let now = now()
        let outage = outages[task]
        if outage == nil, let lease = leases[task], lease.expiresAt > now + environment.leaseMilliseconds / 2 {
            return lease
        }
        let name = "task \(task)"
        let taken = try store.write { session -> Lease? in
            let taken = try session.takeLease(
                name,
                owner: environment.worker,
                token: environment.token(),
                now: now,
                milliseconds: environment.leaseMilliseconds
            )
            guard let taken else { return nil }
            // A server that held the lease all the time, but could not reach the database, was of no use to clients either.
            if let began = taken.orphanedSince ?? outage {
                try Self.extend(task, since: began, now: now, session, logger)
            }
            return taken.lease
        }
        outages[task] = nil
        if leases[task] == nil, taken != nil { selections[task] = nil }
        leases[task] = taken
        return taken
    }

    private static func extend(
        _ task: String,
        since outage: UInt64,
        now: UInt64,
        _ session: StoreSession,
        _ logger: Logger
    ) throws {
        guard let open = try session.openRound(of: task), let record = try session.lockRound(open.identifier),
            record.state == .open
        else { return }
        let pause = now - min(now, outage)
        try session.setTimes(
            of: record.identifier,
            configuresUntil: record.configuresUntil + pause,
            closesAt: record.closesAt.map { $0 + pause }
        )
        logger.notice("\(record.identifier): nobody looked after it for \(pause) ms; its deadlines move by that")
    }

    // MARK: One task

    private func tend(_ name: String, _ lease: Lease) throws {
        let (task, record, waiting) = try store.read { session in
            let task = try session.task(name)
            let record = try session.openRound(of: name)
            let waiting =
                try record == nil
                ? task.map {
                    try session.waitingCount(for: $0.planHash, now: now(), until: environment.waitingHorizon(now()))
                } : nil
            return (task, record, waiting ?? 0)
        }
        guard let task else { return }
        let runtime = try runtime(of: task)
        guard let record else {
            guard task.status == .running else { return }
            return try select(task, runtime, waiting: waiting, lease)
        }
        selections[name] = nil
        var round = ServerRound(record, terms: runtime.plan.rounds)
        if record.state == .open, round.limitDeadlines(now: now()) {
            try store.write { session in
                try session.confirm(lease)
                try session.setTimes(
                    of: record.identifier,
                    configuresUntil: round.configuresUntil,
                    closesAt: round.closesAt
                )
            }
        }
        switch round.next(now: now()) {
        case .wait:
            // Nobody was told of this round, and nobody will be.
            if task.status == .stopped, record.members == 0 { try abandon(record, task, runtime, lease) }
        case .report(let until):
            try report(record.identifier, runtime, until: until, lease)
        case .release:
            try release(record.identifier, task, runtime, lease)
        case .abandon:
            try abandon(record, task, runtime, lease)
        }
    }

    private func select(_ task: TaskRecord, _ runtime: TaskRuntime, waiting: Int, _ lease: Lease) throws {
        guard task.round < runtime.plan.rounds.rounds else {
            try store.write { session in
                try session.setStatus(.finished, reason: "", of: task.name, from: [.running])
            }
            return
        }
        switch selections[task.name, default: Selection()].next(
            waiting: waiting,
            terms: runtime.plan.rounds,
            now: now()
        ) {
        case .wait: return
        case .open(let expected): try open(task, runtime, expected: expected, lease)
        }
    }

    /// Ends the configuration of a round, unless it has gone on meanwhile.
    private func report(
        _ identifier: RoundIdentifier,
        _ runtime: TaskRuntime,
        until: UInt64,
        _ lease: Lease
    ) throws {
        let now = now()
        try store.write { session in
            try session.confirm(lease)
            guard let record = try session.lockRound(identifier),
                case .report = ServerRound(record, terms: runtime.plan.rounds).next(now: now)
            else { return }
            try session.setTimes(of: identifier, configuresUntil: record.configuresUntil, closesAt: until)
            logger.debug("\(identifier): \(record.members) members, reports until \(until)")
        }
    }

    // MARK: What is remembered

    /// The verified ledger of a population, with what other servers have appended.
    func ledger(of population: String) throws -> Ledger {
        var ledger = try ledgers[population] ?? Ledger(population: population)
        let known = ledger.entries.count
        for row in try store.read({ session in try session.ledger(of: population, from: known) }) {
            try ledger.append(LedgerEntry(stored: row, at: ledger.entries.count))
        }
        ledgers[population] = ledger
        return ledger
    }

    func forget(_ population: String) {
        ledgers[population] = nil
    }

    func runtime(of task: TaskRecord) throws -> TaskRuntime {
        if let runtime = runtimes[task.planHash] { return runtime }
        guard let plan = try store.read({ session in try session.blob(task.planHash) }) else {
            throw AggregatorError.failure("task \(task.name): its plan is not in the database")
        }
        let runtime = try TaskRuntime(task, planBytes: plan, workers: environment.workers)
        runtimes[task.planHash] = runtime
        return runtime
    }
}

extension LedgerEntry {
    /// The entry of a stored row: its encoding and its hash.
    init(stored row: LedgerRow, at index: Int) throws {
        guard row.entry.count > 32, row.index == index else {
            throw LedgerError.corrupted(entry: index, reason: "it is missing or too short")
        }
        do {
            try self.init(canonicalEncoding: Array(row.entry.dropLast(32)), hash: Array(row.entry.suffix(32)))
        } catch {
            throw LedgerError.corrupted(entry: row.index, reason: "\(error)")
        }
    }

    /// The entry as the store keeps it.
    var row: LedgerRow { LedgerRow(population: population, index: index, entry: canonicalEncoding + hash) }
}

extension Ledger {
    /// A ledger from the store's rows, every entry verified.
    init(stored rows: [LedgerRow], population: String) throws {
        try self.init(population: population)
        for row in rows { try append(LedgerEntry(stored: row, at: entries.count)) }
    }
}
