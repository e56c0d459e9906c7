// SPDX-License-Identifier: Apache-2.0

internal import GRDB

/// Brings a SQLite file to the schema of ``StoreSchema``. One that shipped is never edited.
enum SQLiteMigrations {
    static func migrate(_ pool: DatabasePool, path: String) throws {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in try database.execute(sql: first) }
        migrator.registerMigration("2") { database in try moveToVersion2(database, path: path) }
        let newer = try pool.read { database in try migrator.hasBeenSuperseded(database) }
        guard !newer else {
            throw StoreError.database("\(path): was written by a newer version; use that version or a backup")
        }
        try migrator.migrate(pool)
    }

    /// Makes the tables of version 2 beside the old ones, copies, and removes those. Receipts are counted from now on, as
    /// clients count those that say their number. A round that is open cannot be taken
    /// along, because its sum was kept in another way.
    private static func moveToVersion2(_ database: Database, path: String) throws {
        let open = try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM rounds WHERE state = 'open'") ?? 0
        guard open == 0 else {
            throw StoreError.database(
                "\(path): has an open round of an older version; let that version finish it (pause its tasks), then update"
            )
        }
        let old = ["invites", "clients", "nonces", "blobs", "tasks", "rounds", "members", "updates", "ledger"]
        try database.execute(sql: "DROP INDEX nonces_by_expiry; DROP INDEX one_open_round")
        for table in old { try database.execute(sql: "ALTER TABLE \(table) RENAME TO old_\(table)") }
        for statement in StoreSchema.create(.sqlite) { try database.execute(sql: statement) }
        for (table, columns) in copied {
            try database.execute(sql: "INSERT INTO \(table) (\(columns)) SELECT \(columns) FROM old_\(table)")
        }
        try database.execute(
            sql: """
                INSERT INTO rounds (task, round, attempt, state, plan_hash, model_hash, key_id, public_key, opened_at,
                    expected, members, ended_at, result)
                SELECT r.task, r.round, r.attempt, r.state, t.plan_hash, r.model_hash, r.key_id, r.public_key,
                    r.opened_at, 0, (SELECT COUNT(*) FROM old_members m WHERE m.task = r.task AND m.round = r.round
                    AND m.attempt = r.attempt), r.opened_at, r.result FROM old_rounds r JOIN old_tasks t ON t.name = r.task;

                INSERT INTO members (client, task, round, attempt, joined_at)
                SELECT client, task, round, attempt, 0 FROM old_members;

                INSERT INTO updates (task, round, attempt, client, body_hash, bytes_up, ledger_index, ledger_head, receipts)
                SELECT task, round, attempt, client, body_hash, bytes_up, 0, x'', 0 FROM old_updates;
                """
        )
        for table in old { try database.execute(sql: "DROP TABLE old_\(table)") }
    }

    private static let copied = [
        ("invites", "secret_hash, client"),
        ("clients", "name, public_key"),
        ("nonces", "client, nonce, expires"),
        ("blobs", "hash, bytes"),
        (
            "tasks",
            """
            id, name, population, plan_hash, status, status_reason, round, model_hash, optimizer_state, evaluation_data
            """
        ),
        ("ledger", "population, position, entry"),
    ]

    private static let first = """
        CREATE TABLE invites (
            secret_hash BLOB PRIMARY KEY,
            client TEXT
        ) WITHOUT ROWID;

        CREATE TABLE clients (
            name TEXT PRIMARY KEY,
            public_key BLOB NOT NULL UNIQUE
        ) WITHOUT ROWID;

        CREATE TABLE nonces (
            client TEXT NOT NULL,
            nonce BLOB NOT NULL,
            expires INTEGER NOT NULL,
            PRIMARY KEY (client, nonce)
        ) WITHOUT ROWID;
        CREATE INDEX nonces_by_expiry ON nonces (expires);

        CREATE TABLE blobs (
            hash BLOB PRIMARY KEY,
            bytes BLOB NOT NULL
        );

        CREATE TABLE tasks (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            population TEXT NOT NULL,
            plan_hash BLOB NOT NULL,
            status TEXT NOT NULL,
            status_reason TEXT NOT NULL,
            round INTEGER NOT NULL,
            model_hash BLOB NOT NULL,
            optimizer_state BLOB NOT NULL,
            evaluation_data TEXT NOT NULL
        );

        CREATE TABLE rounds (
            task TEXT NOT NULL,
            round INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'abandoned')),
            model_hash BLOB NOT NULL,
            key_id TEXT NOT NULL,
            public_key BLOB NOT NULL,
            sealed_private_key BLOB,
            sealed_sum BLOB,
            opened_at INTEGER NOT NULL,
            closes_at INTEGER,
            result TEXT,
            PRIMARY KEY (task, round, attempt)
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX one_open_round ON rounds (task) WHERE state = 'open';

        CREATE TABLE members (
            task TEXT NOT NULL,
            round INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            position INTEGER NOT NULL,
            client TEXT NOT NULL,
            PRIMARY KEY (task, round, attempt, client)
        ) WITHOUT ROWID;

        CREATE TABLE updates (
            task TEXT NOT NULL,
            round INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            client TEXT NOT NULL,
            body_hash BLOB NOT NULL,
            receipt BLOB NOT NULL,
            bytes_up INTEGER NOT NULL,
            PRIMARY KEY (task, round, attempt, client)
        ) WITHOUT ROWID;

        CREATE TABLE ledger (
            population TEXT NOT NULL,
            position INTEGER NOT NULL,
            entry BLOB NOT NULL,
            PRIMARY KEY (population, position)
        ) WITHOUT ROWID;
        """
}
