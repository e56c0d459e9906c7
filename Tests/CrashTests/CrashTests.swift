// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import TestKit
import Testing

/// Server, clients and commands are killed at calls all over their lives, started again, and the run goes to its end.
///
/// Many points share a run, because each start of a process takes the next one. `SOTTO_CRASH_SCRIPT` repeats one run.
@Suite("kill -9 at any call", .serialized, .timeLimit(.minutes(LongTests.isOn ? 60 : 10)))
struct CrashTests {
    private static let seed: UInt64 = 20_261

    /// Runs that once found something; they come first.
    private static let kept: [String] = []

    @Test("Kept runs, and one that was asked for")
    func repeated() async throws {
        let asked = unsafe getenv("SOTTO_CRASH_SCRIPT").map { unsafe String(cString: $0) }
        for script in Self.kept + (asked.map { [$0] } ?? []) {
            _ = try await CrashSurvey.run(Script(script), on: .sqlite)
        }
    }

    @Test("Server and clients")
    func processes() async throws {
        let survey = try await CrashSurvey(on: .sqlite)
        try await survey.kill(server: 18, enrolments: 3, clients: 15, seed: Self.seed) { .sqlite }
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
