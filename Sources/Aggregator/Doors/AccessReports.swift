// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
package import Store

/// An invite for people. Times are milliseconds since 1970.
package struct InviteReport: Sendable, Codable {
    package var id: String
    /// `unused`, `used`, `expired` or `revoked`.
    package var status: String
    package var client: String?
    package var createdAt: UInt64
    package var expiresAt: UInt64?
    package var note: String

    init(_ invite: InviteRecord, now: UInt64) {
        id = Administration.inviteID(invite.secretHash)
        client = invite.client
        createdAt = invite.createdAt
        expiresAt = invite.expiresAt
        note = invite.note
        status =
            if invite.client != nil {
                "used"
            } else if invite.revokedAt != nil {
                "revoked"
            } else if let end = invite.expiresAt, end <= now {
                "expired"
            } else {
                "unused"
            }
    }
}

/// A client for people. Times are milliseconds since 1970.
package struct ClientReport: Sendable, Codable {
    package var client: String
    /// `enrolled` or `revoked`.
    package var status: String
    package var enrolledAt: UInt64
    package var revokedAt: UInt64?
    /// Updates that were ever accepted of it.
    package var updates: Int

    init(_ client: ClientRecord) {
        self.client = client.name
        status = client.revokedAt == nil ? "enrolled" : "revoked"
        enrolledAt = client.enrolledAt
        revokedAt = client.revokedAt
        updates = client.receipts
    }
}

/// An operator's token for people, without anything secret. Times are milliseconds since 1970.
package struct TokenReport: Sendable, Codable {
    package var name: String
    package var role: OperatorRole
    /// `valid`, `expired` or `revoked`.
    package var status: String
    package var createdAt: UInt64
    package var expiresAt: UInt64?

    init(_ token: OperatorToken, now: UInt64) {
        name = token.name
        role = token.role
        createdAt = token.createdAt
        expiresAt = token.expiresAt
        status = token.revokedAt != nil ? "revoked" : token.expiresAt.map { $0 <= now } ?? false ? "expired" : "valid"
    }
}

/// An act of an operator for people. The time is milliseconds since 1970.
package struct AuditReport: Sendable, Codable {
    package var position: Int
    package var time: UInt64
    package var who: String
    package var act: String
    package var subject: String
    package var detail: String
    package var hash: String

    init(_ entry: AuditRecord) {
        position = entry.position
        time = entry.time
        who = entry.who
        act = entry.act
        subject = entry.subject
        detail = entry.detail
        hash = Hexadecimal.text(entry.hash)
    }
}

/// A key that signs the servers' word, for people. Times are milliseconds since 1970.
package struct KeyReport: Sendable, Codable {
    /// SHA-256 of the public key: what invites pin.
    package var hash: String
    package var status: ServerKeys.Standing
    package var notBefore: UInt64
    package var notAfter: UInt64?
}
