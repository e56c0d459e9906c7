// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A database on a PostgreSQL server, which any number of processes on any number of machines share.
///
/// Transactions that write are READ COMMITTED and lock rows where they decide; those that meet are tried again as a whole. A
/// broken connection is replaced, and what had surely not been committed is tried again for a while.
package final class PostgreSQLDriver: StoreDriver {
    private let address: PostgreSQLAddress
    private let settings: PostgreSQLSettings
    private let pool: PostgresPool
    private let listener: PostgresListener

    /// Connects, and makes the tables where there are none.
    ///
    /// - Throws: ``StoreError/database(_:)`` when the server cannot be reached or refuses, is older than version 13, does not
    ///   sync its commits, or the database is not in UTF-8 or was written by a newer version.
    package init(_ address: PostgreSQLAddress, settings: PostgreSQLSettings = PostgreSQLSettings()) throws(StoreError) {
        precondition(settings.connections >= 1, "a pool has connections")
        self.address = address
        self.settings = settings
        pool = PostgresPool(address, settings)
        listener = PostgresListener(pool)
        do throws(PostgresFailure) {
            let failure: PostgresFailure? = try pool.withConnection { connection in
                do throws(PostgresFailure) {
                    try PostgreSQLSchema.prepare(connection)
                    try connection.run(CommitFence.forget)
                    return (nil, true)
                } catch {
                    return (error, false)
                }
            }
            if let failure { throw failure }
        } catch {
            throw error.storeError(address.description)
        }
    }

    deinit {
        listener.stop()
    }

    package var isExclusive: Bool { false }

    package func read<Value>(_ body: (any SQLConnection) throws -> Value) throws -> Value {
        try transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", body)
    }

    package func write<Value>(_ body: (any SQLConnection) throws -> Value) throws -> Value {
        try transaction("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", body)
    }

    package func waitForChange(after known: UInt64, milliseconds: Int) -> UInt64 {
        listener.start()
        return listener.changed.wait(after: known, milliseconds: milliseconds)
    }

    package func wake() { listener.changed.signal() }

    /// Frees the space of what was erased, so that it is written over or given back. Until then, and in the server's
    /// write-ahead log, archives and backups even longer, the sealed bytes are still on its disk.
    package func scrub() {
        _ = try? pool.withConnection { connection in
            do throws(PostgresFailure) {
                // A table that another process is cleaning already, or that belongs to another role, is passed over.
                try connection.run("VACUUM (SKIP_LOCKED) rounds, partial_sums, upload_parts")
                return ((), true)
            } catch {
                return ((), !error.isLost)
            }
        }
    }

    // MARK: Transactions

    /// What came of one attempt at a transaction.
    private enum Outcome<Value> {
        case committed(Value)
        /// The body threw, or something failed that would fail again.
        case failed(any Error)
        /// Others were in the way; nothing has changed.
        case collided(PostgresFailure)
        /// The connection broke; nothing has changed.
        case lost(PostgresFailure)
        /// The connection broke while it was being committed.
        case unknown(Value, CommitFence, PostgresFailure)
    }

    private func transaction<Value>(
        _ begin: String,
        _ body: (any SQLConnection) throws -> Value
    ) throws -> Value {
        var patience = Patience(seconds: settings.patienceSeconds)
        var collisions = BackOff(from: 2, to: 200)
        var collided = 0
        while true {
            switch attempt(begin, body) {
            case .committed(let value):
                return value
            case .failed(let error):
                throw error
            case .collided(let failure):
                collided += 1
                guard collided <= settings.collisions else { throw failure.storeError(address.description) }
                collisions.pause()
            case .lost(let failure):
                guard patience.pause() else { throw failure.storeError(address.description) }
            case .unknown(let value, let fence, let failure):
                if try isCommitted(fence, failure) { return value }
                guard patience.pause() else { throw failure.storeError(address.description) }
            }
        }
    }

    private func attempt<Value>(_ begin: String, _ body: (any SQLConnection) throws -> Value) -> Outcome<Value> {
        do throws(PostgresFailure) {
            return try pool.withConnection { connection in
                let outcome = attempt(begin, on: connection, body)
                return switch outcome {
                case .committed, .failed, .collided: (outcome, connection.isIdle)
                case .lost, .unknown: (outcome, false)
                }
            }
        } catch {
            return error.isLost ? .lost(error) : .failed(error.storeError(address.description))
        }
    }

    private func attempt<Value>(
        _ begin: String,
        on connection: PostgresConnection,
        _ body: (any SQLConnection) throws -> Value
    ) -> Outcome<Value> {
        let transaction = PostgresTransaction(connection, place: address.description)
        let value: Value
        do throws(PostgresFailure) {
            try connection.run(begin)
        } catch {
            return error.isLost ? .lost(error) : .failed(error.storeError(address.description))
        }
        do {
            value = try body(transaction)
            // A body that went on after a failure has no transaction any more.
            if let failure = transaction.failure { throw failure.storeError(address.description) }
        } catch {
            if let failure = transaction.failure, failure.isLost { return .lost(failure) }
            _ = try? connection.run("ROLLBACK")
            if let failure = transaction.failure, failure.isCollision { return .collided(failure) }
            return .failed(error)
        }
        return commit(value, transaction, on: connection)
    }

    private func commit<Value>(
        _ value: Value,
        _ transaction: PostgresTransaction,
        on connection: PostgresConnection
    ) -> Outcome<Value> {
        do throws(PostgresFailure) {
            let isWriting = transaction.hasWritten
            let result = try connection.run(isWriting ? connection.fence.next() + "; COMMIT" : "COMMIT")
            guard result.command == "COMMIT" else {
                return .failed(
                    StoreError.database("\(address.description): the server rolled back what it should commit")
                )
            }
            return .committed(value)
        } catch {
            // What has changed nothing needs no commit.
            if error.isLost {
                return transaction.hasWritten ? .unknown(value, connection.fence, error) : .committed(value)
            }
            _ = try? connection.run("ROLLBACK")
            return error.isCollision ? .collided(error) : .failed(error.storeError(address.description))
        }
    }

    /// Asks until the server answers whether a commit was made.
    private func isCommitted(_ fence: CommitFence, _ failure: PostgresFailure) throws(StoreError) -> Bool {
        var patience = Patience(seconds: 3 * settings.patienceSeconds)
        var last = failure
        repeat {
            do throws(PostgresFailure) {
                let answer = try pool.withConnection { connection in
                    do throws(PostgresFailure) {
                        return (Result<Bool, PostgresFailure>.success(try fence.isCommitted(connection)), true)
                    } catch {
                        return (.failure(error), !error.isLost)
                    }
                }
                return try answer.get()
            } catch {
                last = error
            }
        } while patience.pause()
        throw .database(
            "\(address.description): the connection broke in a commit, and whether it was made cannot be found out: \(last.message)"
        )
    }
}

/// Tries again for a while.
private struct Patience {
    private let seconds: Int
    private var end: ContinuousClock.Instant?
    private var pauses = BackOff()

    init(seconds: Int) {
        self.seconds = seconds
    }

    /// Waits for the next try; the time counts from the first call.
    ///
    /// - Returns: `false` when it is over.
    mutating func pause() -> Bool {
        let clock = ContinuousClock()
        let end = self.end ?? clock.now + .seconds(seconds)
        self.end = end
        guard clock.now < end else { return false }
        pauses.pause()
        return true
    }
}
