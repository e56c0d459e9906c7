// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestKit
import Testing

/// A server, its clients and their files on this machine, each process behind the library of `CCrashPoints`.
final class CrashSite: Sendable {
    static let task = "digits"
    static let population = "people"
    static let clients = 3

    let folder: MemoryFolder
    let database: DatabaseUnderTest
    let rounds: Int
    let port: Int
    private let deadlineSeconds: Int
    private let invites: [String]
    /// The task before its first round.
    let start: Replay.Start

    /// Sets everything up; the task is started, no process runs.
    init(rounds: Int, deadlineSeconds: Int = 1, on database: DatabaseUnderTest = .sqlite) async throws {
        let folder = try MemoryFolder()
        self.folder = folder
        self.database = database
        self.rounds = rounds
        port = try Self.freePort()
        try folder.put(Self.serverFile(state: folder.file("server"), database.setting), in: "server.toml")
        self.deadlineSeconds = deadlineSeconds
        try folder.put(
            Self.taskFile(name: Self.task, rounds: rounds, deadlineSeconds: deadlineSeconds),
            in: "task.toml"
        )
        func command(_ arguments: [String]) async throws -> String {
            let ended = try await Executable.run("sotto-server", Self.all(arguments, folder), in: folder)
            try #require(ended.status == 0, "\(ended.errors)")
            return ended.output
        }
        _ = try await command(["task", "create", folder.file("task.toml")])
        start = try Replay.Start(database.open(folder.file("server")), task: Self.task)
        _ = try database.sql(folder.file("server"), database.keepsKeys)
        _ = try await command(["task", "start", Self.task])
        invites = try await command(["invite", "--count", "\(Self.clients)"]).split(separator: "\n").map(String.init)
    }

    private static func serverFile(state: String, _ setting: String) -> String {
        """
        [server]
        name = "test"
        state = "\(state)"
        listen = "127.0.0.1:0"
        \(setting)

        [[population]]
        name = "\(population)"
        epsilon = 1000
        delta = 1e-5
        """
    }

    /// The file of a further task like the first.
    func taskFile(name: String) -> String {
        Self.taskFile(name: name, rounds: rounds, deadlineSeconds: deadlineSeconds)
    }

    private static func taskFile(name: String, rounds: Int, deadlineSeconds: Int) -> String {
        """
        [task]
        name = "\(name)"
        population = "\(population)"
        rounds = \(rounds)

        [model]
        preset = "logistic"

        [data]
        shape = [1, 8, 8]
        classes = 10
        examples = 1438
        evaluation = ""

        [privacy]
        unit = "example"
        epsilon = 8
        delta = 1e-5
        clip = 0.5
        sampling-rate = 0.05
        colluders = 1

        [round]
        cohort = \(clients)
        fewest-survivors = \(clients - 1)
        deadline-seconds = \(deadlineSeconds)
        over-selection = 1.0
        upload-after-milliseconds = 0

        [optimizer]
        kind = "sgd"
        learning-rate = 1.0
        momentum = 0.9
        """
    }

    /// A port below those that the system gives to connections, so that nobody takes it while the server is down.
    static func freePort() throws -> Int {
        for _ in 0..<1000 {
            let port = Int.random(in: 20_000..<32_000)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let status = unsafe withUnsafePointer(to: &address) { address in
                unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    unsafe bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if status == 0 { return port }
        }
        throw TooLate(description: "no free port was found")
    }

    private static func all(_ arguments: [String], _ folder: MemoryFolder) -> [String] {
        arguments + ["--config", folder.file("server.toml")]
    }

    // MARK: Processes

    /// Runs a command of `sotto-server` to its end.
    func command(_ arguments: [String], _ settings: [String: String]? = nil) async throws -> Ended {
        try await Executable.run(
            "sotto-server",
            Self.all(arguments, folder),
            in: folder,
            environment: settings.map { try Preload.environment($0) } ?? [:]
        )
    }

    /// Starts the server, with further settings of the library before it.
    func server(_ settings: [String: String] = [:]) throws -> RunningProcess {
        try RunningProcess(
            "sotto-server",
            Self.all(["run", "--listen", "127.0.0.1:\(port)"], folder),
            in: folder,
            environment: Preload.environment(settings)
        )
    }

    /// Starts the server and waits until it answers.
    func listeningServer(_ settings: [String: String] = [:]) async throws -> RunningProcess {
        let server = try server(settings)
        try await server.wait("the server listens; it said: \(server.errors)") {
            server.errors.contains("listening on ")
        }
        return server
    }

    func clientFolder(_ index: Int) -> String { folder.file("client-\(index)") }
    func sentLog(_ index: Int) -> String { "sent-\(index)" }

    /// Starts the client on its part of the digits, with further settings of the library before it. What it sends is kept.
    func client(_ index: Int, _ settings: [String: String] = [:]) throws -> RunningProcess {
        let sent = ["SOTTO_SENT_LOG": folder.file(sentLog(index))]
        return try RunningProcess(
            "sotto-client",
            [
                "run", "--state", clientFolder(index), "--server", "http://127.0.0.1:\(port)", "--invite",
                invites[index - 1], "--data", "digits:\(index)/\(Self.clients)", "--memory-limit", "512MiB",
                "--max-epsilon", "1000", "--max-epsilon-server", "1e6", "--json", "--verbose",
            ],
            in: folder,
            environment: Preload.environment(settings.merging(sent) { $1 })
        )
    }
}
