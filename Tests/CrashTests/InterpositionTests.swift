// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import TestKit
import Testing

/// The tests of this target mean nothing unless the library sees the calls of our processes and of the libraries in them.
@Suite("The library that ends processes", .timeLimit(.minutes(2)))
struct InterpositionTests {
    @Test("It sees every kind of call of both executables: our own, SQLite's, NIO's and libcurl's")
    func seen() async throws {
        let site = try await CrashSite(rounds: 1)
        let logs = ["server", "client"].map { site.folder.file("calls-\($0)") }
        let server = try await site.listeningServer(["SOTTO_CRASH_LOG": logs[0]])
        let clients = try (1...3).map { try site.client($0, $0 == 1 ? ["SOTTO_CRASH_LOG": logs[1]] : [:]) }
        for client in clients { #expect(try await client.ended().status == 0) }
        server.signal(SIGTERM)
        #expect(try await server.ended().status == 0)

        let client = CountedCall.list(site.folder.bytes(of: "calls-client"))
        for call in [
            ("write", "journal.new"), ("fsync", "journal.new"), ("rename", "journal"), ("fsync", "client-1"),
            ("write", "ledger"), ("fsync", "ledger"), ("unlink", "update"), ("send", "socket"),
        ] {
            #expect(client.contains(CountedCall(name: call.0, target: call.1)), "client: \(call)")
        }
        // An enrolment, at least two questions, a plan, a model and an upload.
        #expect(client.count { $0.target == "socket" } >= 6)
        let calls = CountedCall.list(site.folder.bytes(of: "calls-server"))
        for call in [
            ("pwrite64", "sotto.sqlite-wal"), ("pwrite64", "sotto.sqlite"), ("fdatasync", "sotto.sqlite-wal"),
            ("fdatasync", "sotto.sqlite"), ("rename", "model.safetensors"), ("fsync", "privacy.json.new"),
        ] {
            #expect(calls.contains(CountedCall(name: call.0, target: call.1)), "server: \(call)")
        }
        // Three clients with as many requests each, every one answered.
        #expect(calls.count { $0.target == "socket" } >= 18)

        let uploads = SentUpload.list(site.folder.bytes(of: site.sentLog(1)))
        #expect(uploads.count == 1 && uploads.allSatisfy { $0.isComplete && $0.body.count > 1000 })
    }

    @Test("It ends a process before, in and after the call that it was told")
    func moments() async throws {
        // The first file that the client writes is its device key: its calls 1 to 5 are an unlink, a write, a sync, a rename
        // and the sync of the folder.
        func bytes(_ point: CrashPoint, _ index: Int, _ site: CrashSite) async throws -> Int {
            let client = try site.client(index, point.environment)
            #expect(try await client.ended().status == -Int(SIGKILL))
            let names = try FileManager.default.contentsOfDirectory(atPath: site.clientFolder(index))
            let name = try #require(names.first { $0.hasPrefix("device.key.") })
            return try #require(site.folder.bytes(of: "client-\(index)/\(name)")).count
        }
        let site = try await CrashSite(rounds: 1)
        let whole = try await bytes(CrashPoint(call: 3, moment: .before), 1, site)
        #expect(whole > 1)
        #expect(try await bytes(CrashPoint(call: 2, moment: .before), 2, site) == 0)
        #expect(try await bytes(CrashPoint(call: 2, moment: .torn), 3, site) == whole / 2)
        let other = try await CrashSite(rounds: 1)
        #expect(try await bytes(CrashPoint(call: 2, moment: .after), 1, other) == whole)
    }

    /// What a run may leave that no run must.
    enum Fault: CaseIterable, Sendable {
        case nothingCharged
        case nothingSent
        case secondBody
        case otherBody
    }

    @Test(
        "What is checked after a run finds a missing charge and uploads that should not be",
        arguments: Fault.allCases
    )
    func faults(_ fault: Fault) async throws {
        let site = try await CrashSite(rounds: 1)
        let run = CrashRun(site)
        try await run.run()
        let log = site.sentLog(1)
        let sent = try #require(site.folder.bytes(of: log))
        // The last byte of the upload, which only questions of a fixed kind follow.
        let body = try #require(SentUpload.list(sent).first?.body)
        let end = try #require(sent.indices.reversed().first { sent[...$0].suffix(body.count).elementsEqual(body) })
        var changed = sent
        changed[end] ^= 1
        switch fault {
        case .nothingCharged: try site.folder.put([UInt8](), in: "client-1/ledger")
        case .nothingSent: try site.folder.remove(log)
        case .secondBody: try site.folder.put(sent + changed, in: log)
        case .otherBody: try site.folder.put(changed, in: log)
        }
        await withKnownIssue("\(fault)") { try await Invariants(run).check(run) }
        if fault != .nothingCharged {
            try site.folder.put(sent, in: log)
            try await Invariants(run).check(run)
        }
    }
}
