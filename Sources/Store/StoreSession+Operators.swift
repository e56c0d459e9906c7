// SPDX-License-Identifier: Apache-2.0

/// What the bearer of a token may do. The raw values are part of the database's format.
package enum OperatorRole: String, Sendable, Codable, CaseIterable {
    /// See reports.
    case view
    /// Also create, start, pause, stop and roll back tasks.
    case operate

    package func includes(_ other: OperatorRole) -> Bool { self == .operate || other == .view }
}

/// An operator's token as it is stored: the secret itself is known to its bearer alone.
package struct OperatorToken: Hashable, Sendable {
    /// Public part of the token, by which it is found.
    package var id: String
    /// Names the bearer in the audit log; no two tokens ever have the same.
    package var name: String
    package var role: OperatorRole
    /// SHA-256 of the secret.
    package var secretHash: [UInt8]
    /// Milliseconds since 1970.
    package var createdAt: UInt64
    /// `nil` for no end.
    package var expiresAt: UInt64?
    package var revokedAt: UInt64?

    package init(
        id: String,
        name: String,
        role: OperatorRole,
        secretHash: [UInt8],
        createdAt: UInt64,
        expiresAt: UInt64?,
        revokedAt: UInt64? = nil
    ) {
        self.id = id
        self.name = name
        self.role = role
        self.secretHash = secretHash
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
    }
}

/// One act of an operator. Entries are chained by their hashes and never changed.
package struct AuditRecord: Hashable, Sendable {
    /// Counts from 0 without gaps.
    package var position: Int
    /// Milliseconds since 1970.
    package var time: UInt64
    /// `cli:USER` or `token:NAME`.
    package var who: String
    package var act: String
    package var subject: String
    package var detail: String
    /// SHA-256 over the entry before this one and this one's fields.
    package var hash: [UInt8]

    package init(
        position: Int,
        time: UInt64,
        who: String,
        act: String,
        subject: String,
        detail: String,
        hash: [UInt8]
    ) {
        self.position = position
        self.time = time
        self.who = who
        self.act = act
        self.subject = subject
        self.detail = detail
        self.hash = hash
    }
}

extension StoreSession {
    // MARK: Tokens

    /// - Throws: ``StoreError/conflict(_:)`` when a token of that name exists or existed.
    package func addToken(_ token: OperatorToken) throws(StoreError) {
        guard try row("SELECT 1 FROM operator_tokens WHERE name = ?", token.name) == nil else {
            throw .conflict("token \(token.name): exists or existed already; choose another name")
        }
        try execute(
            """
            INSERT INTO operator_tokens (id, name, role, secret_hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)
            """,
            token.id,
            token.name,
            token.role.rawValue,
            token.secretHash,
            token.createdAt,
            token.expiresAt
        )
    }

    package func token(id: String) throws(StoreError) -> OperatorToken? {
        try row("\(Self.selectToken) WHERE id = ?", id).map(Self.token(from:))
    }

    /// All tokens, in the order of their names.
    package func tokens() throws(StoreError) -> [OperatorToken] {
        try rows("\(Self.selectToken) ORDER BY name").map(Self.token(from:))
    }

    private static let selectToken =
        "SELECT id, name, role, secret_hash, created_at, expires_at, revoked_at FROM operator_tokens"

    private static func token(from row: SQLRow) throws(StoreError) -> OperatorToken {
        let name = try row.text(1)
        guard let role = OperatorRole(rawValue: try row.text(2)) else {
            throw .database("token \(name): has an unknown role; use the version that wrote it")
        }
        return OperatorToken(
            id: try row.text(0),
            name: name,
            role: role,
            secretHash: try row.bytes(3),
            createdAt: try row.time(4),
            expiresAt: try row.optionalTime(5),
            revokedAt: try row.optionalTime(6)
        )
    }

    /// - Returns: `false` when there is no such token or it was revoked before.
    package func revokeToken(_ name: String, now: UInt64) throws(StoreError) -> Bool {
        try execute(
            "UPDATE operator_tokens SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL",
            now,
            name
        ) == 1
    }

    // MARK: Audit

    /// Appends an act.
    ///
    /// - Parameter next: makes the entry from the one before it.
    package func appendAudit(_ next: (AuditRecord?) -> AuditRecord) throws(StoreError) {
        // Writers pass one by one: a row that always exists is locked until the transaction ends.
        _ = try setMeta("audit", ifAbsent: [])
        _ = try row("SELECT value FROM meta WHERE name = 'audit'" + dialect.forUpdate)
        let last = try row("\(Self.selectAudit) ORDER BY position DESC LIMIT 1").map(Self.audit(from:))
        let entry = next(last)
        try execute(
            "INSERT INTO audit (position, time, who, act, subject, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
            entry.position,
            entry.time,
            entry.who,
            entry.act,
            entry.subject,
            entry.detail,
            entry.hash
        )
    }

    /// All acts, oldest first.
    package func audit() throws(StoreError) -> [AuditRecord] {
        try rows("\(Self.selectAudit) ORDER BY position").map(Self.audit(from:))
    }

    private static let selectAudit = "SELECT position, time, who, act, subject, detail, hash FROM audit"

    private static func audit(from row: SQLRow) throws(StoreError) -> AuditRecord {
        AuditRecord(
            position: try row.int(0),
            time: try row.time(1),
            who: try row.text(2),
            act: try row.text(3),
            subject: try row.text(4),
            detail: try row.text(5),
            hash: try row.bytes(6)
        )
    }

    // MARK: Keys

    /// A key that signs the servers' word, after the first one, which is in their key file.
    package struct KeyRow: Hashable, Sendable {
        package var publicKey: [UInt8]
        /// The private key under the storage key.
        package var sealedSeed: [UInt8]
        /// Milliseconds since 1970.
        package var notBefore: UInt64
        /// When the key before this one expires.
        package var previousUntil: UInt64
        /// The signed statements that tell clients of it: an `AssignmentReply` with nothing else.
        package var statements: [UInt8]

        package init(
            publicKey: [UInt8],
            sealedSeed: [UInt8],
            notBefore: UInt64,
            previousUntil: UInt64,
            statements: [UInt8]
        ) {
            self.publicKey = publicKey
            self.sealedSeed = sealedSeed
            self.notBefore = notBefore
            self.previousUntil = previousUntil
            self.statements = statements
        }
    }

    /// All keys after the first one, in the order in which they become active.
    package func keys() throws(StoreError) -> [KeyRow] {
        let rows = try rows(
            """
            SELECT public_key, sealed_seed, not_before, previous_until, statements FROM server_keys ORDER BY not_before
            """
        )
        return try rows.map { (row) throws(StoreError) in
            KeyRow(
                publicKey: try row.bytes(0),
                sealedSeed: try row.bytes(1),
                notBefore: try row.time(2),
                previousUntil: try row.time(3),
                statements: try row.bytes(4)
            )
        }
    }

    package func addKey(_ key: KeyRow) throws(StoreError) {
        try execute(
            """
            INSERT INTO server_keys (public_key, sealed_seed, not_before, previous_until, statements)
            VALUES (?, ?, ?, ?, ?)
            """,
            key.publicKey,
            key.sealedSeed,
            key.notBefore,
            key.previousUntil,
            key.statements
        )
    }

    /// Replaces the sealing of a key, when the storage key changes; an empty one erases it.
    package func setSealedSeed(_ sealed: [UInt8], of publicKey: [UInt8]) throws(StoreError) {
        try execute("UPDATE server_keys SET sealed_seed = ? WHERE public_key = ?", sealed, publicKey)
    }
}
