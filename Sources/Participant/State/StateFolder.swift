// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Files
internal import FoundationEssentials
internal import Messages
package import Rounds

/// A participant's folder: identity, ledger, journal, and the sealed update of an unfinished round.
///
/// Every file is readable by its owner alone, written durably and checked when it is read. Identity, journal and update are
/// encrypted under the device key. The folder is locked, so that two processes cannot draw for the same round.
package struct StateFolder: ~Copyable {
    private let path: String
    private let lock: FolderLock
    private let key: DeviceKey

    /// Opens the folder, or makes it. An older folder without encryption is encrypted in place, once.
    ///
    /// - Throws: ``ParticipantError/input(_:)`` when the folder is in use or the key is not the folder's; nothing is changed
    ///   then.
    package init(_ path: String, key source: DeviceKeySource = .stateFolder) throws(ParticipantError) {
        let lock = try Self.translating { () throws(FileError) in
            try DurableFile.makeFolder(path)
            return try FolderLock(folder: path, holder: "client")
        }
        let key = try Self.key(source, of: path)
        self.path = path
        self.lock = lock
        self.key = key
    }

    /// The key of the folder at `path`, which is encrypted under it from here on.
    private static func key(_ source: DeviceKeySource, of path: String) throws(ParticipantError) -> DeviceKey {
        let proof = try translating { () throws(FileError) in try ChecksummedFile.read(path + "/" + marker) }
        var files: [String: [UInt8]] = [:]
        for name in contents where proof == nil {
            files[name] = try translating { () throws(FileError) in
                try ChecksummedFile.read(path + "/" + name, limit: fileLimit)
            }
        }
        let isEncrypted = proof != nil || files.values.contains(where: DeviceKey.isSealed)
        let key = try DeviceKey(source, folder: path, mayMake: !isEncrypted)
        if let proof {
            _ = try key.open(proof, name: marker, path: path)
            return key
        }
        // The folder is new or older. What a crash left of an earlier attempt at this is under the same key already.
        for (name, content) in files where DeviceKey.isSealed(content) {
            _ = try key.open(content, name: name, path: path + "/" + name)
        }
        for (name, content) in files where !DeviceKey.isSealed(content) {
            try write(content, to: name, of: path, key)
        }
        try write([], to: marker, of: path, key)
        return key
    }

    /// What is encrypted.
    private static let contents = ["identity", "journal", "update"]
    /// Encrypted too, and empty: shows that this folder is, and under which key.
    private static let marker = "encrypted"
    /// The longest file: a sealed update of the largest model.
    private static let fileLimit = 1 << 32

    package var ledgerPath: String { path + "/ledger" }
    private var identityPath: String { path + "/identity" }
    private var journalPath: String { path + "/journal" }
    private var planPath: String { path + "/plan" }
    private var updatePath: String { path + "/update" }

    // MARK: Identity

    /// The enrolled identity, or one that has its key but no name yet, or `nil`.
    package func identity() throws(ParticipantError) -> Identity? {
        guard var bytes = try read("identity") else { return nil }
        defer { cleanse(&bytes) }
        do {
            return try Identity(wire: bytes, what: identityPath)
        } catch {
            throw .input("\(error)")
        }
    }

    package func setIdentity(_ identity: borrowing Identity) throws(ParticipantError) {
        var bytes = identity.wireBytes()
        defer { cleanse(&bytes) }
        try write(bytes, to: "identity")
    }

    // MARK: Journal

    /// The latest attempt of each task that this device took part in; at most one is unfinished.
    package func journals() throws(ParticipantError) -> [String: Journal] { try book().attempts }

    /// What this device knows of the server's count of its updates.
    package func receipts() throws(ParticipantError) -> ReceiptCount { try book().receipts }

    private func book() throws(ParticipantError) -> (attempts: [String: Journal], receipts: ReceiptCount) {
        guard let bytes = try read("journal") else { return ([:], ReceiptCount()) }
        do {
            let message = try Sotto_V1_ClientJournal(wire: bytes, limit: 1 << 20, what: journalPath)
            var attempts: [String: Journal] = [:]
            for attempt in message.attempts { attempts[attempt.task] = try Journal(attempt, path: journalPath) }
            return (attempts, ReceiptCount(known: message.receipts, isUnconfirmed: message.unconfirmed))
        } catch {
            throw .input("\(error)")
        }
    }

    /// Replaces the record of a task's latest attempt and, where given, the count of receipts, at once.
    package func setJournal(_ journal: Journal, receipts: ReceiptCount? = nil) throws(ParticipantError) {
        let book = try book()
        var attempts = book.attempts
        attempts[journal.round.identifier.task] = journal
        let receipts = receipts ?? book.receipts
        var message = Sotto_V1_ClientJournal()
        message.attempts = attempts.sorted { $0.key < $1.key }.map(\.value.message)
        message.receipts = receipts.known
        message.unconfirmed = receipts.isUnconfirmed
        try write(message.wireBytes(), to: "journal")
    }

    // MARK: The unfinished round

    /// The stored plan, when it is the one of this hash. A damaged one can be fetched again, so it counts as absent.
    package func plan(_ hash: [UInt8]) -> [UInt8]? {
        let stored = try? Self.translating { () throws(FileError) in try ChecksummedFile.read(planPath) }
        guard let bytes = stored, SHA256.hash(bytes) == hash else { return nil }
        return bytes
    }

    package func setPlan(_ bytes: [UInt8]) throws(ParticipantError) {
        try Self.translating { () throws(FileError) in try ChecksummedFile.write(bytes, to: planPath) }
    }

    /// The upload's bytes, when they are those that the journal names. Damaged ones cannot be sent, so they count as
    /// absent, and the attempt is dropped.
    package func update(_ hash: [UInt8], limit: Int) -> [UInt8]? {
        guard let bytes = try? read("update", limit: limit), SHA256.hash(bytes) == hash else { return nil }
        return bytes
    }

    package func setUpdate(_ bytes: [UInt8]) throws(ParticipantError) {
        try write(bytes, to: "update")
    }

    package func removeUpdate() throws(ParticipantError) {
        try Self.translating { () throws(FileError) in try DurableFile.remove(updatePath) }
    }

    private func read(_ name: String, limit: Int = 1 << 20) throws(ParticipantError) -> [UInt8]? {
        let file = path + "/" + name
        let sealed = try Self.translating { () throws(FileError) in
            try ChecksummedFile.read(file, limit: limit + DeviceKey.overhead)
        }
        guard let sealed else { return nil }
        return try key.open(sealed, name: name, path: file)
    }

    private func write(_ bytes: [UInt8], to name: String) throws(ParticipantError) {
        try Self.write(bytes, to: name, of: path, key)
    }

    private static func write(
        _ bytes: [UInt8],
        to name: String,
        of path: String,
        _ key: borrowing DeviceKey
    ) throws(ParticipantError) {
        let sealed = try key.seal(bytes, name: name)
        try translating { () throws(FileError) in try ChecksummedFile.write(sealed, to: path + "/" + name) }
    }

    static func translating<Value: ~Copyable>(
        _ body: () throws(FileError) -> Value
    ) throws(ParticipantError) -> Value {
        do {
            return try body()
        } catch {
            throw error.isOfMachine ? .failure("\(error)") : .input("\(error)")
        }
    }
}
