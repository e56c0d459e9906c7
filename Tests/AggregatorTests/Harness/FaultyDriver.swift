// SPDX-License-Identifier: Apache-2.0

import Rounds
import Store
import Synchronization

/// Where a server dies: at its n-th change of the store, just before the transaction is committed or just after it.
final class CrashScript: Sendable {
    enum Moment: Sendable {
        case before
        case after
    }

    private struct State {
        var changes = 0
        var hasCrashed = false
        var isReachable = true
    }

    private let change: Int?
    private let moment: Moment
    private let state = Mutex(State())

    /// - Parameter change: counted from 0; `nil` never crashes and only counts.
    init(atChange change: Int? = nil, _ moment: Moment = .before) {
        self.change = change
        self.moment = moment
    }

    /// Changes that were begun.
    var changes: Int { state.withLock { $0.changes } }

    /// Whether a server has died of this script.
    var hasReachedTheEnd: Bool { state.withLock { state in change.map { state.changes > $0 } ?? false } }

    /// Whether the server that uses the store is dead; a new one begins with ``restart()``.
    var hasCrashed: Bool { state.withLock { $0.hasCrashed } }

    func restart() {
        state.withLock { $0.hasCrashed = false }
    }

    /// Counts a transaction that is about to be committed; throws where the process dies before that.
    ///
    /// - Returns: whether it dies just after.
    func beforeCommit() throws -> Bool {
        let isTheEnd = state.withLock { state in
            let isTheEnd = state.changes == change
            state.changes += 1
            state.hasCrashed = isTheEnd
            return isTheEnd
        }
        if isTheEnd, moment == .before { throw StoreError.database("the process died before a transaction") }
        return isTheEnd
    }

    /// Ends or restores the connection to the database, whatever the script says.
    func setReachable(_ isReachable: Bool) { state.withLock { $0.isReachable = isReachable } }

    func requireLife() throws {
        guard state.withLock({ $0.isReachable }) else { throw StoreError.database("the database cannot be reached") }
        if hasCrashed { throw StoreError.database("the process is dead") }
    }
}

/// A database whose user dies as a script says. Transactions that only note who asked, or renew a lease, are not counted:
/// their number depends on how often somebody asks.
final class FaultyDriver: StoreDriver {
    private let driver: SQLiteDriver
    private let script: CrashScript

    init(path: String, script: CrashScript) throws {
        driver = try SQLiteDriver(path: path)
        self.script = script
    }

    func read<Value>(_ body: (any SQLConnection) throws -> Value) throws -> Value {
        try script.requireLife()
        return try driver.read(body)
    }

    func write<Value>(_ body: (any SQLConnection) throws -> Value) throws -> Value {
        try script.requireLife()
        var diesAfter = false
        let value = try driver.write { connection in
            let watched = WatchedConnection(connection)
            let value = try body(watched)
            diesAfter = try watched.hasChanged && script.beforeCommit()
            return value
        }
        if diesAfter { throw StoreError.database("the process died after a transaction") }
        return value
    }

    func waitForChange(after known: UInt64, milliseconds: Int) -> UInt64 {
        driver.waitForChange(after: known, milliseconds: milliseconds)
    }
    func wake() { driver.wake() }
    var isExclusive: Bool { driver.isExclusive }
    func scrub() { driver.scrub() }
}

private final class WatchedConnection: SQLConnection {
    private let connection: any SQLConnection
    private(set) var hasChanged = false

    init(_ connection: any SQLConnection) {
        self.connection = connection
    }

    var dialect: SQLDialect { connection.dialect }

    func execute(_ sql: String, _ values: [SQLValue]) throws(StoreError) -> Int {
        let changes = try connection.execute(sql, values)
        let isNote = ["nonces", "waiting", "leases"].contains { sql.contains($0) }
        if changes > 0, !isNote { hasChanged = true }
        return changes
    }

    func rows(_ sql: String, _ values: [SQLValue]) throws(StoreError) -> [SQLRow] {
        try connection.rows(sql, values)
    }

    func savepoint<Value>(_ body: () throws -> Value) throws -> Value { try connection.savepoint(body) }
    func notify() throws(StoreError) { try connection.notify() }
}
