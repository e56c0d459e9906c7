// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import GRDB
internal import Rounds

/// The embedded store: one SQLite file in WAL mode, synced at every commit.
///
/// Several processes of one machine may open it (the server and its command line tool); SQLite serialises their writes. A
/// file on a network file system is not supported, because SQLite's locks do not hold there.
package final class SQLiteStore: Store {
    let database: DatabaseQueue
    private let path: String

    /// Opens or makes the database, and brings an older schema up to date.
    ///
    /// - Throws: ``StoreError/database(_:)`` when the file is not such a database or its schema is newer than this code.
    package init(path: String) throws(StoreError) {
        self.path = path
        database = try Self.translating(path) {
            var configuration = Configuration()
            configuration.journalMode = .wal
            configuration.busyMode = .timeout(10)
            configuration.prepareDatabase { database in
                // An erased key must not linger in free pages.
                try database.execute(sql: "PRAGMA secure_delete = ON")
            }
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            // A committed spend must survive a power cut. Opening in WAL mode sets NORMAL, so this comes after it.
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try SQLiteSchema.migrate(queue, path: path)
            return queue
        }
    }

    /// Whether the connection syncs the log at every commit (SQLite's `synchronous` at FULL or above), so that a power cut
    /// takes nothing back that was acknowledged.
    package var syncsEveryCommit: Bool {
        get throws(StoreError) { try read { try Int.fetchOne($0, sql: "PRAGMA synchronous") ?? 0 >= 2 } }
    }

    /// Runs a transaction and gives its failures one line.
    func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        try Self.translating(path) { try database.write(body) }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        try Self.translating(path) { try database.read(body) }
    }

    /// Moves the write-ahead log into the database and cuts it to nothing, so that what was erased is not found in it. While
    /// another process reads, the log stays for the next time.
    func emptyLog() {
        _ = try? database.writeWithoutTransaction { database in try database.checkpoint(.truncate) }
    }

    private static func translating<Value>(_ path: String, _ body: () throws -> Value) throws(StoreError) -> Value {
        do {
            return try body()
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            throw .conflict("\(path): another process has changed the same round or name; look again and retry")
        } catch let error as DatabaseError {
            throw .database("\(path): \(error.message ?? "database error") (SQLite code \(error.resultCode.rawValue))")
        } catch {
            throw .database("\(path): \(error)")
        }
    }
}

extension Array where Element == UInt8 {
    /// GRDB stores `Data`; the rest of the code has bytes.
    var blob: Data { Data(self) }
}

extension Row {
    func bytes(_ column: String) -> [UInt8] {
        let data: Data = self[column]
        return [UInt8](data)
    }
}
