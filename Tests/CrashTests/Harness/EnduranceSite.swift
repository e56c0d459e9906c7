// SPDX-License-Identifier: Apache-2.0

import Aggregator
import FoundationEssentials
import Store
import TestKit
import Testing

/// Several servers on one PostgreSQL database, and many devices, each with a state folder of its own.
final class EnduranceSite: Sendable {
    static let servers = 2

    let folder: MemoryFolder
    let database: DatabaseUnderTest
    let rounds: Int
    let ports: [Int]
    let invites: [String]
    let start: Replay.Start

    /// - Parameter uploadAfterMilliseconds: how long a round takes at least.
    init(clients: Int, rounds: Int, uploadAfterMilliseconds: Int) async throws {
        let folder = try MemoryFolder()
        self.folder = folder
        self.rounds = rounds
        let database = try DatabaseUnderTest.postgreSQL(.shared(), overTCP: false)
        self.database = database
        ports = try (0..<Self.servers).map { _ in try CrashSite.freePort() }
        for index in ports.indices {
            try folder.put(Self.serverFile(state: folder.file("server-\(index)"), database), in: "server-\(index).toml")
        }
        try folder.put(Self.taskFile(clients: clients, rounds: rounds, uploadAfterMilliseconds), in: "task.toml")
        func command(_ arguments: [String]) async throws -> String {
            let ended = try await Executable.run("sotto-server", Self.all(arguments, folder), in: folder)
            try #require(ended.status == 0, "\(ended.errors)")
            return ended.output
        }
        _ = try await command(["task", "create", folder.file("task.toml")])
        start = try Replay.Start(database.open(folder.path), task: CrashSite.task)
        _ = try database.sql(folder.path, database.keepsKeys)
        _ = try await command(["task", "start", CrashSite.task])
        invites = try await command(["invite", "--count", "\(clients)"]).split(separator: "\n").map(String.init)
        // All servers of a database have one key.
        let key = try #require(folder.bytes(of: "server-0/server.key"))
        for index in ports.indices.dropFirst() {
            try FileManager.default.createDirectory(
                atPath: folder.file("server-\(index)"),
                withIntermediateDirectories: true
            )
            try folder.put(key, in: "server-\(index)/server.key")
        }
    }

    private static func serverFile(state: String, _ database: DatabaseUnderTest) -> String {
        """
        [server]
        name = "test"
        state = "\(state)"
        \(database.setting)

        [limits]
        client-rate = 1e5
        stranger-rate = 1e5
        enrolments-per-minute = 1e5

        [[population]]
        name = "\(CrashSite.population)"
        epsilon = 1000
        delta = 1e-5
        """
    }

    private static func taskFile(clients: Int, rounds: Int, _ uploadAfterMilliseconds: Int) -> String {
        """
        [task]
        name = "\(CrashSite.task)"
        population = "\(CrashSite.population)"
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
        cohort = \(clients * 3 / 4)
        fewest-survivors = \(clients / 2)
        deadline-seconds = 5
        over-selection = 1.3
        upload-after-milliseconds = \(uploadAfterMilliseconds)

        [optimizer]
        kind = "sgd"
        learning-rate = 1.0
        momentum = 0.9
        """
    }

    private static func all(_ arguments: [String], _ folder: MemoryFolder) -> [String] {
        arguments + ["--config", folder.file("server-0.toml")]
    }

    /// Runs a command of `sotto-server` to its end.
    func command(_ arguments: [String]) async throws -> Ended {
        try await Executable.run("sotto-server", Self.all(arguments, folder), in: folder)
    }

    func server(_ index: Int) throws -> RunningProcess {
        try RunningProcess(
            "sotto-server",
            ["run", "--config", folder.file("server-\(index).toml"), "--listen", "127.0.0.1:\(ports[index])"],
            in: folder
        )
    }
}
