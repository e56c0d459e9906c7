// SPDX-License-Identifier: Apache-2.0

import Glibc
import Rounds
import Store
import TestKit
import Testing

@Suite("PostgreSQL", .enabled(if: PostgresCluster.isInstalled))
struct PostgreSQLStoreTests {
    /// Expects opening to be refused in one line.
    @discardableResult
    func expectRefusal(_ url: String, sourceLocation: SourceLocation = #_sourceLocation) -> String {
        let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) { try Store(opening: url) }
        guard case .database(let line) = error else {
            Issue.record("not a database error", sourceLocation: sourceLocation)
            return ""
        }
        #expect(!line.isEmpty && !line.contains("\n"), "\(line)", sourceLocation: sourceLocation)
        return line
    }

    @Test("Many servers can start at once on an empty database")
    func startTogether() async throws {
        let url = try PostgresTestDatabase().url
        try await concurrently(4) { _ in _ = try Store(opening: url) }
        let store = try Store(opening: url)
        #expect(try store.read { try $0.meta("schema") } == Array("\(StoreSchema.version)".utf8))
        #expect(!store.isExclusive)
    }

    @Test("A newer version, and tables of another program, are refused and left alone")
    func otherSchemas() throws {
        let database = try PostgresTestDatabase()
        _ = try database.open().withTask()
        try database.sql("UPDATE meta SET value = '3' WHERE name = 'schema'")
        #expect(expectRefusal(database.url).contains("newer version"))
        try database.sql("UPDATE meta SET value = '2' WHERE name = 'schema'")
        #expect(try database.open().read { try $0.tasks() }.count == 1)

        let other = try PostgresTestDatabase()
        try other.sql("CREATE TABLE tasks (id INT)")
        #expect(expectRefusal(other.url).contains("tables of another program (tasks)"))
    }

    @Test("A database that is not in UTF-8 is refused")
    func encoding() throws {
        let url = try PostgresCluster.shared().makeDatabase(encoding: "LATIN1")
        #expect(expectRefusal(url).contains("LATIN1"))
    }

    @Test("A role without rights, and a database or server that is not there, are refused")
    func missing() throws {
        let database = try PostgresTestDatabase()
        try database.sql("CREATE ROLE nobody_\(database.name) LOGIN")
        let url = database.url.replacing("sotto@", with: "nobody_\(database.name)@")
        try database.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        #expect(expectRefusal(url).contains("permission denied"))
        #expect(expectRefusal(database.url + "x").contains("does not exist"))
        #expect(expectRefusal("postgres://sotto@127.0.0.1:1/x").hasPrefix("postgres://127.0.0.1:1/x: "))
    }

    @Test("A weaker setting of the server, database or role does not weaken a commit")
    func durability() throws {
        let database = try PostgresTestDatabase()
        try database.sql("ALTER DATABASE \(database.name) SET synchronous_commit = off")
        try database.sql("ALTER DATABASE \(database.name) SET default_transaction_isolation = 'serializable'")
        try database.sql("ALTER DATABASE \(database.name) SET default_transaction_read_only = off")
        let driver = try PostgreSQLDriver(PostgreSQLAddress(database.url))
        func setting(_ name: String, _ connection: any SQLConnection) throws -> String {
            try connection.rows("SELECT current_setting(?)", [.text(name)])[0].text(0)
        }
        try driver.write { (connection) throws in
            #expect(try setting("synchronous_commit", connection) == "on")
            #expect(try setting("transaction_isolation", connection) == "read committed")
            #expect(try setting("lock_timeout", connection) == "20s")
            #expect(try setting("application_name", connection) == "sotto")
        }
        try driver.read { (connection) throws in
            #expect(try setting("transaction_isolation", connection) == "repeatable read")
            #expect(try setting("transaction_read_only", connection) == "on")
        }
        // A stronger one stays.
        try database.sql("ALTER DATABASE \(database.name) SET synchronous_commit = remote_apply")
        let other = try PostgreSQLDriver(PostgreSQLAddress(database.url))
        let strong = try other.write { try setting("synchronous_commit", $0) }
        #expect(strong == "remote_apply")
    }

    @Test("Transactions that lock each other are both made")
    func deadlock() async throws {
        let database = try PostgresTestDatabase()
        let stores = [try database.open(), try database.open()]
        _ = try stores[0].withTask()
        try stores[0].write { try $0.createTask(Samples.task("u"), plan: [], model: []) }
        let runs = Counter()
        let firsts = Counter()
        try await concurrently(2) { index in
            try stores[index].write { session in
                runs.add()
                let names = index == 0 ? ["t", "u"] : ["u", "t"]
                _ = try session.lockTask(names[0])
                firsts.add()
                // Until the other one has its first lock as well; afterwards this holds at once.
                while firsts.value < 2 { usleep(1000) }
                // In a savepoint, which must not swallow it.
                try session.savepoint { _ = try session.lockTask(names[1]) }
                _ = try session.setMeta("\(index)", ifAbsent: [1])
            }
        }
        // PostgreSQL breaks a deadlock after a second, by ending one of the two.
        #expect(runs.value == 3)
        #expect(try stores[0].read { try [$0.meta("0"), $0.meta("1")] } == [[1], [1]])
    }

    @Test("A body that goes on after a failure has not succeeded")
    func swallowed() throws {
        let database = try PostgresTestDatabase()
        let store = try database.open().withRound()
        let before = try Snapshot(store)
        #expect(throws: StoreError.self) {
            try store.write { session in
                try session.createTask(Samples.task("u"), plan: [], model: [])
                try? session.addMember("a", to: Samples.round(), now: 1)
            }
        }
        #expect(try Snapshot(store) == before)
    }

    @Test("A value of another type than the column's, or too few values, are errors")
    func types() throws {
        let driver = try PostgreSQLDriver(PostgreSQLAddress(try PostgresTestDatabase().url))
        for values: [SQLValue] in [[.integer(1)], [.bytes([1])], [], [.text("a"), .text("b")]] {
            #expect(throws: StoreError.self) {
                try driver.write { _ = try $0.rows("SELECT value FROM meta WHERE name = ?", values) }
            }
        }
        let found = try driver.write { connection in
            try connection.rows(
                "SELECT CAST(? AS SMALLINT), CAST(? AS INT), CAST(? AS BIGINT), CAST(? AS BYTEA), CAST(? AS TEXT)",
                [.integer(-2), .integer(-70_000), .integer(.min), .bytes([]), .null]
            )
        }
        #expect(found.map(\.values) == [[.integer(-2), .integer(-70_000), .integer(.min), .bytes([]), .null]])
        #expect(throws: StoreError.self) {
            try driver.write { _ = try $0.rows("SELECT CAST(? AS SMALLINT)", [.integer(40_000)]) }
        }
        #expect(throws: StoreError.self) { try driver.write { _ = try $0.rows("SELECT 1.5", []) } }
    }

    @Test("More threads than connections wait for each other")
    func pool() async throws {
        let database = try PostgresTestDatabase()
        var settings = PostgreSQLSettings()
        settings.connections = 2
        let store = Store(try PostgreSQLDriver(PostgreSQLAddress(database.url), settings: settings))
        try await concurrently(8) { index in
            for number in 0..<5 { try store.write { try $0.addInvite(secretHash: [UInt8(index), UInt8(number)]) } }
        }
        let count = try database.cluster.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database.name)' AND application_name = 'sotto'"
        )
        #expect(count == ["1"] || count == ["2"])
    }

    @Test("A password stands in no message")
    func passwords() throws {
        let secret = "s3cr3t-w0rd"
        for url in [
            "postgres://sotto:\(secret)@127.0.0.1:1/x",
            "postgres://sotto:\(secret)@x@127.0.0.1:1/x",
            "postgres://sotto:\(secret)/x@127.0.0.1:1/x",
            "postgres://sotto:1/\(secret)@127.0.0.1:1/x",
            "postgres://sotto:\(secret)@127.0.0.1:1/x?nonsense=1",
            "postgres://sotto:%zz\(secret)@127.0.0.1:1/x",
            "postgres://127.0.0.1:1/x?password=\(secret)",
            "postgres://sotto:\(secret)@127.0.0.1:\(secret)/x",
            "postgres://sotto:x?\(secret)@127.0.0.1:1/x",
            "postgresql://sotto:\(secret)@no-such-host.invalid/x?connect_timeout=2",
            "http://sotto:\(secret)@127.0.0.1/x",
        ] {
            #expect(!expectRefusal(url).contains(secret), "\(url)")
        }
    }

    @Test("A URL names its place without user and password")
    func addresses() throws {
        func place(_ url: String) throws -> String { try PostgreSQLAddress(url).description }
        #expect(try place("postgres://u:p@db.example/sotto") == "postgres://db.example/sotto")
        #expect(try place("postgresql://db.example:5433/s?sslmode=require") == "postgres://db.example:5433/s")
        #expect(try place("postgres://u@a:1,b:2/s") == "postgres://a:1,b:2/s")
        #expect(try place("postgres://u@[::1]:5432/s") == "postgres://::1:5432/s")
        #expect(try place("postgres://u@%2Fvar%2Frun/s") == "postgres:///var/run/s")
        #expect(try place("postgres:///s?host=/tmp") == "postgres:///tmp/s")
    }
}
