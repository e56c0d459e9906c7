// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestKit
import Testing

@Suite("sotto account and the ledger of sotto train", .timeLimit(.minutes(2)))
struct AccountTests {
    private struct Run: Decodable {
        let epsilon: Double
        let ledgerEpsilon: Double?
        let ledgerEntries: Int?
        let ledgerRuns: Int?
        let ledgerHead: String?
    }

    private struct Total: Decodable {
        struct Against: Decodable {
            let adversary: String
            let epsilon: Double?
            let refused: String?
        }

        let population: String
        let entries: Int
        let attempts: Int
        let openAttempts: Int
        let head: String
        let signature: String
        let epsilonAgainst: [String: Double?]
        let against: [Against]
    }

    private struct Verdict: Decodable {
        struct Check: Decodable {
            let name: String
            let holds: Bool
        }

        let verified: Bool
        let checks: [Check]
        let notChecked: [String]
    }

    private struct Account: Decodable {
        let epsilon: Double
        let accountant: String
        let adjacency: String
        let sampling: String
    }

    private struct Statement: Decodable {
        let ledgerHead: String?
    }

    @Test("Two runs compose, in the file, in what is printed, and in what is recomputed")
    func runsCompose() async throws {
        let tool = try Tool()
        let ledger = tool.folder.file("ledger.json")
        let first = try await tool.json(tool.train(["--ledger", ledger]), as: Run.self)
        #expect(first.ledgerEntries == 2 && first.ledgerRuns == 1)
        #expect(try abs(#require(first.ledgerEpsilon) - first.epsilon) < 1e-6)

        let model = tool.folder.file("model")
        let second = try await tool.json(
            tool.train(["--ledger", ledger, "--output", model], noise: "1.5"),
            as: Run.self
        )
        let total = try #require(second.ledgerEpsilon)
        #expect(second.ledgerEntries == 4 && second.ledgerRuns == 2)
        #expect(total > first.epsilon && total > second.epsilon && total <= first.epsilon + second.epsilon)

        let recomputed = try await tool.json(["account", "--ledger", ledger, "--delta", "1e-5"], as: Total.self)
        #expect(recomputed.epsilonAgainst["outsider"] == total)
        #expect(recomputed.population == "digits" && recomputed.entries == 4 && recomputed.attempts == 2)
        #expect(recomputed.head == second.ledgerHead && recomputed.signature.hasPrefix("none"))
        let refused = recomputed.against.filter { $0.epsilon == nil }
        #expect(refused.map(\.adversary) == ["client", "server"])
        #expect(refused.allSatisfy { $0.refused?.contains("no guarantee") == true })

        let bytes = try #require(tool.folder.bytes(of: "model/privacy.json"))
        #expect(try decoded(bytes, as: Statement.self).ledgerHead == second.ledgerHead)
        let verdict = try await tool.json(["account", "--verify", model, "--ledger", ledger], as: Verdict.self)
        #expect(verdict.verified && verdict.checks.allSatisfy(\.holds) && !verdict.notChecked.isEmpty)
    }

    @Test("A run beyond the budget is refused with 3 before anything is spent; one that fails counts all the same")
    func budget() async throws {
        let tool = try Tool()
        let ledger = tool.folder.file("ledger.json")
        let run = try await tool.json(tool.train(["--ledger", ledger, "--ledger-budget", "50"]), as: Run.self)
        let before = tool.folder.bytes(of: "ledger.json")
        let budget = ["--ledger", ledger, "--ledger-budget", "\(run.epsilon * 1.01)"]
        try await tool.fails(tool.train(budget), 3, "the limit is")
        try await tool.fails(tool.train(["--ledger", ledger, "--population", "people"]), 2, "ledger of 'digits'")
        // Refused before the ledger is touched: nothing of it depends on data.
        try await tool.fails(tool.train(["--ledger", ledger, "--learning-rate=-1"]), 2, "learning rate")
        #expect(tool.folder.bytes(of: "ledger.json") == before)

        let diverging = ["--ledger", ledger, "--model", "mlp", "--learning-rate", "1e6", "--clip", "1e18"]
        try await tool.fails(tool.train(diverging), 1, "diverged")
        let total = try await tool.json(["account", "--ledger", ledger], as: Total.self)
        #expect(total.attempts == 2 && total.openAttempts == 0)
        #expect(try #require(total.epsilonAgainst["outsider"] ?? nil) > run.epsilon)
    }

    @Test("A run that is killed stays reserved and counts in full")
    func killed() async throws {
        let tool = try Tool()
        let ledger = tool.folder.file("ledger.json")
        let run = tool.train(["--ledger", ledger, "--model", "mlp", "--epochs", "3000"], noise: "30")
        let process = try RunningProcess("sotto", run, in: tool.folder)
        try await process.wait("the run is reserved") { tool.folder.bytes(of: "ledger.json") != nil }
        process.signal(SIGKILL)
        #expect(try await process.ended().status == -Int(SIGKILL))
        let open = try await tool.json(["account", "--ledger", ledger], as: Total.self)
        #expect(open.entries == 1 && open.openAttempts == 1)
        let next = try await tool.json(tool.train(["--ledger", ledger]), as: Run.self)
        let alone = try #require(open.epsilonAgainst["outsider"] ?? nil)
        #expect(try #require(next.ledgerEpsilon) > alone && next.ledgerRuns == 2)
    }

    @Test("Runs at the same time are all in the ledger")
    func concurrent() async throws {
        let tool = try Tool()
        let ledger = tool.folder.file("ledger.json")
        async let left = tool.json(tool.train(["--ledger", ledger]), as: Run.self)
        async let right = tool.json(tool.train(["--ledger", ledger]), as: Run.self)
        _ = try await (left, right)
        let total = try await tool.json(["account", "--ledger", ledger], as: Total.self)
        #expect(total.entries == 4 && total.attempts == 2 && total.openAttempts == 0)
    }

    @Test("What does not hold ends with 4, what cannot be read with 2")
    func refusals() async throws {
        let tool = try Tool()
        let (ledger, model) = (tool.folder.file("ledger.json"), tool.folder.file("model"))
        _ = try await tool.json(tool.train(["--ledger", ledger, "--output", model]), as: Run.self)
        let statement = String(decoding: try #require(tool.folder.bytes(of: "model/privacy.json")), as: UTF8.self)
        try tool.folder.put(
            statement.replacing("\"outsider\": ", with: "\"outsider\": 0.1, \"was\": ", maxReplacements: 1),
            in: "low.json"
        )
        let low = try await tool.run(["account", "--verify", model, tool.folder.file("low.json"), "--json"])
        #expect(low.status == 4 && low.complaint?.contains("epsilon, outsider") == true, "\(low.errors)")
        #expect(try !decoded(Array(low.output.utf8), as: Verdict.self).verified)

        var weights = try #require(tool.folder.bytes(of: "model/model.safetensors"))
        weights[weights.count - 1] ^= 1
        try tool.folder.put(weights, in: "other.safetensors")
        let both = [tool.folder.file("other.safetensors"), model + "/privacy.json"]
        try await tool.fails(["account", "--verify"] + both, 4, "model hash")

        try await tool.fails(["account", "--verify", model, ledger], 2, "not a privacy statement")
        try await tool.fails(["account", "--verify", tool.folder.file("none")], 2, "no such file")
        try await tool.fails(["account", "--ledger", model + "/privacy.json"], 2, "not a ledger")
        try await tool.fails(["account", "--ledger", model + "/model.safetensors"], 2, "not a ledger")
        let text = String(decoding: try #require(tool.folder.bytes(of: "ledger.json")), as: UTF8.self)
        try tool.folder.put(text.replacing("\"bound\": ", with: "\"bound\": 1"), in: "damaged.json")
        try await tool.fails(["account", "--ledger", tool.folder.file("damaged.json")], 2, "entry 0 is damaged")
        let key = String(repeating: "ab", count: 32)
        try await tool.fails(["account", "--ledger", ledger, "--ledger-key", key], 2, "there is none")
        try await tool.fails(["account", "--ledger", ledger, "--delta", "2"], 2, "--delta")
    }

    @Test(
        "Options that do not go together end with 2 and one line",
        arguments: [
            ([], "--mechanism is missing"), (["--steps", "3", "--delta", "1e-5"], "--mechanism is missing"),
            (["--mechanism", "gaussian", "--steps", "3", "--noise-multiplier", "1"], "--delta is missing"),
            (["--ledger", "x", "--steps", "3"], "--steps belongs to --mechanism"),
            (["--ledger", "x", "--mechanism", "gaussian", "--steps", "3", "--noise-multiplier", "1"], "only one of"),
            (["--verify", "a", "b", "c"], "3 paths"), (["--verify", "a", "--delta", "1e-5"], "no --delta"),
            (["--ledger-key", "00", "--verify", "a"], "--ledger-key needs --ledger"),
            (["--ledger", "x", "--accountant", "pld", "--conversion", "classic"], "--conversion belongs to"),
        ]
    )
    func combinations(_ arguments: [String], _ reason: String) async throws {
        try await Tool().fails(["account"] + arguments, 2, reason)
    }

    @Test("Reports are one file each that reads as XML, and needs nothing else")
    func reports() async throws {
        let tool = try Tool()
        let (ledger, model) = (tool.folder.file("ledger.json"), tool.folder.file("model"))
        _ = try await tool.json(tool.train(["--ledger", ledger, "--output", model]), as: Run.self)
        let mechanism = [
            "--mechanism", "gaussian", "--noise-multiplier", "1", "--sampling-rate", "0.01", "--steps", "1000",
            "--delta", "1e-5",
        ]
        let plain = try await tool.json(["account"] + mechanism, as: Account.self)
        #expect(plain.accountant == "pld" && plain.adjacency == "add-or-remove-one")
        #expect(plain.sampling == "Poisson, rate 0.01")
        let page = tool.folder.file("<&'page>.html")
        for arguments in [mechanism, ["--ledger", ledger], ["--verify", model]] {
            let ended = try await tool.run(["account"] + arguments + ["--report", page])
            #expect(ended.status == 0, "\(ended.errors)")
            let html = String(decoding: try #require(tool.folder.bytes(of: "<&'page>.html")), as: UTF8.self)
            #expect(malformation(of: html) == nil)
            #expect(html.split(separator: "<svg").count == 4 && html.split(separator: "<polyline").count >= 6)
            #expect(html.contains("prefers-color-scheme: dark") && html.contains("program SHA-256"))
            #expect(html.contains("&lt;&amp;") && html.contains("--report"))
            for forbidden in ["<script", "http:", "https:", "url(", "@import", "<link", "src="] {
                #expect(!html.contains(forbidden), "\(forbidden)")
            }
        }
    }
}
