// SPDX-License-Identifier: Apache-2.0

extension StoreSession {
    /// Enrols a client with an unused invite. The same key with the same invite again gives the same name, so that a lost
    /// answer can be asked for once more.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Returns: the client's name, or `nil` when the invite is unknown, revoked, expired, or was used for another key.
    /// - Throws: ``StoreError/conflict(_:)`` when the key is enrolled with another invite.
    package func enrol(
        client: String,
        publicKey: [UInt8],
        inviteSecretHash: [UInt8],
        now: UInt64
    ) throws(StoreError) -> String? {
        let invite = try row(
            "SELECT client, expires_at, revoked_at FROM invites WHERE secret_hash = ?" + dialect.forUpdate,
            inviteSecretHash
        )
        guard let invite else { return nil }
        if let earlier = try invite.optionalText(0) {
            return try self.client(earlier)?.publicKey == publicKey ? earlier : nil
        }
        guard invite.isNull(2), try invite.optionalTime(1).map({ now < $0 }) ?? true else { return nil }
        try execute(
            "INSERT INTO clients (name, public_key, enrolled_at) VALUES (?, ?, ?)",
            client,
            publicKey,
            now
        )
        try execute("UPDATE invites SET client = ? WHERE secret_hash = ?", client, inviteSecretHash)
        tell(.clientEnrolled)
        return client
    }

    /// A client by its name.
    package func client(_ name: String) throws(StoreError) -> ClientRecord? {
        let row = try row(
            "SELECT name, public_key, enrolled_at, revoked_at, receipts FROM clients WHERE name = ?",
            name
        )
        guard let row else { return nil }
        return ClientRecord(
            name: try row.text(0),
            publicKey: try row.bytes(1),
            enrolledAt: try row.time(2),
            revokedAt: try row.optionalTime(3),
            receipts: try row.int(4)
        )
    }

    /// Notes that a client used a nonce.
    ///
    /// - Parameter expires: until when the nonce must be remembered, in milliseconds since 1970.
    /// - Returns: `false` when it was used before.
    package func useNonce(_ nonce: [UInt8], client: String, expires: UInt64) throws(StoreError) -> Bool {
        try execute(
            "INSERT INTO nonces (client, nonce, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            client,
            nonce,
            expires
        ) == 1
    }

    /// Forgets nonces, and clients that waited, whose time was over before `now`.
    package func forgetExpired(now: UInt64) throws(StoreError) {
        try execute("DELETE FROM nonces WHERE expires < ?", now)
        try execute("DELETE FROM waiting WHERE returns_by < ?", now)
    }

    // MARK: Waiting

    /// Notes that a client would take part in rounds of a plan, and will ask again before a time.
    package func noteWaiting(_ client: String, for plan: [UInt8], until returnsBy: UInt64) throws(StoreError) {
        try execute(
            """
            INSERT INTO waiting (plan_hash, client, returns_by) VALUES (?, ?, ?)
            ON CONFLICT (plan_hash, client) DO UPDATE SET returns_by = excluded.returns_by
            """,
            plan,
            client,
            returnsBy
        )
    }

    /// A client does not wait for rounds of a plan any more.
    package func stopWaiting(_ client: String, for plan: [UInt8]) throws(StoreError) {
        try execute("DELETE FROM waiting WHERE plan_hash = ? AND client = ?", plan, client)
    }

    /// The clients that wait for rounds of a plan.
    ///
    /// - Parameter latest: who is said to come back after this is not counted.
    package func waitingCount(
        for plan: [UInt8],
        now: UInt64,
        until latest: UInt64 = .max
    ) throws(StoreError) -> Int {
        let row = try row(
            "SELECT COUNT(*) FROM waiting WHERE plan_hash = ? AND returns_by >= ? AND returns_by <= ?",
            plan,
            now,
            latest
        )
        return try row?.int(0) ?? 0
    }

    /// The clients that wait for anything.
    package func waitingCount(now: UInt64) throws(StoreError) -> Int {
        try row("SELECT COUNT(DISTINCT client) FROM waiting WHERE returns_by >= ?", now)?.int(0) ?? 0
    }
}
