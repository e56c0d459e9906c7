// SPDX-License-Identifier: Apache-2.0

/// A transaction of PostgreSQL's, as its body sees it.
///
/// After a failure PostgreSQL takes no more statements until the transaction, or the savepoint, is rolled back. What failed
/// is remembered, so that a body that goes on in spite of it does not seem to have succeeded.
final class PostgresTransaction: SQLConnection {
    private let connection: PostgresConnection
    private let place: String
    private var savepoints = 0
    /// What makes the transaction as a whole impossible.
    private(set) var failure: PostgresFailure?
    /// Whether something was changed, so that a commit matters.
    private(set) var hasWritten = false

    init(_ connection: PostgresConnection, place: String) {
        self.connection = connection
        self.place = place
    }

    var dialect: SQLDialect { .postgreSQL }

    func execute(_ sql: String, _ values: [SQLValue]) throws(StoreError) -> Int {
        let result = try run(sql, values)
        let changes = result.changes
        if changes > 0 { hasWritten = true }
        return changes
    }

    func rows(_ sql: String, _ values: [SQLValue]) throws(StoreError) -> [SQLRow] {
        let result = try run(sql, values)
        // INSERT, UPDATE and DELETE give rows as well, by RETURNING.
        if !result.command.hasPrefix("SELECT") { hasWritten = true }
        return try translating { () throws(PostgresFailure) in try result.rows() }
    }

    func notify() throws(StoreError) {
        try translating { () throws(PostgresFailure) in _ = try connection.run("NOTIFY \(PostgresListener.channel)") }
        hasWritten = true
    }

    func savepoint<Value>(_ body: () throws -> Value) throws -> Value {
        let name = "p\(savepoints)"
        savepoints += 1
        defer { savepoints -= 1 }
        try translating { () throws(PostgresFailure) in _ = try connection.run("SAVEPOINT \(name)") }
        let value: Value
        do {
            value = try body()
        } catch {
            // A lost connection or a collision is nothing that a part of the transaction can be rid of.
            if let failure, failure.isLost || failure.isCollision { throw error }
            failure = nil
            try translating { () throws(PostgresFailure) in
                _ = try connection.run("ROLLBACK TO SAVEPOINT \(name); RELEASE SAVEPOINT \(name)")
            }
            throw error
        }
        try translating { () throws(PostgresFailure) in _ = try connection.run("RELEASE SAVEPOINT \(name)") }
        return value
    }

    private func run(_ sql: String, _ values: [SQLValue]) throws(StoreError) -> PostgresResult {
        for case .text(let text) in values { _ = try text.withoutZero() }
        return try translating { () throws(PostgresFailure) in try connection.run(sql, values) }
    }

    private func translating<Value>(_ body: () throws(PostgresFailure) -> Value) throws(StoreError) -> Value {
        if let failure { throw failure.storeError(place) }
        do {
            return try body()
        } catch {
            failure = error
            throw error.storeError(place)
        }
    }
}
