// SPDX-License-Identifier: Apache-2.0

import Rounds
import Store
import Synchronization

/// Where a server dies: at its n-th change of the store, just before the transaction or just after it.
final class CrashScript: Sendable {
    enum Moment: Sendable {
        case before
        case after
    }

    private struct State {
        var changes = 0
        var hasCrashed = false
    }

    private let change: Int?
    private let moment: Moment
    private let state = Mutex(State())

    /// - Parameter change: counted from 0; `nil` never crashes and only counts.
    init(atChange change: Int? = nil, _ moment: Moment = .before) {
        self.change = change
        self.moment = moment
    }

    /// Changes that were begun.
    var changes: Int { state.withLock { $0.changes } }

    /// Whether the server that uses the store is dead; a new one begins with ``restart()``.
    var hasCrashed: Bool { state.withLock { $0.hasCrashed } }

    func restart() {
        state.withLock { $0.hasCrashed = false }
    }

    func perform<Value>(_ body: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        let isTheEnd = try state.withLock { (state) throws(StoreError) in
            guard !state.hasCrashed else { throw StoreError.database("the process is dead") }
            let isTheEnd = state.changes == change
            state.changes += 1
            state.hasCrashed = isTheEnd
            return isTheEnd
        }
        if isTheEnd, moment == .before { throw .database("the process died before a transaction") }
        let value = try body()
        if isTheEnd { throw .database("the process died after a transaction") }
        return value
    }

    func requireLife() throws(StoreError) {
        if hasCrashed { throw .database("the process is dead") }
    }
}

/// A store whose user dies as a script says. Nonces are not counted: their number depends on how often clients ask.
final class FaultyStore: Store {
    private let store: SQLiteStore
    private let script: CrashScript

    init(path: String, script: CrashScript) throws(StoreError) {
        store = try SQLiteStore(path: path)
        self.script = script
    }

    func addInvite(secretHash: [UInt8]) throws(StoreError) {
        try store.addInvite(secretHash: secretHash)
    }

    func enrol(client: String, publicKey: [UInt8], inviteSecretHash: [UInt8]) throws(StoreError) -> String? {
        try script.perform { () throws(StoreError) in
            try store.enrol(client: client, publicKey: publicKey, inviteSecretHash: inviteSecretHash)
        }
    }

    func publicKey(of client: String) throws(StoreError) -> [UInt8]? {
        try script.requireLife()
        return try store.publicKey(of: client)
    }

    func useNonce(_ nonce: [UInt8], client: String, expires: UInt64, now: UInt64) throws(StoreError) -> Bool {
        try script.requireLife()
        return try store.useNonce(nonce, client: client, expires: expires, now: now)
    }

    func createTask(_ task: TaskRecord, plan: [UInt8], model: [UInt8]) throws(StoreError) {
        try store.createTask(task, plan: plan, model: model)
    }

    func task(_ name: String) throws(StoreError) -> TaskRecord? {
        try script.requireLife()
        return try store.task(name)
    }

    func tasks() throws(StoreError) -> [TaskRecord] {
        try script.requireLife()
        return try store.tasks()
    }

    @discardableResult
    func setStatus(
        _ status: TaskStatus,
        reason: String,
        of task: String,
        from: Set<TaskStatus>
    ) throws(StoreError) -> Bool {
        try script.perform { () throws(StoreError) in
            try store.setStatus(status, reason: reason, of: task, from: from)
        }
    }

    func blob(_ hash: [UInt8]) throws(StoreError) -> [UInt8]? {
        try script.requireLife()
        return try store.blob(hash)
    }

    func openRound(_ round: RoundRecord, reservation: LedgerRow) throws(StoreError) {
        try script.perform { () throws(StoreError) in try store.openRound(round, reservation: reservation) }
    }

    func openRounds() throws(StoreError) -> [RoundRecord] {
        try script.requireLife()
        return try store.openRounds()
    }

    func addMember(_ client: String, to round: RoundIdentifier, closesAt: UInt64) throws(StoreError) {
        try script.perform { () throws(StoreError) in
            try store.addMember(client, to: round, closesAt: closesAt)
        }
    }

    func setDeadline(_ closesAt: UInt64, of round: RoundIdentifier) throws(StoreError) {
        try script.perform { () throws(StoreError) in try store.setDeadline(closesAt, of: round) }
    }

    func accept(_ update: AcceptedUpdate, in round: RoundIdentifier, sealedSum: [UInt8]) throws(StoreError) {
        try script.perform { () throws(StoreError) in
            try store.accept(update, in: round, sealedSum: sealedSum)
        }
    }

    func receipt(of client: String, in round: RoundIdentifier) throws(StoreError) -> AcceptedUpdate? {
        try script.requireLife()
        return try store.receipt(of: client, in: round)
    }

    func commit(_ commit: RoundCommit) throws(StoreError) {
        try script.perform { () throws(StoreError) in try store.commit(commit) }
    }

    func abandon(_ round: RoundIdentifier, entry: LedgerRow) throws(StoreError) {
        try script.perform { () throws(StoreError) in try store.abandon(round, entry: entry) }
    }

    func results(of task: String) throws(StoreError) -> [RoundResult] {
        try script.requireLife()
        return try store.results(of: task)
    }

    func lastAttempt(task: String, round: Int) throws(StoreError) -> Int {
        try script.requireLife()
        return try store.lastAttempt(task: task, round: round)
    }

    func ledger(of population: String) throws(StoreError) -> [LedgerRow] {
        try script.requireLife()
        return try store.ledger(of: population)
    }
}
