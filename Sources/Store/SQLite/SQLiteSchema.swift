// SPDX-License-Identifier: Apache-2.0

internal import GRDB

/// The tables of the embedded store. A change of schema is a further migration; one that shipped is never edited.
enum SQLiteSchema {
    static func migrate(_ queue: DatabaseQueue, path: String) throws {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in try database.execute(sql: first) }
        let newer = try queue.read { database in try migrator.hasBeenSuperseded(database) }
        guard !newer else {
            throw StoreError.database("\(path): was written by a newer version; use that version or a backup")
        }
        try migrator.migrate(queue)
    }

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
