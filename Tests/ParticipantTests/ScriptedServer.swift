// SPDX-License-Identifier: Apache-2.0

import Cryptography
import FoundationEssentials
import Logging
import Messages
import Networks
import Participant
import Rounds
import Synchronization
import TestKit

/// A server in the same process with one task for one client, written from the wire's own messages and docs/federated.md. It does
/// what a test says, honest or not.
final class ScriptedServer: Sendable {
    /// A request that arrived.
    struct Request: Sendable {
        let method: String
        let target: String
        let contentRange: String
        let length: Int
        /// By the clock of ``Time``.
        let time: UInt64

        var isUpdate: Bool { target.hasSuffix("/update") }
    }

    enum Fate: Sendable {
        case arrives
        /// The connection fails before the server has the request.
        case isLost
        /// The server has done what it was asked; the answer does not arrive.
        case replyIsLost
        /// The server refuses.
        case refused(Int)
    }

    struct State {
        /// The round that is handed out; beyond the last one everything is finished.
        var round = 1
        var attempt = 1
        var lastRound: Int
        /// What is told as the count of the client's updates, if it counts.
        var receipts: UInt64 = 0
        var counts = true
        /// The parts of updates that have arrived, by target.
        var parts: [String: [UInt8]] = [:]
        var stored: [String: (hash: [UInt8], receipt: [UInt8])] = [:]
        var requests: [Request] = []
        var accepted: [[UInt8]] = []
        var client: Ed25519PublicKey?
    }

    let plan: TaskPlan
    let planBytes: [UInt8]
    let model: [UInt8]
    let time = Time()
    let state: Mutex<State>
    private let key = Ed25519PrivateKey()
    private let roundKey = X25519PrivateKey()
    private let secret = SystemRandom.bytes(16)
    private let fate: @Sendable (Request, Int) -> Fate

    /// - Parameter fate: of the n-th request to the path of an update, counted from 0.
    init(_ plan: TaskPlan, fate: @escaping @Sendable (Request, Int) -> Fate = { _, _ in .arrives }) throws {
        self.plan = plan
        self.fate = fate
        planBytes = Sotto_V1_Plan(plan).wireBytes()
        let network = try Network.preset(
            plan.model.preset,
            input: Shape(plan.model.inputShape),
            classes: plan.model.classes
        )
        model = network.safetensors(network.initialParameters(seed: 1))
        state = Mutex(State(lastRound: plan.rounds.rounds))
    }

    var invite: String { "\(InviteToken(serverKeyHash: SHA256.hash(key.publicKey.bytes), secret: secret))" }
    var updates: [Request] { state.withLock { $0.requests.filter(\.isUpdate) } }
    var round: Int { state.withLock { $0.round } }

    /// A device's run until the server has nothing more for it.
    func run(
        _ folder: MemoryFolder,
        state name: String = "state",
        conditions: [String] = [],
        isStopped: @escaping @Sendable () -> Bool = { false }
    ) throws -> ParticipantReport {
        var configuration = ParticipantConfiguration(
            server: try ServerAddress("http://127.0.0.1:1"),
            invite: invite,
            data: "digits:1/8",
            stateFolder: folder.file(name),
            memoryLimit: 1 << 30,
            maximumEpsilon: 100,
            maximumEpsilonAgainstServer: .infinity
        )
        configuration.conditions = conditions
        let time = time
        let participant = try Participant(
            configuration: configuration,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            transport: { Link(server: self) },
            randomness: .insecureNoNoise { UInt64($0.round) },
            clock: WallClock.milliseconds,
            steadyClock: { time.now },
            pause: { time.pass($0) }
        )
        return try Samples.whileLocked { try participant.run(isStopped: isStopped) }
    }

    private struct Link: Transport {
        let server: ScriptedServer

        func send(_ request: TransportRequest) throws(TransportError) -> TransportReply {
            try server.answer(request)
        }
    }

    private func answer(_ request: TransportRequest) throws(TransportError) -> TransportReply {
        let seen = Request(
            method: request.method,
            target: request.target,
            contentRange: request.headers.first { $0.name == "content-range" }?.value ?? "",
            length: request.body.count,
            time: time.now
        )
        let (ordinal, client) = state.withLock { state in
            let ordinal = state.requests.count(where: \.isUpdate)
            state.requests.append(seen)
            return (ordinal, state.client)
        }
        let fate = seen.isUpdate ? fate(seen, ordinal) : .arrives
        switch fate {
        case .isLost: throw TransportError("lost")
        case .refused(let status): return TransportReply(status: status, body: [])
        case .arrives, .replyIsLost: break
        }
        guard request.target == Paths.enrolments || client.map({ isSigned(request, seen, by: $0) }) == true else {
            return TransportReply(status: 401, body: [])
        }
        let (status, body) = state.withLock { respond(to: request, seen, &$0) }
        if case .replyIsLost = fate { throw TransportError("lost") }
        return TransportReply(status: status, body: body)
    }

    private func isSigned(_ request: TransportRequest, _ seen: Request, by client: Ed25519PublicKey) -> Bool {
        let headers = Dictionary(request.headers.map { ($0.name, $0.value) }) { first, _ in first }
        let signature = RequestSignature(
            method: request.method,
            target: request.target,
            range: request.range.isEmpty ? seen.contentRange : request.range,
            bodyHash: SHA256.hash(request.body),
            server: SHA256.hash(key.publicKey.bytes),
            client: headers[RequestSignature.clientHeader] ?? "",
            time: UInt64(headers[RequestSignature.timeHeader] ?? "") ?? 0,
            nonce: Hexadecimal.bytes(headers[RequestSignature.nonceHeader] ?? "") ?? []
        )
        let given = Hexadecimal.bytes(headers[RequestSignature.signatureHeader] ?? "") ?? []
        return client.verifies(signature: given, of: signature.signedBytes)
    }

    private func respond(
        to request: TransportRequest,
        _ seen: Request,
        _ state: inout State
    ) -> (status: Int, body: [UInt8]) {
        let identifier = RoundIdentifier(task: plan.task, round: state.round, attempt: state.attempt)
        switch (request.method, request.target) {
        case ("POST", Paths.enrolments): return enrol(request.body, &state)
        case ("POST", Paths.assignments): return (200, assignment(request.body, identifier, state))
        case ("GET", Paths.blob(SHA256.hash(planBytes))): return (200, planBytes)
        case ("GET", Paths.blob(SHA256.hash(model))): return (200, model)
        case ("GET", let target) where seen.isUpdate:
            return (200, progress(state.parts[target]?.count ?? 0))
        case ("PUT", let target) where seen.isUpdate: return accept(request.body, target, seen, identifier, &state)
        default: return (404, [])
        }
    }

    private func enrol(_ body: [UInt8], _ state: inout State) -> (Int, [UInt8]) {
        guard let message = try? Sotto_V1_EnrolmentRequest(wire: body, what: "enrolment"),
            let client = try? Ed25519PublicKey(bytes: message.publicKey.byteArray)
        else { return (400, []) }
        state.client = client
        var enrolment = Sotto_V1_Enrolment()
        enrolment.client = "c-1"
        enrolment.serverName = "scripted"
        enrolment.serverPublicKey = Data(key.publicKey.bytes)
        return (200, Sotto_V1_Signed(.enrolment, body: enrolment.wireBytes(), key: key).wireBytes())
    }

    private func assignment(_ body: [UInt8], _ identifier: RoundIdentifier, _ state: State) -> [UInt8] {
        var reply = Sotto_V1_AssignmentReply()
        guard let request = try? Sotto_V1_AssignmentRequest(wire: body, what: "request") else { return [] }
        let hash = SHA256.hash(planBytes)
        if request.refusedTasks.contains(plan.task) || state.round > state.lastRound {
            reply.finished.reason = "no task is left"
        } else if !request.acceptedPlans.contains(Data(hash)) {
            reply.wait.milliseconds = 20
            reply.wait.plansToReview = [Data(hash)]
        } else {
            var assignment = Sotto_V1_Assignment()
            assignment.client = "c-1"
            assignment.task = plan.task
            assignment.round = UInt32(identifier.round)
            assignment.attempt = UInt32(identifier.attempt)
            assignment.planHash = Data(hash)
            assignment.modelHash = Data(SHA256.hash(model))
            assignment.modelBytes = UInt64(model.count)
            assignment.keyID = "k"
            assignment.roundPublicKey = Data(roundKey.publicKey)
            assignment.receipts = state.counts ? state.receipts : 0
            reply.assignment = Sotto_V1_Signed(.assignment, body: assignment.wireBytes(), key: key)
        }
        return reply.wireBytes()
    }

    private func progress(_ received: Int) -> [UInt8] {
        var progress = Sotto_V1_UploadProgress()
        progress.received = UInt64(received)
        return progress.wireBytes()
    }

    private func accept(
        _ body: [UInt8],
        _ target: String,
        _ seen: Request,
        _ identifier: RoundIdentifier,
        _ state: inout State
    ) -> (Int, [UInt8]) {
        if let stored = state.stored[target], seen.contentRange.isEmpty {
            return stored.hash == SHA256.hash(body) ? (200, stored.receipt) : (409, [])
        }
        var whole = body
        if !seen.contentRange.isEmpty {
            let numbers = seen.contentRange.split { !$0.isNumber }.compactMap { Int($0) }
            guard numbers.count == 3, numbers[1] - numbers[0] + 1 == body.count else { return (400, []) }
            var received = state.parts[target] ?? []
            if numbers[0] <= received.count, numbers[1] >= received.count {
                received += body.dropFirst(received.count - numbers[0])
            }
            state.parts[target] = received
            if let stored = state.stored[target] { return (200, stored.receipt) }
            guard received.count == numbers[2] else { return (202, progress(received.count)) }
            whole = received
        }
        guard target == Paths.update(identifier) else { return (410, []) }
        state.receipts += 1
        state.round += 1
        state.attempt = 1
        state.accepted.append(whole)
        var receipt = Sotto_V1_Receipt()
        receipt.client = "c-1"
        receipt.task = identifier.task
        receipt.round = UInt32(identifier.round)
        receipt.attempt = UInt32(identifier.attempt)
        receipt.bodyHash = Data(SHA256.hash(whole))
        receipt.ledgerIndex = UInt64(identifier.round)
        receipt.receipts = state.counts ? state.receipts : 0
        let signed = Sotto_V1_Signed(.receipt, body: receipt.wireBytes(), key: key).wireBytes()
        state.stored[target] = (SHA256.hash(whole), signed)
        return (200, signed)
    }
}

/// A clock that pauses move and nothing else.
final class Time: Sendable {
    private let value = Mutex((now: UInt64(1_000_000), pauses: [UInt64]()))

    var now: UInt64 { value.withLock { $0.now } }
    var pauses: [UInt64] { value.withLock { $0.pauses } }

    func pass(_ milliseconds: UInt64) {
        value.withLock {
            $0.now += milliseconds
            $0.pauses.append(milliseconds)
        }
    }

    /// Time that goes by without a pause.
    func elapse(_ milliseconds: UInt64) {
        value.withLock { $0.now += milliseconds }
    }
}
