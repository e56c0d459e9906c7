// SPDX-License-Identifier: Apache-2.0

import Accounting
import Glibc
import Rounds
import Store
import TestKit
import Testing

/// A real server's files, and its processes on this machine.
final class Site: Sendable {
    let folder: MemoryFolder
    let terms: Terms

    init(_ terms: Terms) async throws {
        self.terms = terms
        folder = try MemoryFolder()
        try folder.put(Self.serverFile(state: folder.file("server")), in: "server.toml")
        try folder.put(terms.toml, in: "task.toml")
        for arguments in [["create", folder.file("task.toml")], ["start", terms.name]] {
            let ended = try await server(["task"] + arguments)
            try #require(ended.status == 0, "\(ended.errors)")
        }
    }

    static func serverFile(state: String, population: String = "people") -> String {
        """
        [server]
        name = "test"
        state = "\(state)"
        listen = "127.0.0.1:0"

        [[population]]
        name = "\(population)"
        epsilon = 100
        delta = 1e-5
        """
    }

    /// Runs a command of `sotto-server` to its end.
    func server(_ arguments: [String]) async throws -> Ended {
        try await Executable.run("sotto-server", arguments + ["--config", folder.file("server.toml")], in: folder)
    }

    func invites(_ count: Int) async throws -> [String] {
        let ended = try await server(["invite", "--count", "\(count)"])
        try #require(ended.status == 0, "\(ended.errors)")
        return ended.output.split(separator: "\n").map(String.init)
    }

    /// Starts the server and waits until it listens.
    ///
    /// - Parameter port: 0 for any.
    func start(port: Int = 0) async throws -> (process: RunningProcess, port: Int) {
        let process = try RunningProcess(
            "sotto-server",
            ["run", "--config", folder.file("server.toml"), "--listen", "127.0.0.1:\(port)"],
            in: folder
        )
        var found: Int?
        try await process.wait("the server listens; it said: \(process.errors)") {
            found = Self.port(in: process.errors)
            return found != nil
        }
        return (process, try #require(found))
    }

    private static func port(in log: String) -> Int? {
        guard let line = log.split(separator: "\n").first(where: { $0.contains("listening on http://127.0.0.1:") })
        else { return nil }
        return line.split(separator: ":").last.flatMap { Int($0) }
    }

    /// Starts a client on one part of the digits; the same index is the same device.
    func client(_ index: Int, of parts: Int, port: Int, invite: String, _ more: [String] = []) throws -> RunningProcess
    {
        let defaults = [
            ("--server", "http://127.0.0.1:\(port)"), ("--invite", invite), ("--data", "digits:\(index)/\(parts)"),
            ("--memory-limit", "512MiB"), ("--max-epsilon", "100"), ("--max-epsilon-server", "1e6"),
        ]
        return try RunningProcess(
            "sotto-client",
            ["run", "--state", folder.file("client-\(index)"), "--json"]
                + defaults.flatMap { more.contains($0) ? [] : [$0, $1] } + more,
            in: folder
        )
    }

    func store() throws -> Store { try Store(SQLiteDriver(path: folder.file("server/sotto.sqlite"))) }

    /// What the database says.
    func stored<Value>(_ body: (StoreSession) throws -> Value) throws -> Value { try store().read(body) }

    func ledger() throws -> Ledger {
        let entries = try stored { try $0.ledger(of: terms.population) }.map { row in
            try LedgerEntry(canonicalEncoding: Array(row.entry.dropLast(32)), hash: Array(row.entry.suffix(32)))
        }
        return try Ledger(population: terms.population, entries: entries)
    }
}
