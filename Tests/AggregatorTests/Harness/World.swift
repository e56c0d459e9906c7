// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Cryptography
import Dispatch
import Logging
import Messages
import Participant
import Rounds
import Store
import Synchronization
import TestKit

/// A server in this process, on a state folder of its own and a clock that stands still: it can be thrown away and made
/// again at any moment, and everything that reaches it is noted.
///
/// Requests from clients' threads pass one at a time, so that a restart never meets a request of the server before it.
final class World: Sendable {
    let folder: MemoryFolder
    let clock = TestClock()
    let configuration: ServerConfiguration
    let terms: Terms
    private let script: CrashScript
    private let gate = DispatchSemaphore(value: 1)
    private let state = Mutex(State())

    private struct State {
        var aggregator: Aggregator?
        var restarts = 0
        /// Hashes of the bodies that were sent for each path of an update, by client.
        var bodies: [String: Set<[UInt8]>] = [:]
    }

    init(
        _ terms: Terms = Terms(),
        budget: SpendLimits? = nil,
        script: CrashScript = CrashScript()
    ) async throws {
        folder = try MemoryFolder()
        self.terms = terms
        self.script = script
        configuration = ServerConfiguration(
            name: "test",
            stateFolder: folder.file("server"),
            listen: try ListenAddress("127.0.0.1:0"),
            budgets: [
                terms.population: try budget ?? SpendLimits(epsilon: 50, epsilonServer: nil, delta: 1e-5)
            ]
        )
        try create(terms)
        try await restart()
    }

    /// Plans and starts a task.
    @discardableResult
    func create(_ terms: Terms) throws -> [String] {
        let path = folder.file("\(terms.name).toml")
        try folder.put(terms.toml, in: "\(terms.name).toml")
        let lines = try Administration.createTask(file: path, configuration: configuration)
        try Administration.setStatus(.start, task: terms.name, configuration: configuration)
        return lines
    }

    // MARK: The server

    /// Throws the server away, if there is one, and makes a new one on the same state folder.
    func restart() async throws {
        state.withLock { $0.aggregator = nil }
        script.restart()
        let clock = clock
        // The server before releases its folder when its last request is forgotten, which may take a moment; and a crash
        // that is scripted for the recovery itself is followed by one more start.
        for attempt in 0..<1000 {
            do {
                let aggregator = try await Aggregator(
                    configuration: configuration,
                    store: Store(FaultyDriver(path: databasePath, script: script)),
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                    clock: { clock.now },
                    workers: 1
                )
                return state.withLock {
                    $0.aggregator = aggregator
                    $0.restarts += 1
                }
            } catch {
                guard attempt < 999, script.hasCrashed || "\(error)".contains("in use") else { throw error }
                if script.hasCrashed { state.withLock { $0.restarts += 1 } }
                script.restart()
                try await Task.sleep(for: .milliseconds(1))
            }
        }
    }

    /// Ends the server for good, and waits until its folder is free.
    func close() async throws {
        weak let ending = aggregator
        state.withLock { $0.aggregator = nil }
        while ending != nil { try await Task.sleep(for: .milliseconds(1)) }
    }

    var aggregator: Aggregator {
        guard let aggregator = state.withLock({ $0.aggregator }) else { preconditionFailure("a world has a server") }
        return aggregator
    }

    var restarts: Int { state.withLock { $0.restarts } }

    func respond(to request: APIRequest) async -> APIResponse {
        let aggregator = aggregator
        let (method, target, headers) = (request.method, request.target, request.headers)
        switch await aggregator.admit(method: method, target: target, headers: headers) {
        case .failure(let refusal): return refusal.response
        case .success(let limit) where request.body.count > limit:
            return .refusal(413, "request: its body exceeds \(limit) bytes")
        case .success:
            let response = await aggregator.respond(to: request)
            // The running server looks after its rounds by itself; here each request is followed by a look.
            await aggregator.tick()
            return response
        }
    }

    /// Moves the clock and lets the server look after its rounds.
    func pass(seconds: UInt64) async {
        clock.advance(seconds: seconds)
        await aggregator.tick()
    }

    // MARK: Clients' threads

    /// What may happen to an exchange on its way.
    enum Fate: Sendable {
        case arrives
        /// The connection fails before the server has the request.
        case isLost
        /// The server has done what it was asked; the answer does not arrive.
        case replyIsLost
    }

    /// One exchange from a client's thread.
    func exchange(_ request: TransportRequest, fate: Fate) throws(TransportError) -> TransportReply {
        gate.wait()
        defer { gate.signal() }
        note(request)
        if fate == .isLost { throw TransportError("the request was lost") }
        var message = APIRequest(method: request.method, target: request.target, body: request.body)
        for header in request.headers { message.headers[header.name] = header.value }
        if !request.range.isEmpty { message.headers["range"] = request.range }
        let sent = message
        let response: APIResponse
        do {
            response = try blocking { await self.respond(to: sent) }
            if script.hasCrashed {
                try blocking { try await self.restart() }
                throw TransportError("the server died")
            }
        } catch {
            throw (error as? TransportError) ?? TransportError("\(error)")
        }
        if fate == .replyIsLost { throw TransportError("the reply was lost") }
        return TransportReply(status: response.status, body: response.body)
    }

    private func note(_ request: TransportRequest) {
        guard request.method == "PUT" else { return }
        let client = request.headers.first { $0.name == RequestSignature.clientHeader }?.value ?? ""
        let hash = SHA256.hash(request.body)
        state.withLock { _ = $0.bodies["\(client) \(request.target)", default: []].insert(hash) }
    }

    /// For each client and attempt, how many different bodies it ever sent.
    var bodiesSent: [String: Int] { state.withLock { $0.bodies.mapValues(\.count) } }

    // MARK: What is stored

    var databasePath: String { configuration.stateFolder + "/sotto.sqlite" }

    func openStore() throws -> Store { try Store(SQLiteDriver(path: databasePath)) }

    /// What the database says.
    func stored<Value>(_ body: (StoreSession) throws -> Value) throws -> Value { try openStore().read(body) }

    /// The ledger, read from the database alone and verified.
    func ledger() throws -> Ledger {
        let entries = try stored { try $0.ledger(of: terms.population) }.map { row in
            try LedgerEntry(canonicalEncoding: Array(row.entry.dropLast(32)), hash: Array(row.entry.suffix(32)))
        }
        return try Ledger(population: terms.population, entries: entries)
    }

    func task(_ name: String? = nil) throws -> TaskRecord {
        guard let task = try stored({ try $0.task(name ?? terms.name) }) else {
            preconditionFailure("the task of a world exists")
        }
        return task
    }

    func plan() throws -> TaskPlan {
        guard let bytes = try stored({ [hash = try task().planHash] in try $0.blob(hash) }) else {
            preconditionFailure("a task has a plan")
        }
        return try Sotto_V1_Plan(wire: bytes, what: "plan").plan()
    }

    func invite() throws -> String { try Administration.invite(configuration) }
}
