// SPDX-License-Identifier: Apache-2.0

import Aggregator
import FoundationEssentials
import GRDB
import Glibc
import Store
import TestKit
import Testing

/// What stops a server or its tool: a status, one line, and nothing half-written.
@Suite("Servers that must not start", .serialized, .timeLimit(.minutes(2)))
struct StartTests {
    @Test("A server file that is wrong ends with status 2 and one line that names the place")
    func serverFiles() async throws {
        let folder = try MemoryFolder()
        let good = Site.serverFile(state: folder.file("server"))
        func replacing(_ old: String, _ new: String) -> String { good.replacing(old, with: new) }
        for (text, reason) in [
            (replacing("listen =", "lisen ="), "unknown key lisen"), (replacing("\"127.0.0.1:0\"", "8470"), "a string"),
            (replacing("127.0.0.1:0", "0.0.0.0:80"), "loopback"), (replacing("127.0.0.1:0", "127.0.0.1"), "host:port"),
            (replacing("127.0.0.1:0", "127.0.0.1:99999"), "host:port"), (replacing("[server]", "[sever]"), "[server]"),
            (replacing("[[population]]", "[population]"), "[[population]]"),
            (replacing("epsilon = 100", "epsilon = \"many\""), "must be a number"),
            (replacing("epsilon = 100", "epsilon = -1"), "people"),
            (replacing("epsilon = 100", "epsilon = nan"), "people"),
            (replacing("delta = 1e-5", "delta = 1"), "delta"), (replacing("delta = 1e-5", ""), "lacks delta"),
            (good + "\n" + good.dropFirst(good.count - 60), "line"), (good + "\n[extra]", "unknown section [extra]"),
            (good + "\n[[population]]\nname = \"people\"\nepsilon = 1\ndelta = 0.1", "twice"),
            ("[server]\nstate = \"\(folder.file("server"))\"", "lacks a [[population]]"), ("server = [", "line 1"),
            ("[!]", "line 1: expected a key"), ("a = ,", "line 1: expected a value"),
            (replacing("listen =", "\"li\\u001b\\nsten\" ="), "unknown key li\u{FFFD}\u{FFFD}sten"),
        ] {
            try folder.put(text, in: "server.toml")
            let ended = try await Executable.run(
                "sotto-server",
                ["run", "--config", folder.file("server.toml")],
                in: folder
            )
            #expect(ended.status == 2, "\(reason): \(ended.errors)")
            #expect(ended.complaint?.contains(reason) == true, "\(reason): \(ended.errors)")
        }
        let missing = try await Executable.run("sotto-server", ["run", "--config", folder.file("none")], in: folder)
        #expect(missing.status == 2 && missing.complaint?.contains("no such file") == true, "\(missing.errors)")
        #expect(folder.bytes(of: "server/sotto.sqlite") == nil)
    }

    @Test("A task file that is wrong, or whose privacy is impossible, ends with status 2 and one line; no task is made")
    func taskFiles() async throws {
        let folder = try MemoryFolder()
        try folder.put(Site.serverFile(state: folder.file("server")), in: "server.toml")
        let good = Terms().toml
        for (old, new, reason) in [
            ("clip = 0.5", "clipp = 0.5", "lacks clip"), ("clip = 0.5", "clip = \"half\"", "must be a number"),
            ("clip = 0.5", "clip = 0.5\nextra = 1", "unknown key extra"),
            ("rounds = 3", "rounds = 2.5", "whole number"),
            ("rounds = 3", "rounds = 0", "rounds"), ("epsilon = 8.0", "epsilon = 0", "epsilon"),
            ("epsilon = 8.0", "epsilon = nan", "epsilon"), ("epsilon = 8.0", "epsilon = -1", "epsilon"),
            ("delta = 1e-5", "delta = 0", "delta"), ("delta = 1e-5", "delta = 1e-300", "delta"),
            ("sampling-rate = 0.05", "sampling-rate = 1.5", "sampling"), ("clip = 0.5", "clip = -1", "clip"),
            ("colluders = 1", "colluders = 3", "colluders"), ("unit = \"example\"", "unit = \"user\"", "only example"),
            ("fewest-survivors = 3", "fewest-survivors = 4", "fewest-survivors"), ("cohort = 3", "cohort = 0", ""),
            ("[data]", "precision = \"fp8\"\n[data]", "model.precision"),
            ("[data]", "storage = \"tf32\"\n[data]", "model.storage"),
            ("[data]", "loss-scale = 3\n[data]", "loss-scale"),
            ("preset = \"logistic\"", "preset = \"oracle\"", "oracle"), ("[1, 8, 8]", "[1, 0, 8]", "shape"),
            ("[1, 8, 8]", "[1, 8.5, 8]", "list of whole numbers"), ("classes = 10", "classes = 1", "classes"),
            ("examples = 1438", "examples = 0", "examples"), ("kind = \"sgd\"", "kind = \"adam\"", "sgd"),
            ("momentum = 0.9", "momentum = 1", "momentum"), ("learning-rate = 1.0", "learning-rate = inf", "learning"),
            ("name = \"digits\"", "name = \"../etc\"", "task.name"), ("\"people\"", "\"nobody\"", "population nobody"),
            ("evaluation = \"\"", "evaluation = \"idx:/none\"", "evaluation"),
            ("[optimizer]", "[optimiser]", "[optimizer]"), ("[1, 8, 8]", "[65536, 65536, 65536]", "shape"),
            ("examples = 1438", "examples = 9223372036854775807", "examples"),
            ("rounds = 3", "rounds = 99999999", "rounds"),
            ("fewest-survivors = 3", "fewest-survivors = -9223372036854775808", "fewest-survivors"),
            ("cohort = 3", "cohort = 9223372036854775807", "cohort"), ("colluders = 1", "colluders = -1", "colluders"),
            ("classes = 10", "classes = -10", "classes"), ("clip = 0.5", "clip = 1e300", "clip"),
            ("clip = 0.5", "clip = 1e-300", "clip"), ("deadline-seconds = 30", "deadline-seconds = 0", "deadline"),
            ("sampling-rate = 0.05", "sampling-rate = 1e-30", "sampling"),
            ("sampling-rate = 0.05", "sampling-rate = nan", "sampling"),
            ("sampling-rate = 0.05", "sampling-rate = # 0.05", "expected a value"),
        ] {
            try folder.put(good.replacing(old, with: new), in: "task.toml")
            let ended = try await Executable.run(
                "sotto-server",
                ["task", "create", "--config", folder.file("server.toml"), folder.file("task.toml")],
                in: folder
            )
            #expect(ended.status == 2, "\(new): \(ended.errors)")
            #expect(ended.complaint?.contains(reason) == true, "\(new): \(ended.errors)")
            #expect(ended.output.isEmpty)
        }
        if folder.bytes(of: "server/sotto.sqlite") != nil {
            #expect(try Store(SQLiteDriver(path: folder.file("server/sotto.sqlite"))).read { try $0.tasks() }.isEmpty)
        }
    }

    @Test("A ledger that was touched stops the server, its tool and its auditor with status 1")
    func corruptLedger() async throws {
        let world = try await World()
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for client in clients { _ = try await client.assignment() }
        let rows = try world.stored { try $0.ledger(of: "people") }
        let row = try #require(rows.first)
        try await world.close()
        try world.folder.put(Site.serverFile(state: world.configuration.stateFolder), in: "server.toml")
        let configuration = world.folder.file("server.toml")
        let queue = try DatabaseQueue(path: world.databasePath)
        for place in [0, 40, row.entry.count / 2, row.entry.count - 33, row.entry.count - 1] {
            var entry = row.entry
            entry[place] ^= 1
            let damaged = entry
            try await queue.write { database in
                try database.execute(sql: "UPDATE ledger SET entry = ? WHERE position = 0", arguments: [Data(damaged)])
            }
            for arguments in [["run"], ["ledger", "people"], ["task", "show", "digits"]] {
                let ended = try await Executable.run(
                    "sotto-server",
                    arguments + ["--config", configuration],
                    in: world.folder
                )
                #expect(ended.status == 1 && ended.output.isEmpty, "byte \(place): \(ended.errors)")
                #expect(ended.complaint?.contains("ledger") == true, "byte \(place): \(ended.errors)")
            }
        }
        // Also when the first entry is taken away.
        try await queue.write { database in try database.execute(sql: "DELETE FROM ledger") }
        try await queue.write { database in
            try database.execute(
                sql: "INSERT INTO ledger (population, position, entry) VALUES ('people', 1, ?)",
                arguments: [Data(row.entry)]
            )
        }
        let ended = try await Executable.run("sotto-server", ["run", "--config", configuration], in: world.folder)
        #expect(ended.status == 1 && ended.complaint?.contains("ledger") == true, "\(ended.errors)")
    }

    @Test("A port or a state folder that another server has, and a database that is none: status 1 and one line")
    func taken() async throws {
        let site = try await Site(Terms())
        let (server, port) = try await site.start()
        let other = try await Site(Terms())
        let samePort = try await other.server(["run", "--listen", "127.0.0.1:\(port)"])
        #expect(samePort.status == 1 && samePort.complaint?.contains("in use") == true, "\(samePort.errors)")
        let sameState = try await site.server(["run", "--listen", "127.0.0.1:0"])
        #expect(sameState.status == 1 && sameState.complaint?.contains("in use") == true, "\(sameState.errors)")
        server.signal(SIGTERM)
        #expect(try await server.ended().status == 0)

        try other.folder.put([UInt8](repeating: 0x5A, count: 8192), in: "server/sotto.sqlite")
        let noDatabase = try await other.server(["run"])
        #expect(
            noDatabase.status == 1 && noDatabase.complaint?.contains("sotto.sqlite") == true,
            "\(noDatabase.errors)"
        )
        try site.folder.put([UInt8](repeating: 1, count: 96), in: "server/server.key")
        let noKey = try await site.server(["run"])
        #expect(noKey.status == 1 && noKey.complaint?.contains("server.key") == true, "\(noKey.errors)")
    }
}
