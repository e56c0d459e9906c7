// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Cryptography
import FoundationEssentials
import Messages
import NIOCore
import NIOPosix
import Synchronization
import WireKit

/// Devices that share some connections to one server.
struct Crowd: Sendable {
    let connections: [Connection]
    let devices: [WireDevice]
    let serverKeyHash: [UInt8]

    /// Opens connections and enrols a device with each invite.
    init(options: CrowdOptions, group: any EventLoopGroup) async throws {
        let text = try String(contentsOfFile: options.invites, encoding: .utf8)
        let invites = try text.split(separator: "\n").map { try InviteToken(String($0)) }
        guard let first = invites.first else { throw CommandError("\(options.invites): has no invite") }
        let server = try Connection.Server(options.server, certificate: options.serverCertificate)
        serverKeyHash = first.serverKeyHash
        connections = try await withThrowingTaskGroup(of: Connection.self) { tasks in
            for _ in 0..<options.connections { tasks.addTask { try await Connection.open(server, on: group) } }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        devices = invites.map { _ in WireDevice() }
        let enrolled = devices
        try await Self.onEach(connections, of: invites.indices) { connection, index in
            let body = enrolled[index].enrolment(secret: invites[index].secret)
            let answer = try await connection.send(
                Connection.Request(method: "POST", target: Paths.enrolments, body: body)
            )
            guard answer.status == 200 else { throw Self.refused("enrolment", answer) }
        }
    }

    /// Calls `body` for every index, one at a time on each connection.
    static func onEach(
        _ connections: [Connection],
        of indices: Range<Int>,
        _ body: @escaping @Sendable (Connection, Int) async throws -> Void
    ) async throws {
        let next = Atomic(indices.lowerBound)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for connection in connections {
                tasks.addTask { @Sendable in
                    while true {
                        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                        guard index < indices.upperBound else { return }
                        try await body(connection, index)
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }

    /// Sends a request that a device signs now.
    func send(
        _ method: String,
        _ target: String,
        body: [UInt8] = [],
        from device: Int,
        on connection: Connection
    ) async throws -> Connection.Answer {
        let headers = devices[device].headers(
            method,
            target,
            body: body,
            server: serverKeyHash,
            time: WallClock.milliseconds()
        )
        return try await connection.send(
            Connection.Request(method: method, target: target, headers: headers, body: body)
        )
    }

    /// Asks for work.
    func ask(
        from device: Int,
        accepting plans: [[UInt8]],
        on connection: Connection
    ) async throws -> Sotto_V1_AssignmentReply {
        var message = Sotto_V1_AssignmentRequest()
        message.acceptedPlans = plans.map { Data($0) }
        let answer = try await send(
            "POST",
            Paths.assignments,
            body: message.wireBytes(),
            from: device,
            on: connection
        )
        guard answer.status == 200 else { throw Self.refused("poll", answer) }
        return try Sotto_V1_AssignmentReply(wire: answer.body, what: "reply")
    }

    /// The plan of the one task that the server has.
    func plan() async throws -> (hash: [UInt8], plan: Sotto_V1_Plan) {
        let reply = try await ask(from: 0, accepting: [], on: connections[0])
        guard reply.wait.plansToReview.count == 1 else {
            throw CommandError("server: must have exactly one task that is not finished")
        }
        let hash = reply.wait.plansToReview[0].byteArray
        let answer = try await send("GET", Paths.blob(hash), from: 0, on: connections[0])
        guard answer.status == 200 else { throw Self.refused("plan", answer) }
        return (hash, try Sotto_V1_Plan(wire: answer.body, what: "plan"))
    }

    static func refused(_ what: String, _ answer: Connection.Answer) -> CommandError {
        let reason = (try? Sotto_V1_Refusal(wire: answer.body, limit: 1 << 16, what: "refusal"))?.reason
        return CommandError("\(what): the server answered \(answer.status): \(reason ?? "")", status: .refused)
    }
}
