// SPDX-License-Identifier: Apache-2.0

import Cryptography
import GRDB
import Rounds
import Store
import TestKit

/// Where the server under test keeps everything; the runs and what must hold after them are the same for all of these.
///
/// Another database is another value: what the server file says of it, how a test reads it afterwards, and what of it is
/// disturbed in a run, for example a database server that is killed and started again.
struct DatabaseUnderTest: Sendable, CustomStringConvertible {
    let description: String
    /// Its lines in the section `[server]` of the server file.
    let setting: String
    /// Opens it, given the server's state folder.
    let open: @Sendable (_ stateFolder: String) throws -> Store
    /// What dies in a run, where that is asked for.
    let server: DatabaseServer?
    /// Runs SQL beside the code under test, and gives rows of columns of text.
    let sql: @Sendable (_ stateFolder: String, _ text: String) throws -> [String]
    /// SQL that keeps in ``keptKeys`` what rounds have when they are opened, because the server erases it when they end.
    let keepsKeys: String

    private static let keptKeys = "CREATE TABLE kept_keys (task TEXT, round BIGINT, attempt BIGINT, sealed TEXT)"

    /// The sealed private keys of all rounds of a task that were ever opened.
    func sealedKeys(_ stateFolder: String, task: String) throws -> [RoundIdentifier: [UInt8]] {
        let rows = try sql(
            stateFolder,
            "SELECT round || ' ' || attempt || ' ' || lower(sealed) FROM kept_keys WHERE task = '\(task)'"
        )
        var keys: [RoundIdentifier: [UInt8]] = [:]
        for row in rows {
            let parts = row.split(separator: " ")
            guard parts.count == 3, let round = Int(parts[0]), let attempt = Int(parts[1]),
                let key = Hexadecimal.bytes(String(parts[2]))
            else { throw TooLate(description: "\(row): is a kept key") }
            keys[RoundIdentifier(task: task, round: round, attempt: attempt)] = key
        }
        return keys
    }

    /// The embedded store.
    static let sqlite = DatabaseUnderTest(
        description: "SQLite",
        setting: "",
        open: { try Store(SQLiteDriver(path: $0 + "/sotto.sqlite")) },
        server: nil,
        sql: { folder, text in
            try DatabaseQueue(path: folder + "/sotto.sqlite").write { database in
                guard text.hasPrefix("SELECT") else {
                    try database.execute(sql: text)
                    return []
                }
                return try String.fetchAll(database, sql: text)
            }
        },
        keepsKeys: """
            \(keptKeys);
            CREATE TRIGGER keep_key AFTER INSERT ON rounds BEGIN
                INSERT INTO kept_keys VALUES (NEW.task, NEW.round, NEW.attempt, hex(NEW.sealed_private_key));
            END
            """
    )

    /// A fresh database of a PostgreSQL server.
    ///
    /// - Parameters:
    ///   - overTCP: whether it is reached so, because what is sent to it counts as calls then.
    ///   - kills: how often the database server dies in a run, at moments drawn from the seed.
    static func postgreSQL(
        _ cluster: PostgresCluster,
        overTCP: Bool = true,
        kills: Int = 0,
        seed: UInt64 = 0
    ) throws -> DatabaseUnderTest {
        let name = String(try cluster.makeDatabase().split(separator: "/").last ?? "")
        let url = cluster.url(name, folder: overTCP ? "127.0.0.1" : nil)
        return DatabaseUnderTest(
            description: kills == 0 ? "PostgreSQL" : "PostgreSQL that is killed \(kills) times",
            setting: """
                database = "\(url)"
                lease-seconds = 1
                """,
            open: { _ in try Store(PostgreSQLDriver(PostgreSQLAddress(url))) },
            server: kills == 0 ? nil : DatabaseServer(cluster, kills: kills, seed: seed),
            sql: { _, text in try cluster.sql(text, database: name) },
            keepsKeys: """
                \(keptKeys);
                CREATE FUNCTION keep_key() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    INSERT INTO kept_keys VALUES (NEW.task, NEW.round, NEW.attempt, encode(NEW.sealed_private_key, 'hex'));
                    RETURN NEW;
                END $$;
                CREATE TRIGGER keep_key AFTER INSERT ON rounds FOR EACH ROW EXECUTE FUNCTION keep_key()
                """
        )
    }
}
