// SPDX-License-Identifier: Apache-2.0

/// The tables, in the words of both databases. A change is a further version; one that shipped is never edited.
package enum StoreSchema {
    /// The version that this code reads and writes. SQLite files of version 1 are brought up to date.
    package static let version = 2

    /// The statements that make an empty database one of version 2.
    package static func create(_ dialect: SQLDialect) -> [String] {
        tables.map { sql in
            sql.replacing("{bytes}", with: dialect.bytes).replacing("{text}", with: dialect.text)
                .replacing("{counting key}", with: dialect.countingKey)
        }
    }

    /// The names of the tables.
    package static let tableNames = tables.compactMap { sql in
        sql.hasPrefix("CREATE TABLE ") ? String(sql.dropFirst("CREATE TABLE ".count).prefix { $0 != " " }) : nil
    }

    private static let tables = [
        """
        CREATE TABLE meta (
            name {text} PRIMARY KEY,
            value {bytes} NOT NULL
        )
        """,
        """
        CREATE TABLE invites (
            secret_hash {bytes} PRIMARY KEY,
            client {text},
            created_at BIGINT NOT NULL DEFAULT 0,
            expires_at BIGINT,
            revoked_at BIGINT,
            note {text} NOT NULL DEFAULT '',
            server_key {bytes}
        )
        """,
        """
        CREATE TABLE clients (
            name {text} PRIMARY KEY,
            public_key {bytes} NOT NULL UNIQUE,
            enrolled_at BIGINT NOT NULL DEFAULT 0,
            revoked_at BIGINT,
            receipts BIGINT NOT NULL DEFAULT 0
        )
        """,
        """
        CREATE TABLE nonces (
            client {text} NOT NULL,
            nonce {bytes} NOT NULL,
            expires BIGINT NOT NULL,
            PRIMARY KEY (client, nonce)
        )
        """,
        "CREATE INDEX nonces_by_expiry ON nonces (expires)",
        """
        CREATE TABLE blobs (
            hash {bytes} PRIMARY KEY,
            bytes {bytes} NOT NULL
        )
        """,
        """
        CREATE TABLE tasks (
            id {counting key},
            name {text} NOT NULL UNIQUE,
            population {text} NOT NULL,
            plan_hash {bytes} NOT NULL,
            status {text} NOT NULL,
            status_reason {text} NOT NULL,
            round BIGINT NOT NULL,
            model_hash {bytes} NOT NULL,
            optimizer_state {bytes} NOT NULL,
            evaluation_data {text} NOT NULL
        )
        """,
        """
        CREATE TABLE rounds (
            task {text} NOT NULL,
            round BIGINT NOT NULL,
            attempt BIGINT NOT NULL,
            state {text} NOT NULL CHECK (state IN ('open', 'closing', 'committed', 'abandoned')),
            plan_hash {bytes} NOT NULL,
            model_hash {bytes} NOT NULL,
            key_id {text} NOT NULL,
            public_key {bytes} NOT NULL,
            sealed_private_key {bytes},
            opened_at BIGINT NOT NULL,
            expected BIGINT NOT NULL,
            members BIGINT NOT NULL DEFAULT 0,
            configures_until BIGINT NOT NULL DEFAULT 0,
            closes_at BIGINT,
            ended_at BIGINT,
            result {text},
            model_after {bytes},
            optimizer_after {bytes},
            PRIMARY KEY (task, round, attempt)
        )
        """,
        "CREATE UNIQUE INDEX one_open_round ON rounds (task) WHERE state IN ('open', 'closing')",
        "CREATE INDEX kept_models ON rounds (task, round) WHERE optimizer_after IS NOT NULL",
        """
        CREATE TABLE members (
            client {text} NOT NULL,
            task {text} NOT NULL,
            round BIGINT NOT NULL,
            attempt BIGINT NOT NULL,
            joined_at BIGINT NOT NULL,
            PRIMARY KEY (client, task, round, attempt)
        )
        """,
        """
        CREATE TABLE updates (
            task {text} NOT NULL,
            round BIGINT NOT NULL,
            attempt BIGINT NOT NULL,
            client {text} NOT NULL,
            body_hash {bytes} NOT NULL,
            bytes_up BIGINT NOT NULL,
            ledger_index BIGINT NOT NULL,
            ledger_head {bytes} NOT NULL,
            receipts BIGINT NOT NULL,
            PRIMARY KEY (task, round, attempt, client)
        )
        """,
        """
        CREATE TABLE partial_sums (
            task {text} NOT NULL,
            round BIGINT NOT NULL,
            attempt BIGINT NOT NULL,
            worker {text} NOT NULL,
            updates BIGINT NOT NULL,
            bytes_up BIGINT NOT NULL,
            sealed_sum {bytes} NOT NULL,
            PRIMARY KEY (task, round, attempt, worker)
        )
        """,
        """
        CREATE TABLE upload_parts (
            client {text} NOT NULL,
            task {text} NOT NULL,
            round BIGINT NOT NULL,
            attempt BIGINT NOT NULL,
            first_byte BIGINT NOT NULL,
            total BIGINT NOT NULL,
            bytes {bytes} NOT NULL,
            PRIMARY KEY (task, round, attempt, client, first_byte)
        )
        """,
        """
        CREATE TABLE waiting (
            plan_hash {bytes} NOT NULL,
            client {text} NOT NULL,
            returns_by BIGINT NOT NULL,
            PRIMARY KEY (plan_hash, client)
        )
        """,
        """
        CREATE TABLE ledger (
            population {text} NOT NULL,
            position BIGINT NOT NULL,
            entry {bytes} NOT NULL,
            PRIMARY KEY (population, position)
        )
        """,
        """
        CREATE TABLE leases (
            name {text} PRIMARY KEY,
            owner {text} NOT NULL,
            token {bytes} NOT NULL,
            expires_at BIGINT NOT NULL
        )
        """,
        """
        CREATE TABLE operator_tokens (
            id {text} PRIMARY KEY,
            name {text} NOT NULL UNIQUE,
            role {text} NOT NULL CHECK (role IN ('view', 'operate')),
            secret_hash {bytes} NOT NULL,
            created_at BIGINT NOT NULL,
            expires_at BIGINT,
            revoked_at BIGINT
        )
        """,
        """
        CREATE TABLE server_keys (
            public_key {bytes} PRIMARY KEY,
            sealed_seed {bytes} NOT NULL,
            not_before BIGINT NOT NULL,
            previous_until BIGINT NOT NULL,
            statements {bytes} NOT NULL
        )
        """,
        """
        CREATE TABLE audit (
            position BIGINT PRIMARY KEY,
            time BIGINT NOT NULL,
            who {text} NOT NULL,
            act {text} NOT NULL,
            subject {text} NOT NULL,
            detail {text} NOT NULL,
            hash {bytes} NOT NULL
        )
        """,
        """
        CREATE TABLE events (
            number BIGINT PRIMARY KEY,
            time BIGINT NOT NULL,
            kind {text} NOT NULL,
            task {text},
            round BIGINT,
            attempt BIGINT,
            detail {text} NOT NULL
        )
        """,
    ]
}
