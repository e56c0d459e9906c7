// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestKit
import Testing

/// From some call on nothing more can be written, as on a full disk.
@Suite("A full disk", .serialized, .timeLimit(.minutes(LongTests.isOn ? 60 : 10)))
struct DiskFullTests {
    /// Nothing that needs room works from a call on, for so many calls or for ever.
    private static func full(from call: Int, for count: Int? = nil) -> [String: String] {
        var settings = ["SOTTO_CRASH_AT": "\(call)", "SOTTO_CRASH_WHEN": "full"]
        if let count { settings["SOTTO_CRASH_FOR"] = "\(count)" }
        return settings
    }

    @Test(
        "The server says so, refuses what it cannot keep, and goes on by itself when there is room",
        arguments: [60, 170, 263]
    )
    func server(call: Int) async throws {
        let site = try await CrashSite(rounds: 6)
        let run = CrashRun(site, firstLives: ["server": Self.full(from: call, for: 10)])
        try await run.run()
        try await Invariants(run).check(run)
        // One life, whatever it could not write.
        #expect(run.server.ends.map(\.status) == [0], run.account)
        let lines = run.server.errors.split(separator: "\n")
        #expect(lines.contains { $0.contains("full") && $0.contains("sotto.sqlite") }, run.account)
        #expect(lines.allSatisfy { $0.hasPrefix("sotto-server: ") || $0.hasPrefix("http: ") }, run.account)
    }

    @Test("A server that cannot write at its start says so in one line, and starts when there is room")
    func start() async throws {
        let site = try await CrashSite(rounds: 1)
        // The folder of a server that was killed: its log is taken up, which needs room.
        let killed = try site.server(CrashPoint(call: 12, moment: .after).environment)
        let clients = try (1...2).map { try site.client($0) }
        #expect(try await killed.ended().status == -Int(SIGKILL))
        let ended = try await site.server(Self.full(from: 1)).ended()
        #expect(ended.status == 1, "\(ended.errors)")
        let complaint = try #require(ended.complaint, "\(ended.errors)")
        #expect(complaint.contains("sotto.sqlite") && complaint.contains("disk is full"), "\(ended.errors)")
        for client in clients { client.signal(SIGKILL) }
        let run = CrashRun(site)
        try await run.run()
        try await Invariants(run).check(run)
    }

    @Test(
        "A client ends with one line that says so, and goes on when it is started again",
        arguments: LongTests.isOn ? Array(1...70) : [3, 20, 29, 37, 46, 62]
    )
    func client(call: Int) async throws {
        let site = try await CrashSite(rounds: 3)
        let run = CrashRun(site, firstLives: ["client-1": Self.full(from: call)]) { $0.status != 0 }
        try await run.run()
        try await Invariants(run).check(run)
        let ends = run.clients[0].ends
        #expect(ends.map(\.status) == [1, 0], run.account)
        let last = ends[0].errors.split(separator: "\n").last ?? ""
        #expect(last.hasPrefix("sotto-client: ") && last.contains("No space left on device"), "\(ends[0].errors)")
        #expect(last.contains(site.clientFolder(1)) && ends[0].output.isEmpty, "\(ends[0].errors)")
    }
}
