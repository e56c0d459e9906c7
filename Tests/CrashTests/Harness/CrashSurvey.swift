// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestKit
import Testing

/// Kills server and clients at calls all over their lives, many points in a run, because each start of a process takes the
/// next one.
struct CrashSurvey {
    /// How many calls two rounds of a life have, start included, by an undisturbed run.
    private let serverCalls: Int
    private let clientCalls: Int
    /// Calls of a client until it is enrolled.
    private let enrolmentCalls: Int

    init(on database: DatabaseUnderTest) async throws {
        let site = try await CrashSite(rounds: 2, on: database)
        let server = try await site.listeningServer(["SOTTO_CRASH_LOG": site.folder.file("calls-server")])
        let clients = try (1...CrashSite.clients).map {
            try site.client($0, ["SOTTO_CRASH_LOG": site.folder.file("calls-\($0)")])
        }
        for client in clients { #expect(try await client.ended().status == 0) }
        server.signal(SIGTERM)
        #expect(try await server.ended().status == 0)
        let calls = CountedCall.list(site.folder.bytes(of: "calls-1"))
        serverCalls = CountedCall.list(site.folder.bytes(of: "calls-server")).count
        clientCalls = calls.count
        enrolmentCalls = calls.firstIndex { $0.target == "plan.new" } ?? 0
        try #require(serverCalls > 0 && enrolmentCalls > 0, "an undisturbed run has calls")
    }

    /// Runs a site with a script and checks everything.
    ///
    /// - Returns: the points that no life reached.
    static func run(_ script: Script, on database: DatabaseUnderTest) async throws -> Script {
        let run = CrashRun(try await CrashSite(rounds: 10, on: database), script: script)
        do {
            try await run.run()
            try await Invariants(run).check(run)
        } catch {
            Issue.record(error, run.account)
        }
        return Script(
            Dictionary(uniqueKeysWithValues: ([run.server] + run.clients).map { ($0.name, $0.waiting) })
        )
    }

    /// So many points drawn from a seed or, in a long run, all there are.
    ///
    /// - Parameters:
    ///   - enrolments: points in the first life of a client.
    ///   - database: of the next run.
    func kill(
        server serverCount: Int,
        enrolments enrolmentCount: Int,
        clients clientCount: Int,
        seed: UInt64,
        _ database: () throws -> DatabaseUnderTest
    ) async throws {
        func points(_ count: Int, _ calls: ClosedRange<Int>, _ seed: UInt64) -> [CrashPoint] {
            LongTests.isOn
                ? CrashPoint.all(calls: calls, seed: seed) : CrashPoint.drawn(count, calls: calls, seed: seed)
        }
        var server = points(serverCount, 1...serverCalls, seed + 1)
        // Only the first life of a device enrols.
        var enrolments = points(enrolmentCount, 1...enrolmentCalls, seed + 2)
        var clients = points(clientCount, 1...clientCalls, seed + 3)
        var reached = 0
        while !(server.isEmpty && enrolments.isEmpty && clients.isEmpty) {
            var script: [String: [CrashPoint]] = ["server": Array(server.prefix(10))]
            server.removeFirst(min(10, server.count))
            for index in 1...CrashSite.clients {
                let first = enrolments.popLast().map { [$0] } ?? []
                let rest = clients.suffix(4)
                clients.removeLast(rest.count)
                script["client-\(index)"] = first + rest
            }
            let database = try database()
            let left = try await Self.run(Script(script), on: database)
            let fired = Script(script).count - left.count
            #expect(fired > 0, "a run that reaches none of \(script) would go on for ever")
            if fired == 0 { break }
            reached += fired
            for (name, points) in left.points {
                if name == "server" { server += points } else { clients += points }
            }
            if LongTests.isOn { print("\(database): \(reached) crash points of server and clients") }
        }
    }
}
