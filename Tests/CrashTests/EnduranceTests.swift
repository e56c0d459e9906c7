// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Participant
import Store
import TestKit
import Testing

/// Two servers on one PostgreSQL database, killed at random every few seconds and started again, while many devices train.
@Suite(
    "Servers that are killed at random",
    .enabled(if: PostgresCluster.isInstalled),
    .timeLimit(.minutes(LongTests.isOn ? 60 : 10))
)
struct EnduranceTests {
    @Test("All rounds end, the ledger is exact, and no device has to be started again")
    func endurance() async throws {
        let (clients, rounds) = LongTests.isOn ? (200, 30) : (12, 10)
        let site = try await EnduranceSite(
            clients: clients,
            rounds: rounds,
            uploadAfterMilliseconds: LongTests.isOn ? 2000 : 200
        )
        let servers = site.ports.indices.map { index in
            KilledServer(
                "server-\(index)",
                every: LongTests.isOn ? 1000...5000 : 300...1500,
                atMost: LongTests.isOn ? .max : 6,
                seed: 20_263 + UInt64(index)
            ) { try site.server(index) }
        }
        let caretaker = Caretaker(site)
        let devices = (0..<clients).map { EnduringDevice(site, index: $0) }
        let began = ContinuousClock.now
        let end = RunEnd(within: .seconds(LongTests.isOn ? 3000 : 150))
        do {
            try await Self.run(devices, servers + [caretaker] as [any Victim], until: end)
        } catch {
            throw TooLate(description: "\(error); \(Self.account(servers))")
        }
        let seconds = Double((ContinuousClock.now - began) / .milliseconds(1)) / 1000
        let evidence = try Evidence(
            site.database.open(site.folder.path),
            rounds: rounds,
            devices: devices.map { try $0.evidence() }
        )
        let invariants = Invariants(
            evidence: evidence,
            rounds: rounds,
            replay: Replay(
                start: site.start,
                sealedKeys: try site.database.sealedKeys(site.folder.path, task: CrashSite.task),
                serverKeys: try ServerKeys(stateFolder: site.folder.file("server-0"))
            ),
            account: Self.account(servers)
        )
        try invariants.check()
        try await invariants.checkEpsilon { try await site.command($0) }
        let kills = servers.map(\.kills)
        #expect(kills.allSatisfy { $0 > 0 }, "servers were killed: \(kills)")
        print(
            """
            endurance: \(site.ports.count) servers, \(clients) clients, \(rounds) rounds in \(evidence.attempts.count) attempts, \
            \(kills.reduce(0, +)) kills, \(evidence.entries.count) ledger entries, \
            \(evidence.accepted.values.reduce(0) { $0 + $1.count }) updates, \(caretaker.starts) starts of a paused task, \
            \(seconds) s
            """
        )
    }

    private static func account(_ servers: [KilledServer]) -> Comment {
        "servers said:\n\(servers.map { String($0.errors.suffix(3000)) }.joined(separator: "\n"))"
    }

    private static func run(_ devices: [EnduringDevice], _ around: [any Victim], until end: RunEnd) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for victim in around { group.addTask { try await victim.live(until: end) } }
            group.addTask {
                defer { end.declare() }
                try await withThrowingTaskGroup(of: ParticipantReport.self) { runs in
                    for device in devices { runs.addTask { try await device.run(until: end) } }
                    for try await report in runs { #expect(report.rounds > 0) }
                }
            }
            do {
                while try await group.next() != nil {}
            } catch {
                // Devices do not hear of a cancelled task.
                end.declare()
                throw error
            }
        }
    }
}
