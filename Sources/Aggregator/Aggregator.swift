// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Dispatch
internal import Files
public import Logging
internal import Messages
internal import Rounds
package import Store

/// The server of federated training as a library: enrols clients, opens rounds, adds up sealed updates, takes model steps,
/// and keeps the privacy ledger.
///
/// It answers ``APIRequest`` values, so that HTTP is a thin skin around it and a simulation needs no sockets. All its work
/// runs on a thread of its own, one request after another. What matters is in the store before it is acknowledged: after
/// `kill -9` at any moment a new process opens the same store and the same round goes on. Memory is one model with its
/// optimizer state and one running sum for each running task, whatever the cohort.
///
/// It refuses to open a round whose spend would pass its population's budget. It does not start with a ledger that it
/// cannot read.
public actor Aggregator {
    let configuration: ServerConfiguration
    let store: any Store
    let keys: ServerKeys
    let logger: Logger
    let clock: @Sendable () -> UInt64
    let workers: Int

    /// Two servers on one state folder would each keep a running sum of their own.
    private let lock: FolderLock
    /// The last trouble of each task that was logged, so that a lasting one is told once.
    var troubles: [String: String] = [:]
    /// The plan's word on how long an upload may be, by task.
    var uploadLimits: [String: Int] = [:]

    var ledgers: [String: Ledger] = [:]
    var runtimes: [String: TaskRuntime] = [:]
    var rounds: [String: OpenRound] = [:]
    var waiting = WaitingRoom()
    var traffic = Traffic()

    private let executor = ThreadExecutor(label: "sotto.aggregator")

    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// Opens the store, verifies every ledger, and takes up the rounds that were open.
    ///
    /// - Parameters:
    ///   - store: where everything is kept.
    ///   - clock: milliseconds since 1970.
    ///   - workers: threads for evaluation.
    package init(
        configuration: ServerConfiguration,
        store: any Store,
        logger: Logger,
        clock: @escaping @Sendable () -> UInt64,
        workers: Int = 2
    ) async throws(AggregatorError) {
        self.configuration = configuration
        self.store = store
        self.logger = logger
        self.clock = clock
        self.workers = workers
        keys = try ServerKeys(stateFolder: configuration.stateFolder)
        do {
            lock = try FolderLock(folder: configuration.stateFolder, holder: "server")
        } catch {
            throw .failure("\(error)")
        }
        try recover()
    }

    /// Opens the embedded store of the configuration's state folder.
    public init(configuration: ServerConfiguration, logger: Logger) async throws(AggregatorError) {
        try await self.init(
            configuration: configuration,
            store: Administration.openStore(configuration),
            logger: logger,
            clock: WallClock.milliseconds
        )
    }

    private func recover() throws(AggregatorError) {
        try failing { () throws in
            for task in try store.tasks() {
                _ = try ledger(of: task.population)
            }
            for record in try store.openRounds() {
                let round = try restore(record)
                // Members could not deliver while the server was away.
                round.machine.extendDeadline(now: clock())
                if let closesAt = round.machine.closesAt {
                    try store.setDeadline(closesAt, of: record.identifier)
                }
                logger.notice(
                    "\(record.identifier): goes on with \(round.machine.accepted.count) of \(round.machine.members.count) updates"
                )
            }
            for task in try store.tasks() where task.round > 0 { publishOrSay(task) }
        }
    }

    /// Rebuilds an open round from its record.
    @discardableResult
    func restore(_ record: RoundRecord) throws -> OpenRound {
        let round = try OpenRound(record, runtime: runtime(of: record.identifier.task), keys: keys)
        rounds[record.identifier.task] = round
        return round
    }

    /// Forgets what memory holds of an open round, after a transaction failed; the next look at the task reads it again.
    func forget(_ task: String, population: String) {
        rounds[task] = nil
        ledgers[population] = nil
    }

    /// The verified ledger of a population.
    func ledger(of population: String) throws -> Ledger {
        if let ledger = ledgers[population] { return ledger }
        let ledger = try Ledger(stored: store.ledger(of: population), population: population)
        ledgers[population] = ledger
        return ledger
    }

    func runtime(of task: String) throws -> TaskRuntime {
        if let runtime = runtimes[task] { return runtime }
        guard let record = try store.task(task), let plan = try store.blob(record.planHash) else {
            throw AggregatorError.failure("task \(task): is not in the database")
        }
        let runtime = try TaskRuntime(record, planBytes: plan, workers: workers)
        runtimes[task] = runtime
        return runtime
    }

    /// Gives unexpected failures their type.
    func failing<Value>(_ body: () throws -> Value) throws(AggregatorError) -> Value {
        do {
            return try body()
        } catch let error as AggregatorError {
            throw error
        } catch {
            throw .failure("\(error)")
        }
    }

    /// SHA-256 of the server's public key.
    package nonisolated var publicKeyHash: [UInt8] { keys.publicKeyHash }
}

/// Bytes and requests since the start, for people who watch.
struct Traffic {
    var bytesUp = 0
    var bytesDown = 0
    var requests = 0
    var refusals = 0
}

extension Ledger {
    /// A ledger from the store's rows; each is an entry's encoding and its hash.
    init(stored rows: [LedgerRow], population: String) throws {
        var entries: [LedgerEntry] = []
        for row in rows {
            guard row.entry.count > 32, row.index == entries.count else {
                throw LedgerError.corrupted(entry: entries.count, reason: "it is missing or too short")
            }
            do {
                entries.append(
                    try LedgerEntry(
                        canonicalEncoding: Array(row.entry.dropLast(32)),
                        hash: Array(row.entry.suffix(32))
                    )
                )
            } catch {
                throw LedgerError.corrupted(entry: row.index, reason: "\(error)")
            }
        }
        try self.init(population: population, entries: entries)
    }
}

extension LedgerEntry {
    /// The entry as the store keeps it.
    var row: LedgerRow { LedgerRow(population: population, index: index, entry: canonicalEncoding + hash) }
}
