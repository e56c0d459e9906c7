// SPDX-License-Identifier: Apache-2.0

import Accounting
import Participant
import Store
import TestKit
import Testing

/// The page in a real browser, from a real server with real clients.
@Suite(
    "The page in a browser",
    .serialized,
    .enabled(if: Browser.path != nil, "Chromium is not installed: apt-get install chromium"),
    .timeLimit(.minutes(3))
)
struct BrowserTests {
    @Test("Without a task the page says how to make one; after a run it shows the task, its rounds and curves")
    func page() async throws {
        var terms = Terms()
        terms.rounds = 6
        terms.cohort = 2
        terms.fewestSurvivors = 2
        terms.evaluation = "digits"
        let folder = try MemoryFolder()
        try folder.put(Site.serverFile(state: folder.file("empty")), in: "server.toml")
        let empty = try RunningProcess("sotto-server", ["run", "--config", folder.file("server.toml")], in: folder)
        var address = ""
        try await empty.wait("the server listens") {
            address = empty.errors.firstMatch(of: /http:\/\/[0-9.:]+/).map { String($0.output) } ?? ""
            return !address.isEmpty
        }
        let nothing = try await Browser.document(of: address + "/", in: folder)
        #expect(nothing.contains("No task yet") && nothing.contains(">Live<"))
        #expect(nothing.firstMatch(of: /<section id="empty"[^>]*hidden/) == nil)

        let site = try await Site(terms)
        let invites = try await site.invites(2)
        let (server, port) = try await site.start()
        let clients = try (1...2).map { try site.client($0, of: 2, port: port, invite: invites[$0 - 1]) }
        for client in clients { #expect(try await client.ended().status == 0) }

        let page = try await Browser.document(of: "http://127.0.0.1:\(port)/", in: site.folder)
        // What is in the template is no part of the page.
        let shown = String(page.prefix(upTo: page.firstRange(of: "<template")?.lowerBound ?? page.endIndex))
        #expect(shown.firstMatch(of: /<section id="empty"[^>]*hidden/) != nil)
        #expect(shown.contains(">digits</h2>") && shown.contains(">finished</span>") && shown.contains("Round 6"))
        #expect(shown.contains("public set: digits"))
        // Both curves go through six points, and six bars stand for the clients.
        let curves = shown.matches(of: /class="curve" d="([^"]+)"/).map {
            $0.1.split(whereSeparator: { "ML".contains($0) }).count
        }
        #expect(curves == [6, 6])
        let bars = shown.firstMatch(of: /class="delivered" d="([^"]+)"/)?.output.1.count { $0 == "Z" }
        #expect(bars == 6)
        let accuracy = try #require(try site.stored { try $0.results(of: "digits") }.last?.accuracy)
        let percent = (accuracy * 1000).rounded() / 10
        #expect(shown.contains("accuracy \(percent) %") && shown.contains(">\(percent) %</output>"))
        // ε against every adversary, and the head of the ledger.
        for adversary in try site.ledger().adversaries {
            let title = adversary.description.prefix(1).uppercased() + adversary.description.dropFirst()
            #expect(shown.contains(">\(title)<"), "\(title)")
        }
        #expect(shown.contains(try hexadecimal(site.ledger().head.hash)))
        #expect(shown.contains("digits: round 6 committed") && shown.contains("digits: finished"))
        for attempt in try site.stored({ try $0.attempts(of: "digits", from: 1) }) { #expect(attempt.members == 2) }
        #expect(shown.firstMatch(of: /c-[0-9a-f]{20}/) == nil)

        let picture = site.folder.file("page.png")
        _ = try await Browser.document(of: "http://127.0.0.1:\(port)/", screenshot: picture, in: site.folder)
        // A page without content would be a few kilobytes.
        let bytes = try #require(site.folder.bytes(of: "page.png"))
        #expect(bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) && bytes.count > 30_000)
        // An open stream does not keep a server from ending.
        let listener = try RunningProcess(path: "/bin/sh", ["-c", Self.listening(port)], in: site.folder)
        try await listener.wait("a stream is open") { listener.output.contains("event: task") }
        server.signal(15)
        #expect(try await server.ended().status == 0)
        empty.signal(15)
        #expect(try await empty.ended().status == 0)
    }

    @Test("Where progress needs a token the page asks for one, and shows nothing else")
    func token() async throws {
        let folder = try MemoryFolder()
        let file = Site.serverFile(state: folder.file("server"))
        try folder.put(file.replacing("[server]\n", with: "[server]\npublic-reports = false\n"), in: "server.toml")
        let server = try RunningProcess("sotto-server", ["run", "--config", folder.file("server.toml")], in: folder)
        var address = ""
        try await server.wait("the server listens") {
            address = server.errors.firstMatch(of: /http:\/\/[0-9.:]+/).map { String($0.output) } ?? ""
            return !address.isEmpty
        }
        let page = try await Browser.document(of: address + "/", in: folder)
        #expect(page.firstMatch(of: /<dialog id="token"[^>]* open/) != nil && page.contains(">Waiting for a token<"))
        #expect(page.firstMatch(of: /<section id="empty"[^>]*hidden/) != nil && !page.contains(">Live<"))
    }

    /// A reader of the stream that needs nothing but a shell.
    private static func listening(_ port: Int) -> String {
        #"exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/\#(port); printf "GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n" >&3; cat <&3'"#
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
