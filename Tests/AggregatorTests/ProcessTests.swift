// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Glibc
import Participant
import Rounds
import Store
import TestKit
import Testing

/// The shipped executables on the loopback interface.
@Suite("Real processes", .serialized, .timeLimit(.minutes(2)))
struct ProcessTests {
    private static func terms() -> Terms {
        var terms = Terms()
        terms.rounds = 12
        terms.cohort = 4
        terms.fewestSurvivors = 3
        terms.deadlineSeconds = 3
        terms.evaluation = "digits"
        return terms
    }

    @Test("Server and client are killed in the middle of rounds: the run ends with the ledger of an undisturbed one")
    func kills() async throws {
        let calm = try await Site(Self.terms())
        try await run(calm, disturbed: false)
        let rough = try await Site(Self.terms())
        try await run(rough, disturbed: true)

        let (expected, found) = try (calm.ledger(), rough.ledger())
        #expect(
            expected.entries.map(\.charge.kind) == (0..<12).flatMap { _ in [.reserved, .spent] as [LedgerCharge.Kind] }
        )
        #expect(found.entries.count == expected.entries.count)
        for (left, right) in zip(expected.entries, found.entries) {
            #expect(left.charge.kind == right.charge.kind && left.charge.attempt == right.charge.attempt)
            #expect(left.charge.events == right.charge.events && left.charge.certificate == right.charge.certificate)
        }
        for site in [calm, rough] {
            let task = try #require(try site.stored { try $0.task("digits") })
            #expect(task.status == .finished && task.round == 12)
            #expect(try site.stored { try $0.openRounds() }.isEmpty)
            let report = try await site.server(["ledger", "people"])
            #expect(report.status == 0 && report.errors.isEmpty)
        }
        try await audit(calm)
    }

    /// What the server leaves behind can be recomputed by somebody else: the ledger it exports, and the model it released.
    private func audit(_ site: Site) async throws {
        let file = site.folder.file("audit.json")
        let exported = try await site.server(["ledger", "people", "--export", file])
        #expect(exported.status == 0, "\(exported.errors)")
        let key = try #require(exported.output.split(whereSeparator: \.isWhitespace).last)
        func account(_ arguments: [String]) async throws -> Ended {
            try await Executable.run("sotto", ["account", "--ledger", file, "--json"] + arguments, in: site.folder)
        }
        struct Total: Decodable {
            let entries: Int
            let signature: String
            let epsilonAgainst: [String: Double?]
        }
        let total = try await account(["--ledger-key", String(key)])
        #expect(total.status == 0, "\(total.errors)")
        let read = try decoded(Array(total.output.utf8), as: Total.self)
        #expect(read.entries == 24 && read.signature.contains("by the given key"))
        #expect(["outsider", "client", "server"].allSatisfy { (read.epsilonAgainst[$0] ?? nil) ?? 0 > 0 })
        let other = try await account(["--ledger-key", String(repeating: "0", count: 64)])
        #expect(other.status == 2 && other.complaint?.contains("signature") == true)

        struct Verdict: Decodable {
            let verified: Bool
        }
        let verdict = try await account(["--verify", site.folder.file("server/models/digits")])
        #expect(verdict.status == 0, "\(verdict.errors) \(verdict.output)")
        #expect(try decoded(Array(verdict.output.utf8), as: Verdict.self).verified)
    }

    @Test("Clients that hold examples out are told of in the task's table and report, with what it was paid with")
    func heldOut() async throws {
        var terms = Self.terms()
        terms.rounds = 2
        terms.cohort = 3
        terms.heldOut = "every = 2\nnoise-multiplier = 2"
        let site = try await Site(terms)
        let before = try await site.server(["task", "show", "digits"])
        #expect(before.output.contains("no evaluation round yet; one follows every 2 training rounds"))
        let invites = try await site.invites(3)
        let (server, port) = try await site.start()
        let clients = try (1...3).map { index in
            try site.client(
                index,
                of: 3,
                port: port,
                invite: invites[index - 1],
                // The third holds nothing out.
                index < 3 ? ["--held-out", "digits-test:\(index)/3"] : []
            )
        }
        for client in clients {
            let ended = try await client.ended()
            #expect(ended.status == 0, "\(ended.errors)")
            #expect(try decoded(Array(ended.output.utf8), as: ParticipantReport.self).ledgerEntries == 3)
        }
        server.signal(SIGTERM)
        #expect(try await server.ended().status == 0)

        let report = try await site.server(["task", "show", "digits", "--json"])
        let heldOut = try #require(try decoded(Array(report.output.utf8), as: TaskReport.self).heldOut)
        let line = try #require(heldOut.rounds.first)
        #expect(heldOut.rounds.count == 1 && line.round == 3 && heldOut.attempts == 1)
        // 240 of the 359 test examples; beyond 5 standard errors lies less than 1e-6.
        #expect(abs(line.count - 240) < 5 * line.countError && line.countError < 4)
        let accuracy = try #require(line.accuracy)
        #expect((0...1).contains(accuracy))
        let paid = try #require(heldOut.epsilonPaid.colluders)
        let table = try await site.server(["task", "show", "digits"]).output
        #expect(table.contains("held-out accuracy") && table.contains("test accuracy (public set)"))
        #expect(table.contains("paid: epsilon \(Int(paid))."))
        let audit = try await Executable.run(
            "sotto",
            ["account", "--verify", site.folder.file("server/models/digits")],
            in: site.folder
        )
        #expect(audit.status == 0, "\(audit.errors) \(audit.output)")
        let plain = try site.client(1, of: 3, port: port, invite: invites[0], ["--held-out", "digits:1/6"])
        let ended = try await plain.ended()
        #expect(ended.status == 2 && ended.complaint?.contains("has examples of --data") == true)
    }

    private func run(_ site: Site, disturbed: Bool) async throws {
        let invites = try await site.invites(4)
        var (server, port) = try await site.start()
        var clients = try (1...4).map { try site.client($0, of: 4, port: port, invite: invites[$0 - 1]) }
        let store = try site.store()
        if disturbed {
            for victim in 0..<2 {
                try await interruptedRound(of: clients[victim], server, store) {
                    server.signal(SIGKILL)
                    #expect(try await server.ended().status == -Int(SIGKILL))
                    server = try await site.start(port: port).process
                    clients[victim].signal(SIGCONT)
                }
            }
            try await interruptedRound(of: clients[2], server, store) {
                clients[2].signal(SIGKILL)
                #expect(try await clients[2].ended().status == -Int(SIGKILL))
                clients[2] = try site.client(3, of: 4, port: port, invite: invites[2])
            }
        }
        for client in clients {
            let ended = try await client.ended()
            #expect(ended.status == 0, "\(ended.errors)")
            let report = try decoded(Array(ended.output.utf8), as: ParticipantReport.self)
            #expect((1...12).contains(report.ledgerEntries) && report.epsilonAgainst["server"] ?? 0 > 0)
        }
        server.signal(SIGTERM)
        let ended = try await server.ended()
        #expect(ended.status == 0, "\(ended.errors)")
    }

    /// Stops a client, waits until the others have delivered in a round that it holds up, and then does something.
    private func interruptedRound(
        of client: RunningProcess,
        _ server: RunningProcess,
        _ store: Store,
        _ body: () async throws -> Void
    ) async throws {
        // A round that opened since the last interruption shows that all four have asked for work since.
        let before = try store.read({ try $0.task("digits") })?.round ?? 0
        try await server.wait("rounds go on") {
            try store.read({ try $0.openRounds() }).contains { $0.identifier.round >= before + 2 }
        }
        client.signal(SIGSTOP)
        try await server.wait("a round waits for the stopped client, after round \(before)") {
            try store.read({ try $0.openRounds() }).contains { (1..<4).contains($0.accepted) }
        }
        try await body()
    }

    @Test("A client ends with a status and one line that say why it does not take part")
    func clientStatuses() async throws {
        var terms = Self.terms()
        terms.cohort = 2
        terms.fewestSurvivors = 2
        terms.deadlineSeconds = 1
        let site = try await Site(terms)
        let invites = try await site.invites(4)
        let (server, port) = try await site.start()
        func ends(_ index: Int, _ more: [String], _ status: Int, _ reason: String) async throws {
            let ended = try await site.client(index, of: 4, port: port, invite: invites[index - 1], more).ended()
            #expect(ended.status == status, "\(ended.errors)")
            #expect(ended.output.isEmpty && ended.errors.contains(reason), "\(ended.errors)")
            let last = ended.errors.split(separator: "\n").last ?? ""
            #expect(last.hasPrefix("sotto-client") && last.contains(reason), "\(ended.errors)")
        }
        // Arguments, before anything is sent.
        for (more, reason) in [
            (["--server", "http://192.0.2.1:80"], "plain HTTP"), (["--server", "ftp://127.0.0.1"], "https://"),
            (["--server", "http://localhost.example.org"], "plain HTTP"), (["--data", "digits:9/4"], "digits"),
            (["--data", "parquet:x"], "--data"), (["--invite", "sotto1.00.00"], "invite"),
            (["--memory-limit", "many"], "memory-limit"), (["--max-epsilon", "-1"], "max-epsilon"),
            (["--delta", "2"], "--delta"), (["--workers", "0"], "--workers"),
        ] {
            try await ends(1, more, 2, reason)
        }
        // An invite that nobody made, and one that pins another server.
        let made = invites[2]
        let parts = made.split(separator: ".")
        let unknown = "\(parts[0]).\(parts[1]).\(String(repeating: "0", count: 32))"
        try await ends(3, ["--invite", unknown], 4, "invite is unknown")
        let elsewhere = "\(parts[0]).\(String(repeating: "0", count: 64)).\(parts[2])"
        try await ends(3, ["--invite", elsewhere], 4, "not the one that the invite pins")
        // Limits of the device; a willing client makes the second of the cohort.
        let willing = try site.client(4, of: 4, port: port, invite: invites[3])
        try await ends(1, ["--memory-limit", "2MiB"], 3, "--memory-limit allows")
        try await ends(2, ["--max-epsilon", "0.5"], 3, "--max-epsilon allows")
        #expect(try site.stored { try $0.task("digits") }?.round == 0)
        willing.signal(SIGTERM)
        let stopped = try await willing.ended()
        #expect(stopped.status == 0, "\(stopped.errors)")
        withExtendedLifetime(server) {}
    }

    @Test("Over HTTP: a body beyond its limit, a path that does not exist, and health")
    func http() async throws {
        let site = try await Site(Self.terms())
        let (server, port) = try await site.start()
        func status(_ method: String, _ target: String, _ count: Int) async throws -> Int {
            try await onThread {
                var request = TransportRequest(method: method, target: target, replyLimit: 1 << 16)
                request.body = [UInt8](repeating: 0x41, count: count)
                let transport = try CurlTransport(address: ServerAddress("http://127.0.0.1:\(port)"))
                return try transport.send(request).status
            }
        }
        #expect(try await status("GET", "/healthz", 0) == 200)
        #expect(try await status("GET", "/v1/tasks/digits", 0) == 200)
        #expect(try await status("GET", "/nowhere", 0) == 404)
        #expect(try await status("POST", "/v1/enrolments", 16 * 1024 + 1) == 413)
        #expect(try await status("POST", "/v1/enrolments", 16 * 1024) == 400)
        #expect(try await status("PUT", "/v1/tasks/digits/rounds/1/attempts/1/update", 8 << 20) == 413)
        #expect(try await status("PUT", "/v1/tasks/digits/rounds/1/attempts/1/update", 100) == 401)
        #expect(try await status("GET", "/healthz", 0) == 200)
        server.signal(SIGINT)
        #expect(try await server.ended().status == 0)
    }
}
