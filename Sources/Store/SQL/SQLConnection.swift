// SPDX-License-Identifier: Apache-2.0

/// One value of a statement or of a row.
package enum SQLValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case text(String)
    case bytes([UInt8])
}

extension String {
    /// The same, unless there is a character 0 in it, which PostgreSQL refuses and at which SQLite would cut.
    func withoutZero() throws(StoreError) -> String {
        guard !utf8.contains(0) else { throw .database("database: text with a character 0 cannot be stored") }
        return self
    }
}

/// One row of an answer. Columns are counted from 0, in the order of the statement.
package struct SQLRow: Sendable {
    package let values: [SQLValue]

    package init(_ values: [SQLValue]) {
        self.values = values
    }

    package func isNull(_ column: Int) -> Bool { values[column] == .null }

    package func integer(_ column: Int) throws(StoreError) -> Int64 {
        guard case .integer(let value) = values[column] else { throw wrong(column, "a whole number") }
        return value
    }

    package func int(_ column: Int) throws(StoreError) -> Int { Int(try integer(column)) }

    /// Milliseconds since 1970.
    package func time(_ column: Int) throws(StoreError) -> UInt64 { UInt64(clamping: try integer(column)) }

    package func optionalTime(_ column: Int) throws(StoreError) -> UInt64? {
        isNull(column) ? nil : try time(column)
    }

    package func text(_ column: Int) throws(StoreError) -> String {
        guard case .text(let value) = values[column] else { throw wrong(column, "text") }
        return value
    }

    package func optionalText(_ column: Int) throws(StoreError) -> String? { isNull(column) ? nil : try text(column) }

    /// Empty where the column is null.
    package func bytes(_ column: Int) throws(StoreError) -> [UInt8] {
        switch values[column] {
        case .bytes(let value): return value
        case .null: return []
        case .integer, .text: throw wrong(column, "bytes")
        }
    }

    private func wrong(_ column: Int, _ expected: String) -> StoreError {
        .database("database: column \(column) of an answer is not \(expected); restore the database from a backup")
    }
}

/// Where the two databases differ in what they are told.
package struct SQLDialect: Hashable, Sendable {
    /// The type of a byte string.
    package let bytes: String
    /// The type of a text that is compared byte by byte, whatever the language of the database.
    package let text: String
    /// A whole number that counts up by itself, as a primary key.
    package let countingKey: String
    /// The time of the database's clock, in milliseconds since 1970.
    package let now: String
    /// Whether rows can be locked, by `FOR UPDATE` and its kin; otherwise a writing transaction is alone anyway.
    package let locksRows: Bool

    package static let sqlite = SQLDialect(
        bytes: "BLOB",
        text: "TEXT",
        countingKey: "INTEGER PRIMARY KEY AUTOINCREMENT",
        now: "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)",
        locksRows: false
    )
    package static let postgreSQL = SQLDialect(
        bytes: "BYTEA",
        text: "TEXT COLLATE \"C\"",
        countingKey: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        now: "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        locksRows: true
    )

    /// Ends a SELECT whose rows nobody else may change or share until the transaction ends.
    package var forUpdate: String { locksRows ? " FOR UPDATE" : "" }
    /// Ends a SELECT whose rows nobody may change until the transaction ends.
    package var forShare: String { locksRows ? " FOR SHARE" : "" }
    /// The same as ``forUpdate``, passing over rows that others have locked.
    package var forUpdateSkippingLocked: String { locksRows ? " FOR UPDATE SKIP LOCKED" : "" }
}

/// A connection within a transaction. Statements name their values by `?`, which occurs in them for nothing else.
package protocol SQLConnection {
    var dialect: SQLDialect { get }

    /// Runs a statement that gives no rows.
    ///
    /// - Returns: the rows that it changed.
    @discardableResult
    func execute(_ sql: String, _ values: [SQLValue]) throws(StoreError) -> Int

    /// Runs a statement that gives rows.
    func rows(_ sql: String, _ values: [SQLValue]) throws(StoreError) -> [SQLRow]

    /// Runs a part of the transaction that is undone alone when it throws.
    func savepoint<Value>(_ body: () throws -> Value) throws -> Value

    /// Wakes everybody who waits for a change, once the transaction is committed.
    func notify() throws(StoreError)
}

/// A database that a ``Store`` is kept in: connections, transactions, durability.
package protocol StoreDriver: AnyObject, Sendable {
    /// Runs a transaction that only reads, on one state of the database.
    func read<Value>(_ body: (any SQLConnection) throws -> Value) throws -> Value

    /// Runs a transaction that may write. When this returns it is on disk; when it throws nothing has changed. The body may
    /// run more than once, where the database asks for it.
    func write<Value>(_ body: (any SQLConnection) throws -> Value) throws -> Value

    /// Waits until another transaction has notified, in this process or another one, or the time is over. May return early.
    ///
    /// - Parameter known: the changes that the caller knows of, 0 for none.
    /// - Returns: the changes that are counted now.
    func waitForChange(after known: UInt64, milliseconds: Int) -> UInt64

    /// Ends every ``waitForChange(after:milliseconds:)`` of this process.
    func wake()

    /// Whether this process is the only one that may serve from the database, so that leases of a process before it are void.
    var isExclusive: Bool { get }

    /// Called after a round's secrets were erased: removes what the database keeps of overwritten pages where it can.
    func scrub()
}
