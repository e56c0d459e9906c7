// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Files
internal import FoundationEssentials
internal import Messages
package import Rounds

/// A participant's folder: identity, ledger, journal, and the sealed update of an unfinished round.
///
/// Every file is readable by its owner alone, written durably and checked when it is read. The folder is locked, so that
/// two processes cannot draw for the same round.
package struct StateFolder: ~Copyable {
    private let path: String
    private let lock: FolderLock

    package init(_ path: String) throws(ParticipantError) {
        self.path = path
        lock = try Self.translating { () throws(FileError) in
            try DurableFile.makeFolder(path)
            return try FolderLock(folder: path, holder: "client")
        }
    }

    package var ledgerPath: String { path + "/ledger" }
    private var identityPath: String { path + "/identity" }
    private var journalPath: String { path + "/journal" }
    private var planPath: String { path + "/plan" }
    private var updatePath: String { path + "/update" }

    // MARK: Identity

    /// The enrolled identity, or one that has its key but no name yet, or `nil`.
    func identity() throws(ParticipantError) -> Sotto_V1_ClientIdentity? {
        guard let bytes = try read(identityPath) else { return nil }
        do {
            return try Sotto_V1_ClientIdentity(wire: bytes, what: identityPath)
        } catch {
            throw .input("\(error)")
        }
    }

    func setIdentity(_ identity: Sotto_V1_ClientIdentity) throws(ParticipantError) {
        try write(identity.wireBytes(), to: identityPath)
    }

    // MARK: Journal

    /// The latest attempt of each task that this device took part in; at most one is unfinished.
    package func journals() throws(ParticipantError) -> [String: Journal] {
        guard let bytes = try read(journalPath) else { return [:] }
        do {
            let message = try Sotto_V1_ClientJournal(wire: bytes, limit: 1 << 20, what: journalPath)
            return try message.attempts.reduce(into: [:]) { journals, attempt in
                journals[attempt.task] = try Journal(attempt, path: journalPath)
            }
        } catch {
            throw .input("\(error)")
        }
    }

    /// Replaces the record of a task's latest attempt.
    package func setJournal(_ journal: Journal) throws(ParticipantError) {
        var journals = try journals()
        journals[journal.round.identifier.task] = journal
        var message = Sotto_V1_ClientJournal()
        message.attempts = journals.sorted { $0.key < $1.key }.map(\.value.message)
        try write(message.wireBytes(), to: journalPath)
    }

    // MARK: The unfinished round

    /// The stored plan, when it is the one of this hash. A damaged one can be fetched again, so it counts as absent.
    package func plan(_ hash: [UInt8]) -> [UInt8]? {
        guard let bytes = try? read(planPath), SHA256.hash(bytes) == hash else { return nil }
        return bytes
    }

    package func setPlan(_ bytes: [UInt8]) throws(ParticipantError) {
        try write(bytes, to: planPath)
    }

    /// The upload's bytes, when they are those that the journal names. Damaged ones cannot be sent, so they count as
    /// absent, and the attempt is dropped.
    package func update(_ hash: [UInt8], limit: Int) -> [UInt8]? {
        let bytes = try? ChecksummedFile.read(updatePath, limit: limit)
        guard let bytes, SHA256.hash(bytes) == hash else { return nil }
        return bytes
    }

    package func setUpdate(_ bytes: [UInt8]) throws(ParticipantError) {
        try write(bytes, to: updatePath)
    }

    package func removeUpdate() throws(ParticipantError) {
        try Self.translating { () throws(FileError) in try DurableFile.remove(updatePath) }
    }

    private func read(_ path: String) throws(ParticipantError) -> [UInt8]? {
        try Self.translating { () throws(FileError) in try ChecksummedFile.read(path) }
    }

    private func write(_ bytes: [UInt8], to path: String) throws(ParticipantError) {
        try Self.translating { () throws(FileError) in try ChecksummedFile.write(bytes, to: path) }
    }

    static func translating<Value: ~Copyable>(
        _ body: () throws(FileError) -> Value
    ) throws(ParticipantError) -> Value {
        do {
            return try body()
        } catch {
            throw .input("\(error)")
        }
    }
}

/// The durable record of a task's latest attempt.
package struct Journal: Hashable, Sendable {
    package var round: ClientRound
    package var planHash: [UInt8]
    package var modelHash: [UInt8]
    /// SHA-256 of the upload's body; empty before there is one.
    package var bodyHash: [UInt8]
    /// Entries of the server's ledger at the time of the last receipt for this task; they never become fewer.
    package var ledgerIndex: UInt64

    package init(
        round: ClientRound,
        planHash: [UInt8],
        modelHash: [UInt8],
        bodyHash: [UInt8] = [],
        ledgerIndex: UInt64 = 0
    ) {
        self.round = round
        self.planHash = planHash
        self.modelHash = modelHash
        self.bodyHash = bodyHash
        self.ledgerIndex = ledgerIndex
    }

    init(_ message: Sotto_V1_ClientJournal.Attempt, path: String) throws(WireError) {
        guard let stage = ClientRound.Stage(rawValue: Int(message.stage)) else {
            throw WireError("\(path): was written by another version; use that version or another folder")
        }
        self.init(
            round: ClientRound(
                identifier: RoundIdentifier(
                    task: message.task,
                    round: Int(message.round),
                    attempt: Int(message.attempt)
                ),
                stage: stage
            ),
            planHash: message.planHash.byteArray,
            modelHash: message.modelHash.byteArray,
            bodyHash: message.bodyHash.byteArray,
            ledgerIndex: message.ledgerIndex
        )
    }

    var message: Sotto_V1_ClientJournal.Attempt {
        var message = Sotto_V1_ClientJournal.Attempt()
        message.task = round.identifier.task
        message.round = UInt32(round.identifier.round)
        message.attempt = UInt32(round.identifier.attempt)
        message.stage = UInt32(round.stage.rawValue)
        message.planHash = Data(planHash)
        message.modelHash = Data(modelHash)
        message.bodyHash = Data(bodyHash)
        message.ledgerIndex = ledgerIndex
        return message
    }
}
