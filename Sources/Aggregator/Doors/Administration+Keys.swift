// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Files
internal import FoundationEssentials
internal import Messages
internal import Store

/// The servers' keys: which there are, and new ones.
extension Administration {
    /// The key that signs now.
    static func signingKey(
        _ configuration: ServerConfiguration,
        now: UInt64
    ) throws(AggregatorError) -> ServerKeys.SigningKey {
        try keys(configuration).active(now: now)
    }

    private static func keys(_ configuration: ServerConfiguration) throws(AggregatorError) -> ServerKeys {
        let keys = try ServerKeys(stateFolder: configuration.stateFolder)
        let store = try openStore(configuration)
        try translating { try store.read { session in try keys.refresh(session) } }
        return keys
    }

    package static func listKeys(_ configuration: ServerConfiguration) throws(AggregatorError) -> [KeyReport] {
        let keys = try keys(configuration)
        let now = WallClock.milliseconds()
        return keys.all().enumerated().map { index, entry in
            KeyReport(
                hash: Hexadecimal.text(entry.key.hash),
                status: keys.standing(of: index, now: now),
                notBefore: entry.key.notBefore,
                notAfter: entry.until
            )
        }
    }

    /// Makes the next signing key, signed by the active one. Clients learn of it with their next assignment.
    ///
    /// - Parameters:
    ///   - delay: milliseconds until it signs, in which clients should come once.
    ///   - grace: milliseconds for which the key before it is taken after that.
    /// - Returns: a line for the operator.
    package static func rotateKey(
        after delay: UInt64,
        grace: UInt64,
        configuration: ServerConfiguration,
        by who: Operator = .commandLine
    ) throws(AggregatorError) -> String {
        let keys = try ServerKeys(stateFolder: configuration.stateFolder)
        let store = try openStore(configuration)
        let now = WallClock.milliseconds()
        let seed = SecretBytes.random(count: Ed25519PrivateKey.seedLength)
        return try translating {
            let fresh = try seed.withSpan { (seed) throws(CryptographyError) in try Ed25519PrivateKey(seed: seed) }
            let publicKey = fresh.publicKey.bytes
            let sealed = try keys.seal(seed.copied(), context: ServerKeys.context(publicKey: publicKey))
            let name = Hexadecimal.text(SHA256.hash(publicKey))
            try store.write { session in
                // The log first: it lets one operator at a time pass.
                try session.note("keys rotate", of: name, detail: "signs from \(now + delay)", by: who, now: now)
                try keys.refresh(session)
                let all = keys.all()
                guard let last = all.last, last.key.notBefore <= now else {
                    throw AdministrationRefusal.conflict(
                        "keys: one is pending already; the next can be made when it signs (see keys list)"
                    )
                }
                func statement(_ key: [UInt8], from: UInt64, until: UInt64) -> Sotto_V1_Signed {
                    var statement = Sotto_V1_KeyStatement()
                    statement.publicKey = Data(key)
                    statement.notBefore = from
                    statement.notAfter = until
                    return Sotto_V1_Signed(.key, body: statement.wireBytes(), key: last.key.key)
                }
                var statements = Sotto_V1_AssignmentReply()
                statements.keys = [
                    statement(publicKey, from: now + delay, until: 0),
                    statement(
                        last.key.key.publicKey.bytes,
                        from: last.key.notBefore,
                        until: now + delay + grace
                    ),
                ]
                try session.addKey(
                    StoreSession.KeyRow(
                        publicKey: publicKey,
                        sealedSeed: sealed,
                        notBefore: now + delay,
                        previousUntil: now + delay + grace,
                        statements: statements.wireBytes()
                    )
                )
            }
            return "key \(name): announced; signs in \(delay / 1000) s, and the one before it is taken for"
                + " \(grace / 1000) s more"
        }
    }

    /// Puts a fresh storage key into the key file, and seals later signing keys anew. Rounds that are open stay readable.
    ///
    /// - Returns: a line for the operator.
    package static func rotateStorageKey(
        _ configuration: ServerConfiguration,
        by who: Operator = .commandLine
    ) throws(AggregatorError) -> String {
        let store = try openStore(configuration)
        return try translating {
            let lock = try FolderLock(folder: configuration.stateFolder, holder: "server")
            defer { withExtendedLifetime(lock) {} }
            let keys = try ServerKeys.addStorageKey(stateFolder: configuration.stateFolder)
            try store.write { session in
                for row in try session.keys() {
                    let context = ServerKeys.context(publicKey: row.publicKey)
                    try session.setSealedSeed(
                        keys.seal(keys.open(row.sealedSeed, context: context), context: context),
                        of: row.publicKey
                    )
                }
                try session.note("keys rotate-storage", of: "storage key", by: who, now: WallClock.milliseconds())
            }
            return "storage key: a new one is in use, \(keys.storageKeys - 1) older can still be read; copy"
                + " \(ServerKeys.path(stateFolder: configuration.stateFolder)) to every server of this database"
        }
    }
}
