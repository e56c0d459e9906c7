// SPDX-License-Identifier: Apache-2.0

import Rounds
import Store
import TestKit
import Testing

@Suite("PostgreSQL: broken connections", .enabled(if: PostgresCluster.isInstalled))
struct PostgreSQLFaultTests {
    static let faults: [CommitProxy.Fault] = [.beforeCommit, .afterCommit, .delayedCommit, .beforeStatement]

    @Test("A transaction whose connection breaks is made once, wherever it breaks", arguments: faults)
    func once(_ fault: CommitProxy.Fault) throws {
        let database = try PostgresTestDatabase()
        let folder = try TemporaryFolder()
        let proxy = CommitProxy(folder: folder.path, server: database.cluster.folder, fault: fault)
        defer { proxy.stop() }
        let url = database.cluster.url(database.name, folder: folder.path)
        let store = Store(try PostgreSQLDriver(PostgreSQLAddress(url)))
        try store.enrol("a")
        _ = try store.withTask()
        try store.write { try $0.openRound(Samples.record(Samples.round()), reservation: Samples.row(0)) }
        let runs = Counter()
        let update = try store.write { session in
            runs.add()
            // Made twice, one of these would fail or count twice.
            #expect(try session.useNonce(Array(CommitProxy.mark.utf8), client: "a", expires: 9))
            try session.addMember("a", to: Samples.round(), now: 1)
            return try session.accept(
                client: "a",
                bodyHash: [1],
                bytesUp: 1,
                in: Samples.round(),
                population: Samples.population
            )
        }
        #expect(proxy.faults.value == 1)
        #expect(runs.value == (fault == .afterCommit ? 1 : 2))
        #expect(update.receipts == 1)
        try database.open().read { (session) throws in
            #expect(try session.client("a")?.receipts == 1)
            #expect(try session.update(of: "a", in: Samples.round()) == update)
            #expect(try session.round(Samples.round())?.members == 1)
        }
    }

    @Test("What was committed outlives a kill of the server, and work goes on without a word")
    func crash() async throws {
        let cluster = try PostgresCluster()
        let url = try cluster.makeDatabase()
        var settings = PostgreSQLSettings()
        settings.patienceSeconds = 60
        let store = Store(try PostgreSQLDriver(PostgreSQLAddress(url), settings: settings))
        _ = try store.withTask()
        // Writers go on while the server is killed and started again, twice; each notes what it was told is committed.
        let (writers, each) = (3, 200)
        try await concurrently(writers + 1) { writer in
            guard writer < writers else {
                for _ in 0..<2 {
                    try cluster.kill9()
                    try cluster.start()
                }
                return
            }
            for number in 0..<each {
                try store.write { session in
                    // A transaction that was made twice would find its own name.
                    let name = "\(writer) \(number)"
                    #expect(try session.meta(name) == nil)
                    _ = try session.setMeta(name, ifAbsent: [1])
                }
            }
        }
        let there = try store.read { session in
            try (0..<writers * each).filter { try session.meta("\($0 / each) \($0 % each)") != nil }.count
        }
        #expect(there == writers * each)
    }

    @Test("A server that was restarted, or has ended the connections, is used again at once")
    func restart() throws {
        let cluster = try PostgresCluster()
        let store = Store(try PostgreSQLDriver(PostgreSQLAddress(cluster.makeDatabase())))
        _ = try store.withTask()
        try cluster.restart()
        #expect(try store.read { try $0.tasks() }.count == 1)
        try cluster.restart()
        try store.write { try $0.createTask(Samples.task("u"), plan: [], model: []) }
        try cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sotto'")
        #expect(try store.read { try $0.tasks() }.count == 2)
    }

    @Test("A wait hears other processes, also after its connection was ended")
    func listening() async throws {
        let database = try PostgresTestDatabase()
        let (one, other) = (try database.open().withTask(), try database.open())
        for reason in ["first", "second"] {
            try await concurrently(2) { index in
                if index == 0 {
                    while try one.read({ try $0.task("t") })?.statusReason != reason {
                        one.waitForChange(milliseconds: 60_000)
                    }
                } else {
                    try other.write { session in
                        try session.setStatus(.paused, reason: reason, of: "t", from: [.running, .paused])
                    }
                }
            }
            try database.cluster.sql(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = '\(database.name)' AND query LIKE 'LISTEN%'
                """
            )
        }
    }

    @Test("A server that stays away is an error in one line, in time")
    func away() throws {
        let cluster = try PostgresCluster()
        var settings = PostgreSQLSettings()
        settings.patienceSeconds = 1
        let store = Store(try PostgreSQLDriver(PostgreSQLAddress(cluster.makeDatabase()), settings: settings))
        try cluster.kill9()
        let error = #expect(throws: StoreError.self) { try store.write { try $0.addInvite(secretHash: [1]) } }
        #expect(error?.description.contains("\n") == false)
        #expect(throws: StoreError.self) { try store.read { try $0.tasks() } }
    }
}
