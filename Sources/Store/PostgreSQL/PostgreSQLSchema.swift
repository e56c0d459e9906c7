// SPDX-License-Identifier: Apache-2.0

/// Makes the tables, or sees that they are of the version that this code reads and writes.
///
/// The version stands in `meta` under `schema`, in decimal digits. Servers that start at the same time queue up behind an
/// advisory lock, which ends with the transaction.
enum PostgreSQLSchema {
    /// Any number that other programs on the same database hardly use: "sotto" in ASCII.
    private static let lock = 0x73_6F_74_74_6F

    /// Checks what is to be relied on of the server, and makes the tables in an empty database.
    static func prepare(_ connection: PostgresConnection) throws(PostgresFailure) {
        let encoding = try connection.run("SHOW server_encoding").text
        guard encoding == "UTF8" else {
            throw refusal("has the encoding \(encoding ?? "unknown"); make the database with ENCODING 'UTF8'")
        }
        guard try connection.run("SHOW fsync").text == "on" else {
            throw refusal("runs with fsync off, so that a power cut would lose spent privacy; turn it on")
        }
        guard try connection.run("SELECT current_schema()").text != nil else {
            throw refusal("has no schema that the role may use; see its search_path")
        }
        // Another process may hold the lock while it makes the tables.
        try connection.run(
            "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(\(lock))"
        )
        do throws(PostgresFailure) {
            try migrate(connection)
            try connection.run("COMMIT")
        } catch {
            if !error.isLost { _ = try? connection.run("ROLLBACK") }
            throw error
        }
    }

    private static func migrate(_ connection: PostgresConnection) throws(PostgresFailure) {
        let ours = (names + ["last_commits"]).map { "'\($0)'" }.joined(separator: ", ")
        let there = try connection.run(
            """
            SELECT string_agg(tablename, ', ') FROM pg_catalog.pg_tables
            WHERE schemaname = current_schema() AND tablename IN (\(ours))
            """
        ).text
        guard let there else {
            for statement in StoreSchema.create(.postgreSQL) + own { try connection.run(statement) }
            try connection.run("INSERT INTO meta (name, value) VALUES ('schema', '\(StoreSchema.version)')")
            return
        }
        guard there.split(separator: ", ").contains("meta"),
            let text = try connection.run("SELECT convert_from(value, 'UTF8') FROM meta WHERE name = 'schema'").text,
            let version = Int(text)
        else { throw refusal("has tables of another program (\(there)); give Sotto a database or schema of its own") }
        guard version <= StoreSchema.version else {
            throw refusal("was written by a newer version; use that version or a backup")
        }
        guard version == StoreSchema.version else {
            throw refusal("has schema \(version), which never shipped for PostgreSQL; restore a backup")
        }
    }

    private static let names = StoreSchema.tableNames

    /// What the other database does not need.
    private static let own = [
        // By a row for each connection it is known whether its last commit was made (``CommitFence``).
        """
        CREATE TABLE last_commits (
            connection TEXT COLLATE "C" PRIMARY KEY,
            number BIGINT NOT NULL,
            fence BIGINT,
            at TIMESTAMPTZ NOT NULL,
            CONSTRAINT not_beyond_fence CHECK (number <= fence)
        ) WITH (fillfactor = 50)
        """,
        // Sealed bytes and models do not get smaller by compression.
        "ALTER TABLE partial_sums ALTER COLUMN sealed_sum SET STORAGE EXTERNAL",
        "ALTER TABLE upload_parts ALTER COLUMN bytes SET STORAGE EXTERNAL",
        "ALTER TABLE blobs ALTER COLUMN bytes SET STORAGE EXTERNAL",
    ]

    private static func refusal(_ message: String) -> PostgresFailure {
        PostgresFailure(state: "", message: message, isLost: false)
    }
}
