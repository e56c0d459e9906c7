// SPDX-License-Identifier: Apache-2.0

import TestKit
import Testing

/// The same with the server's database on PostgreSQL, whose server dies too.
@Suite(
    "kill -9 with PostgreSQL",
    .serialized,
    .enabled(if: PostgresCluster.isInstalled),
    .timeLimit(.minutes(LongTests.isOn ? 60 : 10))
)
struct PostgreSQLTests {
    private static let seed: UInt64 = 20_262
    /// A server of this suite's own: those of other tests must not be killed.
    private static let cluster = Result { try PostgresCluster(tcp: true) }

    private static func database(kills: Int = 0, seed: UInt64 = 0) throws -> DatabaseUnderTest {
        try .postgreSQL(cluster.get(), kills: kills, seed: seed)
    }

    @Test("Server and clients, at what they write and send, to the database too")
    func processes() async throws {
        let survey = try await CrashSurvey(on: Self.database())
        try await survey.kill(server: 8, enrolments: 1, clients: 5, seed: Self.seed) { try Self.database() }
    }

    @Test("The database server alone: neither the server nor a client has to be started again")
    func database() async throws {
        let kills = LongTests.isOn ? 10 : 3
        let run = CrashRun(
            try await CrashSite(rounds: 2 * kills, on: Self.database(kills: kills, seed: Self.seed + 1))
        )
        try await run.run()
        try await Invariants(run).check(run)
        #expect(run.site.database.server?.kills ?? 0 > kills / 2, run.account)
        #expect(run.server.ends.map(\.status) == [0] && run.clients.allSatisfy { $0.ends.count == 1 }, run.account)
    }

    @Test("The database server, the server and clients in one run")
    func everybody() async throws {
        for round in 0..<(LongTests.isOn ? 20 : 1) {
            let seed = Self.seed + 10 * UInt64(round)
            var script = ["server": CrashPoint.drawn(2, calls: 30...200, seed: seed + 2)]
            for index in 1...CrashSite.clients {
                script["client-\(index)"] = CrashPoint.drawn(1, calls: 10...60, seed: seed + 2 + UInt64(index))
            }
            let site = try await CrashSite(rounds: 8, on: Self.database(kills: 2, seed: seed + 6))
            // A server that starts while its database is down says so and ends; its service manager starts it again.
            let run = CrashRun(site, script: Script(script), serverGoesOnAfter: { $0.status == 1 })
            try await run.run()
            try await Invariants(run).check(run)
            #expect(site.database.server?.kills ?? 0 > 0, run.account)
        }
    }
}
