// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Messages
internal import Rounds
internal import Store

extension Aggregator {
    /// `POST /v1/assignments`: what the client should do now.
    func assign(_ request: APIRequest) throws -> APIResponse {
        let client = try authenticate(request)
        let message = try Sotto_V1_AssignmentRequest(wire: request.body, what: "assignment request")
        let accepted = Set(message.acceptedPlans.map(\.byteArray))
        waiting.note(client, accepting: accepted, now: clock())
        tick()
        let tasks = try store.tasks().filter { !message.refusedTasks.contains($0.name) }
        for task in tasks where task.status == .running || task.status == .paused {
            guard accepted.contains(task.planHash), let round = try openRound(of: task.name) else { continue }
            switch round.machine.join(client, now: clock()) {
            case .joined:
                do {
                    try store.addMember(client, to: round.machine.identifier, closesAt: round.machine.closesAt ?? 0)
                } catch {
                    forget(task.name, population: task.population)
                    throw error
                }
                return try assignment(of: round, to: client)
            case .member:
                return try assignment(of: round, to: client)
            case .done, .full:
                continue
            }
        }
        return answerWithoutWork(tasks, accepted: accepted)
    }

    private func assignment(of round: OpenRound, to client: String) throws -> APIResponse {
        let identifier = round.machine.identifier
        var assignment = Sotto_V1_Assignment()
        assignment.client = client
        assignment.task = identifier.task
        assignment.round = UInt32(identifier.round)
        assignment.attempt = UInt32(identifier.attempt)
        assignment.planHash = Data(try runtime(of: identifier.task).planHash)
        assignment.modelHash = Data(round.record.modelHash)
        assignment.modelBytes = UInt64(try store.blob(round.record.modelHash)?.count ?? 0)
        assignment.keyID = round.record.keyID
        assignment.roundPublicKey = Data(round.record.publicKey)
        assignment.deadlineUnixMilliseconds = round.machine.closesAt ?? 0
        var reply = Sotto_V1_AssignmentReply()
        reply.assignment = Sotto_V1_Signed(.assignment, body: assignment.wireBytes(), key: keys.signing)
        return .message(reply.wireBytes())
    }

    private func answerWithoutWork(_ tasks: [TaskRecord], accepted: Set<[UInt8]>) -> APIResponse {
        var reply = Sotto_V1_AssignmentReply()
        let alive = tasks.filter { $0.status == .created || $0.status == .running || $0.status == .paused }
        if alive.isEmpty, !tasks.isEmpty {
            reply.finished.reason = "every task is finished"
        } else if alive.isEmpty {
            reply.finished.reason = "no task is open to this client"
        } else {
            // A running round is over soon; a server without one is asked less often.
            let isBusy = alive.contains { $0.status == .running }
            reply.wait.milliseconds = isBusy ? 50 : 1000
            reply.wait.reason = isBusy ? "waiting for the next round" : "no task is running"
            reply.wait.plansToReview = alive.filter { !accepted.contains($0.planHash) }.map { Data($0.planHash) }
        }
        return .message(reply.wireBytes())
    }
}
