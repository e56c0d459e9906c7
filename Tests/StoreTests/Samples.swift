// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Rounds
import Store
import Testing

/// Records for these tests.
enum Samples {
    static let population = "people"

    static func hash(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: 32) }

    static func task(_ name: String = "t", status: TaskStatus = .running) -> TaskRecord {
        TaskRecord(
            name: name,
            population: population,
            planHash: hash(1),
            status: status,
            modelHash: hash(2),
            optimizerState: [1, 2, 3],
            evaluationData: "digits"
        )
    }

    static func round(_ round: Int = 1, attempt: Int = 1, task: String = "t") -> RoundIdentifier {
        RoundIdentifier(task: task, round: round, attempt: attempt)
    }

    static func record(_ identifier: RoundIdentifier, sealedPrivateKey: [UInt8] = [7, 8, 9]) -> RoundRecord {
        RoundRecord(
            identifier: identifier,
            planHash: hash(1),
            modelHash: hash(2),
            keyID: "key-\(identifier.attempt)",
            publicKey: hash(3),
            sealedPrivateKey: sealedPrivateKey,
            openedAt: 1_700_000_000_000,
            configuresUntil: 1_700_000_030_000,
            expected: 5
        )
    }

    static func row(_ index: Int) -> LedgerRow {
        LedgerRow(population: population, index: index, entry: [UInt8](repeating: UInt8(index % 251), count: 100))
    }

    static func sum(_ worker: String = "w", updates: Int = 1, _ sealed: [UInt8] = [1]) -> PartialSum {
        PartialSum(worker: worker, updates: updates, bytesUp: 1000 * updates, sealedSum: sealed)
    }

    static func result(_ identifier: RoundIdentifier) -> RoundResult {
        RoundResult(
            round: identifier.round,
            attempt: identifier.attempt,
            survivors: 2,
            accuracy: 0.1,
            loss: nil,
            seconds: 1.5,
            bytesUp: 2000
        )
    }

    /// A commit whose model is its own: the round's number in every byte.
    static func commit(_ identifier: RoundIdentifier, index: Int, status: TaskStatus = .running) -> RoundCommit {
        RoundCommit(
            identifier: identifier,
            endedAt: 1_700_000_100_000,
            entry: row(index),
            modelHash: hash(UInt8(100 + identifier.round)),
            model: [UInt8](repeating: UInt8(identifier.round), count: 5000),
            optimizerState: [UInt8(identifier.round)],
            result: result(identifier),
            status: status
        )
    }
}

extension Store {
    func enrol(_ clients: String...) throws {
        try write { session in
            for client in clients {
                let secret = Array("secret of \(client)".utf8)
                try session.addInvite(secretHash: secret)
                _ = try session.enrol(
                    client: client,
                    publicKey: Array("key of \(client)".utf8),
                    inviteSecretHash: secret,
                    now: 1000
                )
            }
        }
    }

    /// A store with task `t`.
    func withTask(status: TaskStatus = .running) throws -> Self {
        try write { try $0.createTask(Samples.task(status: status), plan: [1, 1], model: [2, 2, 2]) }
        return self
    }

    /// A store with clients `a` and `b`, and task `t` whose first attempt is open and has them as members.
    func withRound(sealedPrivateKey: [UInt8] = [7, 8, 9]) throws -> Self {
        _ = try withTask()
        try enrol("a", "b")
        try write { session in
            let record = Samples.record(Samples.round(), sealedPrivateKey: sealedPrivateKey)
            try session.openRound(record, reservation: Samples.row(0))
            try session.addMember("a", to: Samples.round(), now: 10)
            try session.addMember("b", to: Samples.round(), now: 20)
        }
        return self
    }

    /// Notes an update of a client and the sum that it is in, as the aggregator does.
    @discardableResult
    func accept(
        _ client: String,
        body: UInt8 = 1,
        in round: RoundIdentifier = Samples.round(),
        sum: PartialSum = Samples.sum()
    ) throws -> AcceptedUpdate {
        try write { session in
            let update = try session.accept(
                client: client,
                bodyHash: Samples.hash(body),
                bytesUp: 1000,
                in: round,
                population: Samples.population
            )
            try session.setPartialSum(sum, of: round)
            return update
        }
    }
}

/// Everything that a store says about one population and its tasks.
struct Snapshot: Equatable {
    let tasks: [TaskRecord]
    let optimizers: [[UInt8]]
    let rounds: [RoundRecord]
    let sums: [[PartialSum]]
    let ledger: [LedgerRow]
    let results: [[RoundResult]]
    let clients: [ClientRecord?]
    let updates: [AcceptedUpdate?]
    let models: [[UInt8]?]

    init(_ store: Store) throws {
        self = try store.read { session in
            let tasks = try session.tasks()
            let rounds = try session.openRounds()
            return Snapshot(
                tasks: tasks,
                optimizers: try tasks.map { try session.optimizerState(of: $0.name) },
                rounds: rounds,
                sums: try rounds.map { try session.partialSums(of: $0.identifier) },
                ledger: try session.ledger(of: Samples.population),
                results: try tasks.map { try session.ended($0.name).map(\.result) },
                clients: try ["a", "b", "c"].map { try session.client($0) },
                updates: try ["a", "b", "c"].map { try session.update(of: $0, in: Samples.round()) },
                models: try [1, 2, 5, 6, 101, 102, 103].map { try session.blob(Samples.hash($0)) }
            )
        }
    }

    private init(
        tasks: [TaskRecord],
        optimizers: [[UInt8]],
        rounds: [RoundRecord],
        sums: [[PartialSum]],
        ledger: [LedgerRow],
        results: [[RoundResult]],
        clients: [ClientRecord?],
        updates: [AcceptedUpdate?],
        models: [[UInt8]?]
    ) {
        self.tasks = tasks
        self.optimizers = optimizers
        self.rounds = rounds
        self.sums = sums
        self.ledger = ledger
        self.results = results
        self.clients = clients
        self.updates = updates
        self.models = models
    }
}

/// Expects a transaction to be refused as a conflict that leaves everything as it was, also for whoever opens the database
/// anew.
func expectConflict(
    _ store: Store,
    _ database: any TestDatabase,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (StoreSession) throws -> Void
) throws {
    let before = try Snapshot(store)
    let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) { try store.write(body) }
    guard case .conflict(let reason) = error else {
        Issue.record("not a conflict: \(error.map { "\($0)" } ?? "no error")", sourceLocation: sourceLocation)
        return
    }
    #expect(!reason.isEmpty && !reason.contains("\n"), sourceLocation: sourceLocation)
    #expect(try Snapshot(store) == before, sourceLocation: sourceLocation)
    #expect(try Snapshot(database.open()) == before, sourceLocation: sourceLocation)
}

/// Runs bodies at the same time, each on a thread of its own, and passes on what one throws.
func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<count {
            group.addTask {
                try await withCheckedThrowingContinuation { continuation in
                    DispatchQueue(label: "test \(index)").async {
                        continuation.resume(with: Result { try body(index) })
                    }
                }
            }
        }
        try await group.waitForAll()
    }
}
