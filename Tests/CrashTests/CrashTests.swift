// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import TestKit
import Testing

/// Server, clients and commands are killed at calls all over their lives, started again, and the run goes to its end.
///
/// Many points share a run, because each start of a process takes the next one. `SOTTO_CRASH_SCRIPT` repeats one run.
@Suite("kill -9 at any call", .serialized, .timeLimit(.minutes(LongTests.isOn ? 60 : 3)))
struct CrashTests {
    private static let seed: UInt64 = 20_261

    /// Runs that once found something; they come first.
    private static let kept: [String] = []

    /// How many calls two rounds of a life have, start included, by an undisturbed run.
    private static func lengths() async throws -> (server: Int, client: Int, firstClient: Int) {
        let site = try await CrashSite(rounds: 2)
        let server = try await site.listeningServer(["SOTTO_CRASH_LOG": site.folder.file("calls-server")])
        let clients = try (1...CrashSite.clients).map {
            try site.client($0, ["SOTTO_CRASH_LOG": site.folder.file("calls-\($0)")])
        }
        for client in clients { #expect(try await client.ended().status == 0) }
        server.signal(SIGTERM)
        #expect(try await server.ended().status == 0)
        let client = CountedCall.list(site.folder.bytes(of: "calls-1"))
        let enrolment = client.firstIndex { $0.target == "plan.new" } ?? 0
        return (CountedCall.list(site.folder.bytes(of: "calls-server")).count, client.count, enrolment)
    }

    /// Runs a site with a script and checks everything.
    ///
    /// - Returns: the points that no life reached.
    private static func run(_ script: Script, rounds: Int = 10) async throws -> Script {
        let run = CrashRun(try await CrashSite(rounds: rounds), script: script)
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

    @Test("Kept runs, and one that was asked for")
    func repeated() async throws {
        let asked = unsafe getenv("SOTTO_CRASH_SCRIPT").map { unsafe String(cString: $0) }
        for script in Self.kept + (asked.map { [$0] } ?? []) { _ = try await Self.run(Script(script)) }
    }

    @Test("Server and clients")
    func processes() async throws {
        let lengths = try await Self.lengths()
        func points(_ count: Int, _ calls: ClosedRange<Int>, _ seed: UInt64) -> [CrashPoint] {
            LongTests.isOn
                ? CrashPoint.all(calls: calls, seed: Self.seed + seed)
                : CrashPoint.drawn(count, calls: calls, seed: Self.seed + seed)
        }
        var server = points(18, 1...lengths.server, 1)
        // Only the first life of a device enrols.
        var enrolments = points(3, 1...lengths.firstClient, 2)
        var clients = points(15, 1...lengths.client, 3)
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
            let left = try await Self.run(Script(script))
            let fired = Script(script).count - left.count
            #expect(fired > 0, "a run that reaches none of \(script) would go on for ever")
            if fired == 0 { break }
            reached += fired
            for (name, points) in left.points {
                if name == "server" { server += points } else { clients += points }
            }
        }
        print("crash points of server and clients: \(reached)")
    }

    @Test("A client that dies while it makes its device key leaves one file that holds the key, and goes on")
    func deviceKey() async throws {
        let site = try await CrashSite(rounds: 1)
        for call in 1...6 {
            for moment in [CrashPoint.Moment.before, .after] {
                let folder = site.clientFolder(1)
                try? FileManager.default.removeItem(atPath: folder)
                for point in [CrashPoint(call: call, moment: moment), CrashPoint(call: 8, moment: .after)] {
                    #expect(try await site.client(1, point.environment).ended().status == -Int(SIGKILL))
                }
                let key = try #require(site.folder.bytes(of: "client-1/device.key"))
                let holders = try FileManager.default.contentsOfDirectory(atPath: folder).filter { name in
                    site.folder.bytes(of: "client-1/" + name) == key
                }
                #expect(holders == ["device.key"], "killed at \(call):\(moment)")
            }
        }
    }

    @Test("Commands: what was half done by one that died is not there, and the same command works then")
    func commands() async throws {
        let counting = try await CrashSite(rounds: 1)
        try counting.folder.put(counting.taskFile(name: "second"), in: "second.toml")
        let create = ["task", "create", counting.folder.file("second.toml")]
        #expect(try await counting.command(create, ["SOTTO_CRASH_LOG": counting.folder.file("calls")]).status == 0)
        let length = CountedCall.list(counting.folder.bytes(of: "calls")).count
        let points =
            LongTests.isOn
            ? CrashPoint.all(calls: 1...length, seed: Self.seed + 4)
            : CrashPoint.drawn(4, calls: 1...length, seed: Self.seed + 4)
        for (place, point) in points.enumerated() {
            // Another task each time, on a database that only ever died.
            let name = "task-\(place)"
            try counting.folder.put(counting.taskFile(name: name), in: "\(name).toml")
            let arguments = ["task", "create", counting.folder.file("\(name).toml")]
            let died = try await counting.command(arguments, point.environment)
            #expect(died.status == -Int(SIGKILL) || died.status == 0, "task create at \(point): \(died.errors)")
            let again = try await counting.command(arguments)
            let isThere = again.status == 2 && again.complaint?.contains("exists already") == true
            #expect(again.status == 0 || isThere, "task create at \(point): \(again.errors)")
            #expect(died.status != 0 || isThere, "task create at \(point) was said to be done: \(again.errors)")
            let start = try await counting.command(["task", "start", name])
            #expect(start.status == 0, "task create at \(point): \(start.errors)")
        }
    }
}
