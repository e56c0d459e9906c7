// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import GRDB

extension SQLiteStore {
    package func addInvite(secretHash: [UInt8]) throws(StoreError) {
        try write { database in
            try database.execute(sql: "INSERT INTO invites (secret_hash) VALUES (?)", arguments: [secretHash.blob])
        }
    }

    package func enrol(
        client: String,
        publicKey: [UInt8],
        inviteSecretHash: [UInt8]
    ) throws(StoreError) -> String? {
        try write { database in
            guard
                let invite = try Row.fetchOne(
                    database,
                    sql: "SELECT client FROM invites WHERE secret_hash = ?",
                    arguments: [inviteSecretHash.blob]
                )
            else { return nil }
            if let earlier: String = invite["client"] {
                let key = try Self.publicKey(of: earlier, database)
                return key == publicKey ? earlier : nil
            }
            try database.execute(
                sql: "INSERT INTO clients (name, public_key) VALUES (?, ?)",
                arguments: [client, publicKey.blob]
            )
            try database.execute(
                sql: "UPDATE invites SET client = ? WHERE secret_hash = ?",
                arguments: [client, inviteSecretHash.blob]
            )
            return client
        }
    }

    package func publicKey(of client: String) throws(StoreError) -> [UInt8]? {
        try read { database in try Self.publicKey(of: client, database) }
    }

    private static func publicKey(of client: String, _ database: Database) throws -> [UInt8]? {
        let row = try Row.fetchOne(
            database,
            sql: "SELECT public_key FROM clients WHERE name = ?",
            arguments: [client]
        )
        return row?.bytes("public_key")
    }

    package func useNonce(
        _ nonce: [UInt8],
        client: String,
        expires: UInt64,
        now: UInt64
    ) throws(StoreError) -> Bool {
        try write { database in
            try database.execute(sql: "DELETE FROM nonces WHERE expires < ?", arguments: [Int64(now)])
            try database.execute(
                sql: "INSERT OR IGNORE INTO nonces (client, nonce, expires) VALUES (?, ?, ?)",
                arguments: [client, nonce.blob, Int64(expires)]
            )
            return database.changesCount == 1
        }
    }
}
