// SPDX-License-Identifier: Apache-2.0

import GRDB
import Store
import TestKit
import Testing

/// A kind of database. Every conformance test runs on each of ``all``.
struct Backend: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let makeDatabase: @Sendable () throws -> any TestDatabase

    static let sqlite = Backend(testDescription: "SQLite") { try SQLiteTestDatabase() }
    static let postgreSQL = Backend(testDescription: "PostgreSQL") { try PostgresTestDatabase() }
    static let all = PostgresCluster.isInstalled ? [sqlite, postgreSQL] : [sqlite]
}

/// One fresh database, which several stores can have open at once, as several processes would.
protocol TestDatabase {
    func open() throws -> Store
    /// Whether the bytes are anywhere in what the database keeps.
    func holds(_ bytes: [UInt8]) throws -> Bool
    /// Runs SQL beside the code under test.
    func sql(_ text: String) throws
}

struct SQLiteTestDatabase: TestDatabase {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    var path: String { folder.file("sotto.sqlite") }

    func open() throws -> Store { Store(try SQLiteDriver(path: path)) }

    func holds(_ bytes: [UInt8]) throws -> Bool {
        try folder.names.contains { name in try folder.bytes(of: name).holds(bytes) }
    }

    func sql(_ text: String) throws {
        try DatabaseQueue(path: path).write { try $0.execute(sql: text) }
    }
}

struct PostgresTestDatabase: TestDatabase {
    let cluster: PostgresCluster
    let url: String

    init() throws {
        cluster = try PostgresCluster.shared()
        url = try cluster.makeDatabase()
    }

    var name: String { String(url.split(separator: "/").last ?? "") }

    func open() throws -> Store { Store(try PostgreSQLDriver(PostgreSQLAddress(url))) }

    func holds(_ bytes: [UInt8]) throws -> Bool {
        try cluster.holds(bytes, database: name)
    }

    func sql(_ text: String) throws { try cluster.sql(text, database: name) }
}
