// SPDX-License-Identifier: Apache-2.0

/// The right to enrol one device, as it is stored: the secret itself is known to nobody but whoever holds the invite.
package struct InviteRecord: Hashable, Sendable {
    /// SHA-256 of the secret.
    package var secretHash: [UInt8]
    /// The client that used it.
    package var client: String?
    /// Milliseconds since 1970; 0 where an older version made it.
    package var createdAt: UInt64
    /// `nil` for no end.
    package var expiresAt: UInt64?
    package var revokedAt: UInt64?
    package var note: String
    /// SHA-256 of the server's key that the invite pins; empty where an older version made it.
    package var serverKey: [UInt8]

    package init(
        secretHash: [UInt8],
        client: String? = nil,
        createdAt: UInt64 = 0,
        expiresAt: UInt64? = nil,
        revokedAt: UInt64? = nil,
        note: String = "",
        serverKey: [UInt8] = []
    ) {
        self.secretHash = secretHash
        self.client = client
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.note = note
        self.serverKey = serverKey
    }
}

extension StoreSession {
    /// Notes an invite by the SHA-256 of its secret.
    package func addInvite(secretHash: [UInt8]) throws(StoreError) {
        try addInvite(InviteRecord(secretHash: secretHash))
    }

    package func addInvite(_ invite: InviteRecord) throws(StoreError) {
        try execute(
            """
            INSERT INTO invites (secret_hash, created_at, expires_at, note, server_key) VALUES (?, ?, ?, ?, ?)
            """,
            invite.secretHash,
            invite.createdAt,
            invite.expiresAt,
            invite.note,
            invite.serverKey
        )
    }

    /// All invites, oldest first.
    package func invites() throws(StoreError) -> [InviteRecord] {
        try rows("\(Self.selectInvite) ORDER BY created_at, secret_hash").map(Self.invite(from:))
    }

    package func invite(secretHash: [UInt8]) throws(StoreError) -> InviteRecord? {
        try row("\(Self.selectInvite) WHERE secret_hash = ?", secretHash).map(Self.invite(from:))
    }

    private static let selectInvite =
        "SELECT secret_hash, client, created_at, expires_at, revoked_at, note, server_key FROM invites"

    private static func invite(from row: SQLRow) throws(StoreError) -> InviteRecord {
        InviteRecord(
            secretHash: try row.bytes(0),
            client: try row.optionalText(1),
            createdAt: try row.time(2),
            expiresAt: try row.optionalTime(3),
            revokedAt: try row.optionalTime(4),
            note: try row.text(5),
            serverKey: try row.bytes(6)
        )
    }

    /// Takes an invite back that nobody has used.
    ///
    /// - Returns: `false` when it was used or revoked before.
    package func revokeInvite(secretHash: [UInt8], now: UInt64) throws(StoreError) -> Bool {
        try execute(
            "UPDATE invites SET revoked_at = ? WHERE secret_hash = ? AND client IS NULL AND revoked_at IS NULL",
            now,
            secretHash
        ) == 1
    }

    // MARK: Clients

    /// All clients, in the order of their names.
    package func clients() throws(StoreError) -> [ClientRecord] {
        let rows = try rows("SELECT name, public_key, enrolled_at, revoked_at, receipts FROM clients ORDER BY name")
        return try rows.map { (row) throws(StoreError) in
            ClientRecord(
                name: try row.text(0),
                publicKey: try row.bytes(1),
                enrolledAt: try row.time(2),
                revokedAt: try row.optionalTime(3),
                receipts: try row.int(4)
            )
        }
    }

    /// Ends a client's enrolment for good; what it has delivered stays.
    ///
    /// - Returns: `false` when there is no such client or it was revoked before.
    package func revokeClient(_ name: String, now: UInt64) throws(StoreError) -> Bool {
        let changed = try execute(
            "UPDATE clients SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL",
            now,
            name
        )
        try execute("DELETE FROM waiting WHERE client = ?", name)
        if changed == 1 { tell(.clientRevoked) }
        return changed == 1
    }
}
