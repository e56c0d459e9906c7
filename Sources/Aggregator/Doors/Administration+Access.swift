// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Messages
package import Store
internal import TOML

/// Who may come in: invites, clients, operators' tokens, and the log of who changed what.
extension Administration {
    // MARK: Invites

    /// Makes an invite for one device.
    public static func invite(_ configuration: ServerConfiguration) throws(AggregatorError) -> String {
        try invites(1, note: "", expiresAfter: nil, configuration: configuration)[0]
    }

    /// Makes invites, each for one device.
    ///
    /// - Parameters:
    ///   - note: for the operator; it is stored and shown by `invite list`.
    ///   - expiresAfter: milliseconds; `nil` for no end.
    /// - Returns: the invites, which are secret and kept nowhere.
    public static func invites(
        _ count: Int,
        note: String,
        expiresAfter: UInt64?,
        configuration: ServerConfiguration,
        by who: Operator = .commandLine
    ) throws(AggregatorError) -> [String] {
        guard note.utf8.count <= 200, !note.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) else {
            throw .input("--note: must be one line of at most 200 bytes")
        }
        let now = WallClock.milliseconds()
        let key = try signingKey(configuration, now: now)
        let store = try openStore(configuration)
        let tokens = (0..<count).map { _ in InviteToken(serverKeyHash: key.hash, secret: SystemRandom.bytes(16)) }
        return try translating {
            try store.write { session in
                for token in tokens {
                    let hash = SHA256.hash(token.secret)
                    let expires = expiresAfter.map { now + $0 }
                    try session.addInvite(
                        InviteRecord(
                            secretHash: hash,
                            createdAt: now,
                            expiresAt: expires,
                            note: note,
                            serverKey: key.hash
                        )
                    )
                }
                let subject = tokens.count == 1 ? inviteID(SHA256.hash(tokens[0].secret)) : "\(tokens.count) invites"
                try session.note("invite new", of: subject, detail: note, by: who, now: now)
            }
            return tokens.map(\.description)
        }
    }

    /// What names an invite for people: the first digits of its secret's hash.
    static func inviteID(_ secretHash: [UInt8]) -> String { Hexadecimal.text(secretHash.prefix(8)) }

    package static func listInvites(_ configuration: ServerConfiguration) throws(AggregatorError) -> [InviteReport] {
        let store = try openStore(configuration)
        let now = WallClock.milliseconds()
        return try translating {
            try store.read { session in try session.invites().map { InviteReport($0, now: now) } }
        }
    }

    /// Takes an invite back that nobody has used.
    ///
    /// - Parameter id: the first digits of its identifier, as many as tell it from others; at least 4.
    public static func revokeInvite(
        _ id: String,
        configuration: ServerConfiguration,
        by who: Operator = .commandLine
    ) throws(AggregatorError) {
        let digits = id.lowercased()
        guard digits.utf8.count >= 4, digits.utf8.count <= 64,
            digits.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit })
        else { throw .input("invite: an ID is 4 to 64 hexadecimal digits, as invite list shows them") }
        let store = try openStore(configuration)
        let now = WallClock.milliseconds()
        try translating {
            try store.write { session in
                let found = try session.invites().filter { Hexadecimal.text($0.secretHash).hasPrefix(digits) }
                guard let invite = found.first else {
                    throw AdministrationRefusal.missing("invite \(digits): does not exist; see invite list")
                }
                guard found.count == 1 else {
                    throw AdministrationRefusal.conflict("invite \(digits): \(found.count) begin so; give more digits")
                }
                guard try session.revokeInvite(secretHash: invite.secretHash, now: now) else {
                    let state = invite.client.map { "was used by client \($0); revoke that" } ?? "was revoked already"
                    throw AdministrationRefusal.conflict("invite \(digits): \(state)")
                }
                try session.note("invite revoke", of: inviteID(invite.secretHash), by: who, now: now)
            }
        }
    }

    // MARK: Clients

    package static func listClients(_ configuration: ServerConfiguration) throws(AggregatorError) -> [ClientReport] {
        let store = try openStore(configuration)
        return try translating { try store.read { session in try session.clients().map(ClientReport.init) } }
    }

    /// Ends a client's enrolment: it is refused everywhere from the next request on.
    public static func revokeClient(
        _ name: String,
        configuration: ServerConfiguration,
        by who: Operator = .commandLine
    ) throws(AggregatorError) {
        let store = try openStore(configuration)
        let now = WallClock.milliseconds()
        try translating {
            try store.write { session in
                guard let client = try session.client(name) else {
                    throw AdministrationRefusal.missing(
                        "client \(Wording.shown(name)): does not exist; see client list"
                    )
                }
                guard try client.revokedAt == nil && session.revokeClient(name, now: now) else {
                    throw AdministrationRefusal.conflict("client \(name): was revoked already")
                }
                try session.note("client revoke", of: name, by: who, now: now)
            }
        }
    }

    // MARK: Tokens

    /// Makes an operator's token.
    ///
    /// - Parameter expiresAfter: milliseconds; `nil` for no end.
    /// - Returns: the token, which is secret and kept nowhere.
    package static func newToken(
        _ name: String,
        role: OperatorRole,
        expiresAfter: UInt64?,
        configuration: ServerConfiguration,
        by who: Operator = .commandLine
    ) throws(AggregatorError) -> String {
        guard (1...64).contains(name.utf8.count),
            name.utf8.allSatisfy({ byte in
                let character = Character(Unicode.Scalar(byte))
                return byte < 128 && (character.isLetter || character.isNumber || "._-".contains(character))
            })
        else { throw .input("token: \(Wording.quoted(name)) must be 1 to 64 of a-z A-Z 0-9 . _ -") }
        let store = try openStore(configuration)
        let now = WallClock.milliseconds()
        let token = BearerToken()
        try translating {
            do {
                try store.write { session in
                    try session.addToken(
                        OperatorToken(
                            id: token.id,
                            name: name,
                            role: role,
                            secretHash: token.secretHash,
                            createdAt: now,
                            expiresAt: expiresAfter.map { now + $0 }
                        )
                    )
                    try session.note("token new", of: name, detail: "role \(role.rawValue)", by: who, now: now)
                }
            } catch StoreError.conflict(let reason) {
                throw AdministrationRefusal.conflict(reason)
            }
        }
        return token.text
    }

    package static func listTokens(_ configuration: ServerConfiguration) throws(AggregatorError) -> [TokenReport] {
        let store = try openStore(configuration)
        let now = WallClock.milliseconds()
        return try translating { try store.read { session in try session.tokens().map { TokenReport($0, now: now) } } }
    }

    public static func revokeToken(
        _ name: String,
        configuration: ServerConfiguration,
        by who: Operator = .commandLine
    ) throws(AggregatorError) {
        let store = try openStore(configuration)
        let now = WallClock.milliseconds()
        try translating {
            try store.write { session in
                guard try session.revokeToken(name, now: now) else {
                    throw AdministrationRefusal.missing(
                        "token \(Wording.shown(name)): does not exist or was revoked already; see token list"
                    )
                }
                try session.note("token revoke", of: name, by: who, now: now)
            }
        }
    }

    // MARK: Audit

    /// Every act of an operator, oldest first, after the chain of their hashes was verified.
    package static func audit(_ configuration: ServerConfiguration) throws(AggregatorError) -> [AuditReport] {
        let store = try openStore(configuration)
        let entries = try translating { try store.read { session in try session.audit() } }
        if let broken = AuditChain.firstBroken(entries) {
            throw .failure("audit log: entry \(broken) does not fit the ones before it; the log was changed")
        }
        return entries.map(AuditReport.init)
    }
}
