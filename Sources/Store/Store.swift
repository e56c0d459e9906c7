// SPDX-License-Identifier: Apache-2.0

package import Rounds

/// What an aggregator remembers, behind one protocol.
///
/// Each call is one transaction: it has happened whole and is on disk when it returns, or it throws and nothing has
/// changed. The privacy ledger, the round's state and the set of accepted updates change in one transaction, so that a
/// crash between two calls leaves a state from which the same round goes on.
///
/// Calls block; they are made from the aggregator's own thread, never from Swift's cooperative pool. Secrets (a round's
/// private key, its partial sum) come in sealed under a key that is not in the store.
package protocol Store: AnyObject, Sendable {
    // MARK: Clients

    /// Notes an invite by the SHA-256 of its secret.
    func addInvite(secretHash: [UInt8]) throws(StoreError)

    /// Enrols a client with an unused invite. The same key with the same invite again gives the same name, so that a lost
    /// answer can be asked for once more.
    ///
    /// - Returns: the client's name, or `nil` when the invite is unknown or was used for another key.
    func enrol(client: String, publicKey: [UInt8], inviteSecretHash: [UInt8]) throws(StoreError) -> String?

    /// The public key of a client.
    func publicKey(of client: String) throws(StoreError) -> [UInt8]?

    /// Notes that a client used a nonce.
    ///
    /// - Parameters:
    ///   - expires: until when the nonce must be remembered, in milliseconds since 1970.
    ///   - now: nonces that expired before are forgotten.
    /// - Returns: `false` when it was used before.
    func useNonce(_ nonce: [UInt8], client: String, expires: UInt64, now: UInt64) throws(StoreError) -> Bool

    // MARK: Tasks

    /// Makes a task with its plan and first model.
    ///
    /// - Throws: ``StoreError/conflict(_:)`` when a task of that name exists.
    func createTask(_ task: TaskRecord, plan: [UInt8], model: [UInt8]) throws(StoreError)

    func task(_ name: String) throws(StoreError) -> TaskRecord?
    /// All tasks, oldest first.
    func tasks() throws(StoreError) -> [TaskRecord]
    /// Changes a task's status where it is one of `from`; otherwise nothing changes.
    ///
    /// - Returns: whether it changed.
    @discardableResult
    func setStatus(
        _ status: TaskStatus,
        reason: String,
        of task: String,
        from: Set<TaskStatus>
    ) throws(StoreError) -> Bool

    /// A plan or model by its SHA-256.
    func blob(_ hash: [UInt8]) throws(StoreError) -> [UInt8]?

    // MARK: Rounds

    /// Opens an attempt and appends its reservation to the ledger.
    func openRound(_ round: RoundRecord, reservation: LedgerRow) throws(StoreError)

    /// The attempts that are neither committed nor abandoned.
    func openRounds() throws(StoreError) -> [RoundRecord]

    /// Adds a member to an open round.
    func addMember(_ client: String, to round: RoundIdentifier, closesAt: UInt64) throws(StoreError)

    /// Replaces the deadline of an open round after an outage.
    func setDeadline(_ closesAt: UInt64, of round: RoundIdentifier) throws(StoreError)

    /// Adds an update to the accepted set and replaces the sealed running sum.
    func accept(_ update: AcceptedUpdate, in round: RoundIdentifier, sealedSum: [UInt8]) throws(StoreError)

    /// The receipt that was given for an update, also after its round has ended.
    func receipt(of client: String, in round: RoundIdentifier) throws(StoreError) -> AcceptedUpdate?

    /// Ends a round with a new model: ledger entry, optimizer state, model, result and the round's end, all or nothing.
    /// The round's private key and sum are erased.
    func commit(_ commit: RoundCommit) throws(StoreError)

    /// Ends an attempt without a release; its private key and sum are erased.
    func abandon(_ round: RoundIdentifier, entry: LedgerRow) throws(StoreError)

    /// The results of a task's committed rounds, in order.
    func results(of task: String) throws(StoreError) -> [RoundResult]

    /// The highest attempt that was opened for a round, 0 for none.
    func lastAttempt(task: String, round: Int) throws(StoreError) -> Int

    // MARK: Ledger

    /// The encoded entries of a population's ledger, in order.
    func ledger(of population: String) throws(StoreError) -> [LedgerRow]
}

/// A store that cannot do what was asked; one line.
package enum StoreError: Error, CustomStringConvertible {
    /// Something of that name exists, or another process has changed the same state.
    case conflict(String)
    /// The database cannot be read or written, or holds something that this version does not understand.
    case database(String)

    package var description: String {
        switch self {
        case .conflict(let reason), .database(let reason): reason
        }
    }
}
