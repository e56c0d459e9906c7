// SPDX-License-Identifier: Apache-2.0

import GRDB
import Glibc
import Store
import TestKit
import Testing

@Suite("The embedded store's file")
struct SQLiteStoreTests {
    let database: SQLiteTestDatabase

    init() throws {
        database = try SQLiteTestDatabase()
    }

    /// Expects opening `path` to be refused in one line that names it.
    @discardableResult
    func expectRefusal(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) -> String {
        let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) { try SQLiteDriver(path: path) }
        guard case .database(let line) = error else {
            Issue.record("not a database error", sourceLocation: sourceLocation)
            return ""
        }
        #expect(line.hasPrefix(path + ": ") && !line.contains("\n"), "\(line)", sourceLocation: sourceLocation)
        return line
    }

    @Test("It is written ahead and synced at every commit")
    func settings() throws {
        let fresh = try SQLiteDriver(path: database.path)
        #expect(try fresh.syncsEveryCommit)
        let store = try database.open().withTask()
        let bytes = try database.folder.bytes(of: "sotto.sqlite")
        // The SQLite file format: bytes 18 and 19 are 2 for a database with a write-ahead log.
        #expect(bytes[18] == 2 && bytes[19] == 2)
        #expect(try database.folder.names.contains("sotto.sqlite-wal"))
        withExtendedLifetime((store, fresh)) {}
    }

    @Test("A schema of a newer version is refused, and left alone")
    func newerSchema() throws {
        _ = try database.open().withTask()
        let queue = try DatabaseQueue(path: database.path)
        try queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('later')") }
        let line = expectRefusal(database.path)
        #expect(line.contains("newer version"))
        try queue.write { try $0.execute(sql: "DELETE FROM grdb_migrations WHERE identifier = 'later'") }
        #expect(try database.open().read { try $0.tasks() }.map(\.name) == ["t"])
    }

    @Test("A file that is no database is refused, and left alone")
    func notADatabase() throws {
        let text = Array("This is a letter and not a database, though it is long enough to be one. ".utf8)
        let bytes = Array(repeatElement(text, count: 100).joined())
        try database.folder.put(bytes, in: "letter")
        expectRefusal(database.folder.file("letter"))
        #expect(try database.folder.bytes(of: "letter") == bytes)
    }

    @Test("A folder, and a place that is missing, are refused")
    func noPlace() throws {
        expectRefusal(database.folder.path)
        expectRefusal(database.folder.file("missing/sotto.sqlite"))
    }

    @Test("A file that may not be read is refused")
    func unreadable() async throws {
        _ = try database.open().withTask()
        try database.folder.setMode(0, of: "sotto.sqlite")
        await #expect(processExitsWith: .success) { [path = database.path as String] in
            // The superuser reads everything.
            if geteuid() == 0 { #expect(setuid(65_534) == 0) }
            let error = #expect(throws: StoreError.self) { try SQLiteDriver(path: path) }
            #expect(error?.description.hasPrefix(path + ": ") == true)
        }
    }

    @Test("A damaged page is an error, never another content")
    func damagedPage() throws {
        _ = try database.open().withRound()
        var bytes = try database.folder.bytes(of: "sotto.sqlite")
        for index in 4096..<bytes.count { bytes[index] = 0xFF }
        try database.folder.put(bytes, in: "sotto.sqlite")
        #expect(throws: StoreError.self) {
            let store = Store(try SQLiteDriver(path: database.path))
            _ = try Snapshot(store)
        }
    }
}
