// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Files
public import Logging
internal import Messages
internal import Rounds
package import Store
internal import Synchronization

/// The server of federated training as a library: enrols clients, opens rounds, adds up sealed updates, takes model steps,
/// and keeps the privacy ledger.
///
/// It answers ``APIRequest`` values, so that HTTP is a thin skin around it and a simulation needs no sockets. Requests are
/// answered side by side: signatures and decryption on threads of their own, writes together in few transactions
/// (``CommitQueue``). Rounds are looked after by one more thread (``Tender``), so that a model step keeps nobody waiting.
///
/// What matters is in the store before it is acknowledged: after `kill -9` at any moment another process opens the same store
/// and the same round goes on. Any number of servers may work on one database: a client may reach another one with every
/// request. Memory is one model with its optimizer state and one running sum for each running task, whatever the cohort.
///
/// It refuses to open a round whose spend would pass its population's budget. It does not start with a ledger that it
/// cannot read.
public final class Aggregator: Sendable {
    let environment: Environment
    let plans = PlanCache()
    let roundKeys: RoundKeys
    let compute: ComputeThreads
    let commits: CommitQueue
    let tender: Tender
    let traffic = Mutex(Traffic())
    let pace = Mutex(PaceState())
    let models = ModelCache()
    let limits: RequestLimits
    /// What people see, read from the store alone.
    package let observatory: Observatory
    package let streams: EventStreams
    package let requestMetrics = RequestMetrics()
    /// Seconds since 1970.
    let startTime: Double
    private let keysReadAt = Mutex<UInt64>(0)

    /// Two servers on one state folder would write the same files.
    private let lock: FolderLock

    /// Opens the store, verifies every ledger, and takes up the rounds that were open.
    ///
    /// - Parameters:
    ///   - store: where everything is kept.
    ///   - clock: milliseconds since 1970.
    ///   - workers: threads for requests and for evaluation.
    package init(
        configuration: ServerConfiguration,
        store: Store,
        logger: Logger,
        clock: @escaping @Sendable () -> UInt64,
        workers: Int = 2
    ) async throws(AggregatorError) {
        let keys = try ServerKeys(stateFolder: configuration.stateFolder)
        do {
            lock = try FolderLock(folder: configuration.stateFolder, holder: "server")
        } catch {
            throw .failure("\(error)")
        }
        let environment = Environment(
            configuration: configuration,
            store: store,
            keys: keys,
            logger: logger,
            clock: clock,
            workers: workers,
            worker: Hexadecimal.text(SystemRandom.bytes(8)),
            leaseMilliseconds: UInt64(configuration.leaseSeconds) * 1000
        )
        self.environment = environment
        observatory = Observatory(store: store, configuration: configuration, clock: clock)
        streams = EventStreams(observatory: observatory, logger: logger)
        startTime = Double(clock()) / 1000
        roundKeys = RoundKeys(keys)
        limits = RequestLimits(configuration.doors)
        compute = ComputeThreads(count: workers)
        commits = CommitQueue(store: store, sums: PartialSums(worker: environment.worker, keys: keys))
        tender = Tender(environment)
        try Self.join(environment)
        try readKeys()
        try await tender.recover()
    }

    /// Opens the database of the configuration.
    public convenience init(configuration: ServerConfiguration, logger: Logger) async throws(AggregatorError) {
        try await self.init(
            configuration: configuration,
            store: Administration.openStore(configuration),
            logger: logger,
            clock: WallClock.milliseconds
        )
    }

    /// Becomes one of the database's servers: they all have the same key, because clients pin it and sums are sealed by it.
    private static func join(_ environment: Environment) throws(AggregatorError) {
        do {
            let hash = environment.keys.publicKeyHash
            let known = try environment.store.write { session in
                if environment.store.isExclusive { try session.expireLeases(now: environment.clock()) }
                return try session.setMeta("server key", ifAbsent: hash)
            }
            guard known == hash else {
                throw AggregatorError.input(
                    "\(environment.configuration.stateFolder)/server.key: is not the key of the servers on"
                        + " \(environment.configuration.database); copy theirs"
                )
            }
        } catch let error as AggregatorError {
            throw error
        } catch {
            throw .failure("\(error)")
        }
    }

    var store: Store { environment.store }
    var keys: ServerKeys { environment.keys }
    var logger: Logger { environment.logger }
    func now() -> UInt64 { environment.clock() }

    /// Looks after every task once: closes rounds that are due and opens those for which clients wait.
    public func tick() async {
        refreshKeys()
        await tender.tick()
    }

    /// Looks after tasks until the surrounding task is cancelled: whenever something has changed, and four times a second.
    public func run() async {
        let waiter = ThreadExecutor()
        while !Task.isCancelled {
            await waiter.run { self.refreshKeys() }
            await tender.tick()
            await waiter.run { self.store.waitForChange(milliseconds: 250) }
        }
        await tender.stop()
    }

    // MARK: Keys

    /// The key that signs now.
    var signingKey: ServerKeys.SigningKey { keys.active(now: now()) }

    /// SHA-256 of the public key that signs now.
    package var publicKeyHash: [UInt8] { signingKey.hash }

    private func readKeys() throws(AggregatorError) {
        do {
            try store.read { session in try keys.refresh(session) }
        } catch {
            throw .failure("the server's later keys cannot be read: \(error)")
        }
    }

    /// Learns every two seconds of keys that an operator has made.
    private func refreshKeys() {
        let now = now()
        let isDue = keysReadAt.withLock { last in
            guard now >= last + 2000 || now < last else { return false }
            last = now
            return true
        }
        guard isDue else { return }
        do {
            try readKeys()
        } catch {
            logger.error("\(error)")
        }
    }
}

/// Bytes and requests since the start, for people who watch.
struct Traffic {
    var bytesUp = 0
    var bytesDown = 0
    var requests = 0
    var refusals = 0
}
