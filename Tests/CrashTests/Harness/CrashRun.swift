// SPDX-License-Identifier: Apache-2.0

import Participant
import TestKit
import Testing

/// One run of a site from its first round to its last, with processes that die at the points of a script.
struct CrashRun {
    let site: CrashSite
    let server: Supervised
    let clients: [Supervised]
    private let script: Script

    /// Longest duration of a run; whoever is not done then is held up by a defect.
    private static let limit = Duration.seconds(LongTests.isOn ? 900 : 120)

    /// - Parameters:
    ///   - firstLives: further settings of the library before the first life of a process, by its name.
    ///   - goesOnAfter: ends of their own after which clients are started again.
    ///   - serverGoesOnAfter: the same for the server.
    init(
        _ site: CrashSite,
        script: Script = Script(),
        firstLives: [String: [String: String]] = [:],
        everyLife: [String: [String: String]] = [:],
        goesOnAfter: @escaping @Sendable (Ended) -> Bool = { _ in false },
        serverGoesOnAfter: @escaping @Sendable (Ended) -> Bool = { _ in false }
    ) {
        self.site = site
        self.script = script
        @Sendable func settings(_ name: String, _ life: Supervised.Life) -> [String: String] {
            let first = life.ordinal == 0 ? firstLives[name] ?? [:] : [:]
            return (life.point?.environment ?? [:]).merging(first) { $1 }.merging(everyLife[name] ?? [:]) { $1 }
        }
        server = Supervised("server", points: script.points["server"] ?? [], goesOnAfter: serverGoesOnAfter) { life in
            try site.server(settings("server", life))
        }
        clients = (1...CrashSite.clients).map { index in
            let name = "client-\(index)"
            return Supervised(name, points: script.points[name] ?? [], goesOnAfter: goesOnAfter) { life in
                try site.client(index, settings(name, life))
            }
        }
    }

    /// What to run again, and what was said, for whoever looks into a failure.
    var account: Comment {
        let said = ([server] + clients).map { "\($0.name):\n\($0.errors.suffix(1500))" }.joined(separator: "\n")
        return
            "repeat by SOTTO_CRASH_SCRIPT='\(script)' swift test -c release --skip-build --filter CrashTests\n\(said)"
    }

    /// Runs until every client is done.
    ///
    /// - Parameter body: something that happens meanwhile.
    func run(while body: @escaping @Sendable (RunEnd) async throws -> Void = { _ in }) async throws {
        let end = RunEnd(within: Self.limit)
        let around = [server as any Victim, Caretaker(site)] + (site.database.server.map { [$0] } ?? [])
        let clients = clients
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for victim in around { group.addTask { try await victim.live(until: end) } }
                group.addTask { try await body(end) }
                group.addTask {
                    defer { end.declare() }
                    try await withThrowingTaskGroup(of: Void.self) { devices in
                        for client in clients { devices.addTask { try await client.live(until: end) } }
                        try await devices.waitForAll()
                    }
                }
                try await group.waitForAll()
            }
        } catch {
            throw TooLate(description: "\(error); \(account)")
        }
    }
}
