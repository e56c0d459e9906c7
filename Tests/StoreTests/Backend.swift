// SPDX-License-Identifier: Apache-2.0

import Rounds
import Store
import TestKit
import Testing

/// A kind of store. Every conformance test runs on each of ``all``.
struct Backend: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let makeDatabase: @Sendable () throws -> any TestDatabase

    static let all = [Backend(testDescription: "SQLite") { try SQLiteTestDatabase() }]
}

/// One fresh database, which several stores can have open at once.
protocol TestDatabase {
    func open() throws -> any Store
    /// Whether the bytes are anywhere in what the database keeps.
    func holds(_ bytes: [UInt8]) throws -> Bool
}

struct SQLiteTestDatabase: TestDatabase {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    var path: String { folder.file("sotto.sqlite") }

    func open() throws -> any Store {
        try SQLiteStore(path: path)
    }

    func holds(_ bytes: [UInt8]) throws -> Bool {
        try folder.names.contains { name in try folder.bytes(of: name).contains(bytes) }
    }
}

/// Everything that a store says about one population and its tasks.
struct Snapshot: Equatable {
    let tasks: [TaskRecord]
    let rounds: [RoundRecord]
    let ledger: [LedgerRow]
    let results: [[RoundResult]]
    let models: [[UInt8]?]

    init(_ store: any Store) throws {
        tasks = try store.tasks()
        rounds = try store.openRounds()
        ledger = try store.ledger(of: Samples.population)
        results = try tasks.map { try store.results(of: $0.name) }
        models = try (0..<8).map { try store.blob(Samples.hash($0)) }
    }
}

/// Expects the body to be refused as a conflict that leaves everything as it was, also for whoever opens the database
/// anew.
func expectConflict(
    _ store: any Store,
    _ database: any TestDatabase,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) throws {
    let before = try Snapshot(store)
    let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) { try body() }
    guard case .conflict(let reason) = error else {
        Issue.record("not a conflict: \(error.map { "\($0)" } ?? "no error")", sourceLocation: sourceLocation)
        return
    }
    #expect(!reason.isEmpty && !reason.contains("\n"), sourceLocation: sourceLocation)
    #expect(try Snapshot(store) == before, sourceLocation: sourceLocation)
    #expect(try Snapshot(database.open()) == before, sourceLocation: sourceLocation)
}

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
            statusReason: "",
            modelHash: hash(2),
            optimizerState: [1, 2, 3],
            evaluationData: "digits"
        )
    }

    static func round(_ round: Int = 1, attempt: Int = 1, task: String = "t") -> RoundIdentifier {
        RoundIdentifier(task: task, round: round, attempt: attempt)
    }

    static func record(
        _ identifier: RoundIdentifier,
        sealedPrivateKey: [UInt8] = [7, 8, 9]
    ) -> RoundRecord {
        RoundRecord(
            identifier: identifier,
            modelHash: hash(2),
            keyID: "key-\(identifier.attempt)",
            publicKey: hash(3),
            sealedPrivateKey: sealedPrivateKey,
            openedAt: 1_700_000_000_000
        )
    }

    static func row(_ index: Int) -> LedgerRow {
        LedgerRow(population: population, index: index, entry: [UInt8](repeating: UInt8(index), count: 100))
    }

    static func update(_ client: String, body: UInt8 = 1) -> AcceptedUpdate {
        AcceptedUpdate(client: client, bodyHash: hash(body), receipt: Array("receipt of \(client)".utf8), bytesUp: 1000)
    }

    static func commit(
        _ identifier: RoundIdentifier,
        index: Int,
        status: TaskStatus = .running
    ) -> RoundCommit {
        RoundCommit(
            identifier: identifier,
            entry: row(index),
            modelHash: hash(4),
            model: [UInt8](repeating: 4, count: 5000),
            optimizerState: [9],
            result: RoundResult(
                round: identifier.round,
                attempt: identifier.attempt,
                survivors: 2,
                accuracy: 0.1,
                loss: nil,
                seconds: 1.5,
                bytesUp: 2000
            ),
            status: status
        )
    }
}

extension Store {
    /// A store with task `t`.
    func withTask(status: TaskStatus = .running) throws -> Self {
        try createTask(Samples.task(status: status), plan: [1, 1], model: [2, 2, 2])
        return self
    }

    /// A store with task `t` whose first attempt is open and has two members.
    func withRound(sealedPrivateKey: [UInt8] = [7, 8, 9]) throws -> Self {
        _ = try withTask()
        try openRound(
            Samples.record(Samples.round(), sealedPrivateKey: sealedPrivateKey),
            reservation: Samples.row(0)
        )
        try addMember("a", to: Samples.round(), closesAt: 5000)
        try addMember("b", to: Samples.round(), closesAt: 5000)
        return self
    }
}
