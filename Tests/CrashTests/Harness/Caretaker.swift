// SPDX-License-Identifier: Apache-2.0

import Participant
import Synchronization
import TestKit
import Testing

/// An operator who looks after the task: starts it again where too many attempts at a round were abandoned, as its message
/// asks for.
final class Caretaker: Victim {
    private let ports: [Int]
    private let command: @Sendable ([String]) async throws -> Ended
    private let started = Atomic(0)

    init(_ site: CrashSite) {
        ports = [site.port]
        command = { try await site.command($0) }
    }

    init(_ site: EnduranceSite) {
        ports = site.ports
        command = { try await site.command($0) }
    }

    /// How often the task was started again.
    var starts: Int { started.load(ordering: .relaxed) }

    func live(until run: RunEnd) async throws {
        while !run.isOver {
            for port in ports {
                guard try await isPaused(port) else { continue }
                let ended = try await command(["task", "start", CrashSite.task])
                // A database that is down is somebody else's care.
                #expect([0, 1].contains(ended.status), "\(ended.errors)")
                if ended.status == 0 { started.add(1, ordering: .relaxed) }
            }
            try await run.pause(milliseconds: 200, "the operator")
        }
    }

    /// What a server says; nothing where it is down.
    private func isPaused(_ port: Int) async throws -> Bool {
        struct Shown: Decodable {
            let status: String
        }
        return try await onThread {
            let transport = try CurlTransport(address: ServerAddress("http://127.0.0.1:\(port)"), timeoutSeconds: 5)
            let request = TransportRequest(method: "GET", target: "/v1/tasks/\(CrashSite.task)", replyLimit: 1 << 16)
            guard let reply = try? transport.send(request), reply.status == 200 else { return false }
            return try decoded(reply.body, as: Shown.self).status == "paused"
        }
    }
}
