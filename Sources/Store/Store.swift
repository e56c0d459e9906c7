// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What an aggregator remembers: one set of operations in SQL that two databases understand, SQLite and PostgreSQL.
///
/// A transaction reads, decides and writes: the state of a round is in the database and nowhere else, so that any number of
/// servers on one database see the same. The privacy ledger, the round's state and the set of accepted updates change in one
/// transaction, so that a crash at any moment leaves a state from which the same round goes on.
///
/// Calls block; they are made from threads of the aggregator's own, never from Swift's cooperative pool. Secrets (a round's
/// private key, partial sums) come in sealed under a key that is not in the database.
package final class Store: Sendable {
    private let driver: any StoreDriver
    /// The changes that ``waitForChange(milliseconds:)`` has told of.
    private let known = Mutex<UInt64>(0)

    /// - Parameter driver: an open database whose schema is up to date (``StoreSchema``).
    package init(_ driver: any StoreDriver) {
        self.driver = driver
    }

    /// Reads on one state of the database.
    package func read<Value>(_ body: (StoreSession) throws -> Value) throws -> Value {
        try driver.read { try body(StoreSession($0)) }
    }

    /// Changes the database: whole and on disk when this returns, or not at all when it throws. The body may run more than
    /// once, so it changes nothing else.
    @discardableResult
    package func write<Value>(_ body: (StoreSession) throws -> Value) throws -> Value {
        try driver.write { connection in
            let session = StoreSession(connection)
            let value = try body(session)
            try session.tellEvents()
            return value
        }
    }

    /// Waits until something was changed that others wait for (``StoreSession/notify()``) since this was called before, or
    /// the time is over. For one thread; further ones use ``waitForChange(after:milliseconds:)``.
    package func waitForChange(milliseconds: Int) {
        let number = waitForChange(after: known.withLock { $0 }, milliseconds: milliseconds)
        known.withLock { $0 = number }
    }

    /// Waits until something was changed that others wait for, or the time is over. May return early.
    ///
    /// - Parameter known: what this returned before, 0 at first.
    /// - Returns: how many changes are counted.
    package func waitForChange(after known: UInt64, milliseconds: Int) -> UInt64 {
        driver.waitForChange(after: known, milliseconds: milliseconds)
    }

    /// Ends waiting for a change.
    package func wake() { driver.wake() }

    /// Whether no other process can serve from this database.
    package var isExclusive: Bool { driver.isExclusive }

    /// Removes what the database keeps of erased secrets beside its pages, where it can.
    package func scrub() { driver.scrub() }
}

/// The operations of a transaction, by theme in extensions.
package struct StoreSession {
    let connection: any SQLConnection
    let events = PendingEvents()

    package init(_ connection: any SQLConnection) {
        self.connection = connection
    }

    var dialect: SQLDialect { connection.dialect }

    /// Runs a part of the transaction that is undone alone when it throws.
    package func savepoint<Value>(_ body: () throws -> Value) throws -> Value {
        let before = events.list
        do {
            return try connection.savepoint(body)
        } catch {
            events.list = before
            throw error
        }
    }

    /// Wakes everybody who waits for a change, once the transaction is committed.
    package func notify() throws(StoreError) { try connection.notify() }

    @discardableResult
    func execute(_ sql: String, _ values: any SQLConvertible...) throws(StoreError) -> Int {
        try connection.execute(sql, values.map(\.sqlValue))
    }

    func rows(_ sql: String, _ values: any SQLConvertible...) throws(StoreError) -> [SQLRow] {
        try connection.rows(sql, values.map(\.sqlValue))
    }

    func row(_ sql: String, _ values: any SQLConvertible...) throws(StoreError) -> SQLRow? {
        try connection.rows(sql, values.map(\.sqlValue)).first
    }
}

/// What a statement takes as a value.
protocol SQLConvertible {
    var sqlValue: SQLValue { get }
}

extension Int: SQLConvertible {
    var sqlValue: SQLValue { .integer(Int64(self)) }
}

extension UInt64: SQLConvertible {
    var sqlValue: SQLValue { .integer(Int64(clamping: self)) }
}

extension String: SQLConvertible {
    var sqlValue: SQLValue { .text(self) }
}

extension [UInt8]: SQLConvertible {
    var sqlValue: SQLValue { .bytes(self) }
}

extension Optional: SQLConvertible where Wrapped: SQLConvertible {
    var sqlValue: SQLValue { map(\.sqlValue) ?? .null }
}
