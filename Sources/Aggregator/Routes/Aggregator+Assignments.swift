// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Messages
internal import Rounds
internal import Store
internal import Synchronization

extension Aggregator {
    /// `POST /v1/assignments`: what the client should do now.
    func assign(_ request: APIRequest, _ caller: Caller) async throws -> APIResponse {
        let message = try Sotto_V1_AssignmentRequest(wire: request.body, what: "assignment request")
        let accepted = Set(message.acceptedPlans.map(\.byteArray))
        let refused = Set(message.refusedTasks)
        let now = now()
        let answer = try await commits.submit { session, _ in
            try self.useNonce(caller, session)
            return try self.work(for: caller.client, accepting: accepted, refusing: refused, now: now, session)
        }
        return try await compute.run { try self.reply(answer, to: caller.client) }
    }

    /// What a client is told.
    private enum Answer: Sendable {
        case assignment(RoundRecord, modelBytes: Int, receipts: Int)
        case wait(milliseconds: UInt64, reason: String, plans: [[UInt8]])
        case finished(reason: String)
    }

    private func work(
        for client: String,
        accepting accepted: Set<[UInt8]>,
        refusing refused: Set<String>,
        now: UInt64,
        _ session: StoreSession
    ) throws -> Answer {
        let tasks = try session.tasks().filter { !refused.contains($0.name) }
        var waitsFor: [TaskRecord] = []
        var quiet: UInt64?
        for task in tasks where task.status == .running || task.status == .paused {
            guard accepted.contains(task.planHash) else { continue }
            let record = try session.openRound(of: task.name)
            if task.status == .running {
                let since = pace.withLock { $0.quiet(task, record, now: now) }
                quiet = min(quiet ?? since, since)
            }
            let plan = try plans.plan(task.planHash, session)
            if let record, let assignment = try join(client, record, plan, now: now, session) { return assignment }
            guard task.status == .running else { continue }
            // Who may not take part in the next round is not waited for.
            let round = (record?.identifier.round ?? task.round) + 1
            let past = try session.participation(
                of: client,
                in: task.name,
                exceptRound: round,
                exceptEvery: plan.plan.rounds.evaluationPeriod
            )
            let standing = ServerRound.Standing(participations: past.count, lastRound: past.lastRound)
            if plan.plan.rounds.allows(standing, inRound: round) { waitsFor.append(task) }
        }
        return try waiting(client, for: waitsFor, tasks, accepted, quiet: quiet, now: now, session)
    }

    /// The assignment of an open round, where the client is or becomes a member of it.
    private func join(
        _ client: String,
        _ open: RoundRecord,
        _ plan: ServedPlan,
        now: UInt64,
        _ session: StoreSession
    ) throws -> Answer? {
        guard open.state == .open else { return nil }
        let identifier = open.identifier
        var standing = ServerRound.Standing()
        standing.isMember = try session.isMember(client, of: identifier)
        standing.hasDelivered = try session.update(of: client, in: identifier) != nil
        if !standing.isMember {
            let past = try session.participation(
                of: client,
                in: identifier.task,
                exceptRound: identifier.round,
                exceptEvery: plan.plan.rounds.evaluationPeriod
            )
            (standing.participations, standing.lastRound) = (past.count, past.lastRound)
        }
        var record = open
        switch ServerRound(record, terms: plan.plan.rounds).join(standing, now: now) {
        case .done, .full, .capped:
            return nil
        case .member:
            break
        case .joins:
            // Another server may have filled the round meanwhile: decided again with the round in hand.
            guard let locked = try session.lockRound(identifier), locked.state == .open,
                ServerRound(locked, terms: plan.plan.rounds).join(standing, now: now) == .joins
            else { return nil }
            try session.addMember(client, to: identifier, now: now)
            try session.stopWaiting(client, for: open.planHash)
            record = locked
            if locked.members + 1 == locked.expected { try session.notify() }
        }
        return .assignment(
            record,
            modelBytes: try session.blobLength(record.modelHash) ?? 0,
            receipts: try session.client(client)?.receipts ?? 0
        )
    }

    private func waiting(
        _ client: String,
        for waitsFor: [TaskRecord],
        _ tasks: [TaskRecord],
        _ accepted: Set<[UInt8]>,
        quiet: UInt64?,
        now: UInt64,
        _ session: StoreSession
    ) throws -> Answer {
        let alive = tasks.filter { $0.status == .created || $0.status == .running || $0.status == .paused }
        if alive.isEmpty, !tasks.isEmpty { return .finished(reason: "every task is finished") }
        if alive.isEmpty { return .finished(reason: "no task is open to this client") }
        let steering = environment.configuration.pace
        let clients = try pace.withLock { try $0.clients(session, now: now) }
        let plans = alive.filter { !accepted.contains($0.planHash) }.map(\.planHash)
        // A plan that is still to be reviewed is no reason to stay away.
        let pause = steering.pause(clients: clients, quietMilliseconds: plans.isEmpty ? quiet : 0)
        for task in waitsFor {
            try session.noteWaiting(client, for: task.planHash, until: now + steering.patience(after: pause))
        }
        let isRunning = alive.contains { $0.status == .running }
        return .wait(
            milliseconds: pause,
            reason: isRunning ? "waiting for the next round" : "no task is running",
            plans: plans
        )
    }

    private func reply(_ answer: Answer, to client: String) throws -> APIResponse {
        var reply = Sotto_V1_AssignmentReply()
        reply.keys = keys.statements(now: now())
        switch answer {
        case .assignment(let record, let modelBytes, let receipts):
            var assignment = Sotto_V1_Assignment()
            assignment.client = client
            assignment.task = record.identifier.task
            assignment.round = UInt32(record.identifier.round)
            assignment.attempt = UInt32(record.identifier.attempt)
            assignment.planHash = Data(record.planHash)
            assignment.modelHash = Data(record.modelHash)
            assignment.modelBytes = UInt64(modelBytes)
            assignment.keyID = record.keyID
            assignment.roundPublicKey = Data(record.publicKey)
            assignment.deadlineUnixMilliseconds = record.closesAt ?? record.configuresUntil
            assignment.receipts = UInt64(receipts)
            reply.assignment = Sotto_V1_Signed(.assignment, body: assignment.wireBytes(), key: signingKey.key)
        case .wait(let milliseconds, let reason, let plans):
            reply.wait.milliseconds = UInt32(clamping: milliseconds)
            reply.wait.reason = reason
            reply.wait.plansToReview = plans.map { Data($0) }
        case .finished(let reason):
            reply.finished.reason = reason
        }
        return .message(reply.wireBytes())
    }
}
