// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import GRDB

/// The embedded database: one SQLite file in WAL mode, synced at every commit.
///
/// Several processes of one machine may open it (the server and its command line tool); SQLite serialises their writes, and
/// readers never wait. A file on a network file system is refused, because SQLite's locks do not hold there.
package final class SQLiteDriver: StoreDriver {
    private let pool: DatabasePool
    private let path: String
    private let changed = ChangeSignal()

    /// Opens or makes the database, and brings an older schema up to date.
    ///
    /// - Throws: ``StoreError/database(_:)`` when the file is not such a database, its schema is newer than this code, or
    ///   it lies on a network file system.
    package init(path: String) throws(StoreError) {
        self.path = path
        try FileSystemKind.check(path)
        pool = try Self.translating(path) {
            var configuration = Configuration()
            configuration.busyMode = .timeout(10)
            configuration.maximumReaderCount = 4
            configuration.prepareDatabase { database in
                // An erased key must not linger in free pages, and a committed spend must survive a power cut.
                try database.execute(sql: "PRAGMA secure_delete = ON")
                try database.execute(sql: "PRAGMA synchronous = FULL")
            }
            let pool = try DatabasePool(path: path, configuration: configuration)
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try SQLiteMigrations.migrate(pool, path: path)
            return pool
        }
    }

    package var isExclusive: Bool { true }

    /// Whether a commit is on disk when it returns (SQLite's `synchronous` at FULL or above), so that a power cut takes
    /// nothing back that was acknowledged.
    package var syncsEveryCommit: Bool {
        get throws(StoreError) {
            try Self.translating(path) {
                try pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") ?? 0 >= 2 }
            }
        }
    }

    package func read<Value>(_ body: (any SQLConnection) throws -> Value) throws -> Value {
        try Self.passing(path) { try pool.read { try body(SQLiteConnection($0)) } }
    }

    package func write<Value>(_ body: (any SQLConnection) throws -> Value) throws -> Value {
        var notifies = false
        let value = try Self.passing(path) {
            try pool.write { database in
                let connection = SQLiteConnection(database)
                defer { notifies = connection.notifies }
                return try body(connection)
            }
        }
        if notifies { wake() }
        return value
    }

    package func waitForChange(after known: UInt64, milliseconds: Int) -> UInt64 {
        changed.wait(after: known, milliseconds: milliseconds)
    }

    package func wake() { changed.signal() }

    /// Moves the write-ahead log into the database and cuts it to nothing. While another process reads, the log stays for
    /// the next time.
    package func scrub() {
        _ = try? pool.writeWithoutTransaction { database in try database.checkpoint(.truncate) }
    }

    /// Gives the database's own failures one line, and lets those of the body pass.
    private static func passing<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError {
            throw storeError(error, path)
        }
    }

    private static func translating<Value>(_ path: String, _ body: () throws -> Value) throws(StoreError) -> Value {
        do {
            return try body()
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError {
            throw storeError(error, path)
        } catch {
            throw .database("\(path): \(error)")
        }
    }

    fileprivate static func storeError(_ error: DatabaseError, _ path: String) -> StoreError {
        if error.resultCode == .SQLITE_CONSTRAINT {
            return .conflict("\(path): another process has changed the same round or name; look again and retry")
        }
        if error.resultCode == .SQLITE_IOERR {
            return .database(
                "\(path): disk I/O error (SQLite code \(error.extendedResultCode.rawValue)); its disk is full or fails"
            )
        }
        return .database(
            "\(path): \(error.message ?? "database error") (SQLite code \(error.resultCode.rawValue))"
        )
    }
}

/// A transaction of SQLite's.
private final class SQLiteConnection: SQLConnection {
    private let database: Database
    private(set) var notifies = false

    init(_ database: Database) {
        self.database = database
    }

    var dialect: SQLDialect { .sqlite }

    func execute(_ sql: String, _ values: [SQLValue]) throws(StoreError) -> Int {
        try translating {
            let statement = try database.cachedStatement(sql: sql)
            try statement.execute(arguments: try Self.arguments(values))
            return database.changesCount
        }
    }

    func rows(_ sql: String, _ values: [SQLValue]) throws(StoreError) -> [SQLRow] {
        try translating {
            let statement = try database.cachedStatement(sql: sql)
            return try Row.fetchAll(statement, arguments: try Self.arguments(values)).map { row in
                SQLRow(row.databaseValues.map(Self.value))
            }
        }
    }

    func savepoint<Value>(_ body: () throws -> Value) throws -> Value {
        var value: Value?
        try database.inSavepoint {
            value = try body()
            return .commit
        }
        guard let value else { preconditionFailure("a savepoint that did not throw has a value") }
        return value
    }

    func notify() { notifies = true }

    private func translating<Value>(_ body: () throws -> Value) throws(StoreError) -> Value {
        do {
            return try body()
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError {
            throw SQLiteDriver.storeError(error, "database")
        } catch {
            throw .database("database: \(error)")
        }
    }

    private static func arguments(_ values: [SQLValue]) throws(StoreError) -> StatementArguments {
        StatementArguments(
            try values.map { (value) throws(StoreError) -> (any DatabaseValueConvertible)? in
                switch value {
                case .null: nil
                case .integer(let integer): integer
                case .text(let text): try text.withoutZero()
                case .bytes(let bytes): Data(bytes)
                }
            }
        )
    }

    private static func value(_ value: DatabaseValue) -> SQLValue {
        switch value.storage {
        case .null: .null
        case .int64(let integer): .integer(integer)
        case .double(let double): .integer(Int64(double))
        case .string(let text): .text(text)
        case .blob(let data): .bytes([UInt8](data))
        }
    }
}
