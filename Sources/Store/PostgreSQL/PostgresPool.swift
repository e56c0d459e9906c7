// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Synchronization

/// The connections of one process, made when they are needed and kept for the next time.
final class PostgresPool: Sendable {
    private let address: PostgreSQLAddress
    private let settings: PostgreSQLSettings
    private let free: DispatchSemaphore
    private let idle = Mutex(Idle())

    /// Safe to send because a connection is either here, behind the lock, or with the one thread that took it.
    private struct Idle: @unchecked Sendable {
        var connections: [PostgresConnection] = []
    }

    init(_ address: PostgreSQLAddress, _ settings: PostgreSQLSettings) {
        self.address = address
        self.settings = settings
        free = DispatchSemaphore(value: settings.connections)
    }

    /// Lends a connection to the body; waits while all are in use.
    ///
    /// - Parameter body: says whether the connection can be used again.
    func withConnection<Value>(
        _ body: (PostgresConnection) -> (value: Value, isUsable: Bool)
    ) throws(PostgresFailure) -> Value {
        guard free.wait(timeout: .now() + .seconds(settings.statementSeconds)) == .success else {
            throw PostgresFailure(
                state: "",
                message: "all \(settings.connections) connections are in use for \(settings.statementSeconds) seconds",
                isLost: false
            )
        }
        defer { free.signal() }
        let connection = try taken()
        let (value, isUsable) = body(connection)
        if isUsable {
            idle.withLock { $0.connections.append(connection) }
        } else {
            // Whatever broke one has most likely broken the others.
            idle.withLock { $0.connections.removeAll() }
        }
        return value
    }

    private func taken() throws(PostgresFailure) -> PostgresConnection {
        if let connection = idle.withLock({ $0.connections.popLast() }) { return connection }
        return try connect()
    }

    /// A new connection with the session's settings; none of the server's defaults are relied on.
    func connect() throws(PostgresFailure) -> PostgresConnection {
        let connection = try PostgresConnection(address, applicationName: settings.applicationName)
        guard connection.serverVersion >= 130_000 else {
            throw PostgresFailure(
                state: "",
                message: "is PostgreSQL \(connection.serverVersion / 10_000); Sotto needs version 13 or later",
                isLost: false
            )
        }
        try connection.run(
            """
            SET statement_timeout = '\(settings.statementSeconds)s';
            SET lock_timeout = '\(settings.lockSeconds)s';
            SET idle_in_transaction_session_timeout = '\(settings.statementSeconds)s';
            SET tcp_keepalives_idle = 30;
            SET tcp_keepalives_interval = 10;
            SET tcp_keepalives_count = 3;
            SET standard_conforming_strings = on;
            SELECT set_config('synchronous_commit', 'on', FALSE)
                WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
            """
        )
        return connection
    }
}

/// How a process uses PostgreSQL.
package struct PostgreSQLSettings: Sendable {
    /// Connections for transactions, at least 1; one more waits for changes.
    package var connections = 4
    /// How long a statement may take, and how long a transaction may wait between two.
    package var statementSeconds = 60
    /// How long a transaction waits for one that has locked what it needs.
    package var lockSeconds = 20
    /// For how long a server that cannot be reached is tried again before a transaction fails.
    package var patienceSeconds = 10
    /// How often a transaction that collides with others is tried again.
    package var collisions = 30
    /// By which administrators know the connections.
    package var applicationName = "sotto"

    package init() {}
}
