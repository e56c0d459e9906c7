// SPDX-License-Identifier: Apache-2.0

package import Cryptography
internal import Files
internal import Messages
package import Store
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// The servers' long-lived secrets: the keys that sign their word, and those under which the store keeps what must outlive
/// the process (round keys, partial sums, later signing keys).
///
/// The first signing key and the storage keys lie in one file, readable by its owner alone, which is made on first use and
/// which all servers of a database share: 32 bytes of the signing key, then 32 of each storage key, the one in use first.
/// Signing keys that came later are in the store, sealed by a storage key, so that every server has them (``refresh(_:)``).
package final class ServerKeys: Sendable {
    /// Where the key file is, when it is not in the state folder.
    package static let pathVariable = "SOTTO_SERVER_KEY_FILE"

    private let first: SigningKey
    private let storage: StorageKeys
    private let later = Mutex<[SigningKey]>([])

    package init(stateFolder: String) throws(AggregatorError) {
        let path = Self.path(stateFolder: stateFolder)
        do {
            try DurableFile.makeFolder(stateFolder)
            if try !DurableFile.exists(path) {
                // Several processes may start on a new folder at once; the first one's key stays.
                _ = try ChecksummedFile.create(SystemRandom.bytes(64), at: path)
            }
            let bytes = try Self.read(path)
            first = SigningKey(
                try Ed25519PrivateKey(seed: bytes.span.extracting(0..<32)),
                notBefore: 0,
                previousUntil: 0,
                statements: []
            )
            storage = StorageKeys(Array(bytes.dropFirst(32)))
        } catch {
            throw .failure("\(error)")
        }
    }

    static func path(stateFolder: String) -> String {
        guard let value = unsafe getenv(pathVariable) else { return stateFolder + "/server.key" }
        return unsafe String(cString: value)
    }

    private static func read(_ path: String) throws(FileError) -> [UInt8] {
        guard let bytes = try ChecksummedFile.read(path), bytes.count >= 64, bytes.count.isMultiple(of: 32) else {
            throw FileError(path: path, reason: "is not a server key; restore it from a backup")
        }
        return bytes
    }

    /// SHA-256 of the first signing key, which never changes: by it servers of one database know each other.
    package var publicKeyHash: [UInt8] { first.hash }

    // MARK: Signing

    /// A key that signs from some time on.
    package final class SigningKey: Sendable {
        package let key: Ed25519PrivateKey
        /// SHA-256 of the public key: what invites pin and what requests name.
        package let hash: [UInt8]
        /// Milliseconds since 1970.
        package let notBefore: UInt64
        /// When the key before this one expires.
        package let previousUntil: UInt64
        /// What tells clients of this key, as stored.
        let statements: [UInt8]

        init(_ key: consuming Ed25519PrivateKey, notBefore: UInt64, previousUntil: UInt64, statements: [UInt8]) {
            hash = SHA256.hash(key.publicKey.bytes)
            self.key = key
            self.notBefore = notBefore
            self.previousUntil = previousUntil
            self.statements = statements
        }
    }

    /// Where a signing key stands.
    package enum Standing: String, Sendable, Codable {
        /// Announced; it signs nothing yet.
        case pending
        case active
        /// Replaced, and still taken.
        case grace
        case expired
    }

    /// Learns of keys that were made since.
    package func refresh(_ session: StoreSession) throws {
        let rows = try session.keys()
        let known = later.withLock { $0 }
        guard rows.count != known.count else { return }
        let keys = try rows.map { row in
            let seed = try open(row.sealedSeed, context: Self.context(publicKey: row.publicKey))
            return SigningKey(
                try Ed25519PrivateKey(seed: seed),
                notBefore: row.notBefore,
                previousUntil: row.previousUntil,
                statements: row.statements
            )
        }
        later.withLock { $0 = keys }
    }

    /// What the private part of a later key is sealed for.
    static func context(publicKey: [UInt8]) -> String { "signing key \(Hexadecimal.text(publicKey))" }

    /// All keys, the first one first, and until when each is taken; `nil` for no end.
    package func all() -> [(key: SigningKey, until: UInt64?)] {
        let keys = [first] + later.withLock { $0 }
        return keys.indices.map { index in
            (keys[index], index + 1 < keys.count ? keys[index + 1].previousUntil : nil)
        }
    }

    package func standing(of index: Int, now: UInt64) -> Standing {
        let keys = all()
        if keys[index].key.notBefore > now { return .pending }
        if let until = keys[index].until, until <= now { return .expired }
        return index + 1 < keys.count && keys[index + 1].key.notBefore <= now ? .grace : .active
    }

    /// The key that signs now.
    package func active(now: UInt64) -> SigningKey {
        all().last { $0.key.notBefore <= now }?.key ?? first
    }

    /// The keys that requests and invites may name, the active one first. One that is pending is among them, because a
    /// client's clock may be ahead.
    package func accepted(now: UInt64) -> [SigningKey] {
        let active = active(now: now)
        return [active] + all().filter { $0.key !== active && $0.until.map { now < $0 } ?? true }.map(\.key)
    }

    /// The statements about keys that a client may not know yet, each signed by the key before.
    func statements(now: UInt64) -> [Sotto_V1_Signed] {
        later.withLock { $0 }.filter { now < $0.previousUntil }.flatMap { key in
            (try? Sotto_V1_AssignmentReply(wire: key.statements, what: "key statements"))?.keys ?? []
        }
    }

    // MARK: Storage

    /// Seals something for the store. `context` says what it is; it must be the same when it is opened.
    ///
    /// - Returns: four bytes that name the storage key, nonce, ciphertext with its tag.
    package func seal(_ secret: [UInt8], context: String) throws(CryptographyError) -> [UInt8] {
        try storage.list[0].seal(secret, context: context)
    }

    package func open(_ sealed: [UInt8], context: String) throws(CryptographyError) -> [UInt8] {
        let name = Array(sealed.prefix(StorageKey.nameLength))
        guard let key = storage.list.first(where: { $0.name == name }) else { throw .authenticationFailed }
        return try key.open(sealed, context: context)
    }

    /// Puts a fresh storage key before the others, in the file. What is stored stays readable.
    ///
    /// - Returns: the keys with the new one in use.
    static func addStorageKey(stateFolder: String) throws(AggregatorError) -> ServerKeys {
        let path = path(stateFolder: stateFolder)
        do {
            let bytes = try read(path)
            let kept = bytes.dropFirst(32).prefix((StorageKeys.most - 1) * 32)
            try ChecksummedFile.write(Array(bytes.prefix(32)) + SystemRandom.bytes(32) + kept, to: path)
        } catch {
            throw .failure("\(error)")
        }
        return try ServerKeys(stateFolder: stateFolder)
    }

    /// How many storage keys there are.
    package var storageKeys: Int { storage.list.count }
}

/// The keys that seal what is stored, the one in use first.
private final class StorageKeys: Sendable {
    /// Older ones are forgotten when one is added: nothing that they sealed outlives a round.
    static let most = 4

    let list: [StorageKey]

    init(_ bytes: [UInt8]) {
        list = stride(from: 0, to: bytes.count, by: 32).map { StorageKey(Array(bytes[$0..<$0 + 32])) }
    }
}

private final class StorageKey: Sendable {
    static let nameLength = 4

    /// Names the key in what it has sealed; says nothing of it.
    let name: [UInt8]
    private let secret: SecretBytes

    init(_ bytes: [UInt8]) {
        name = Array(SHA256.hash(Array("sotto/1 storage key".utf8) + bytes).prefix(Self.nameLength))
        secret = SecretBytes(copying: bytes)
    }

    func seal(_ plaintext: [UInt8], context: String) throws(CryptographyError) -> [UInt8] {
        let nonce = SystemRandom.bytes(AES256GCM.nonceLength)
        return try name + nonce
            + AES256GCM.seal(plaintext: plaintext, key: secret, nonce: nonce, associatedData: Array(context.utf8))
    }

    func open(_ sealed: [UInt8], context: String) throws(CryptographyError) -> [UInt8] {
        let rest = sealed.dropFirst(Self.nameLength)
        return try AES256GCM.open(
            Array(rest.dropFirst(AES256GCM.nonceLength)),
            key: secret,
            nonce: Array(rest.prefix(AES256GCM.nonceLength)),
            associatedData: Array(context.utf8)
        )
    }
}
