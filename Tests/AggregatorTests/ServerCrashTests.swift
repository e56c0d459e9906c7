// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Rounds
import Store
import Testing

@Suite("A server that dies", .timeLimit(.minutes(2)))
struct ServerCrashTests {
    private static func terms() -> Terms {
        var terms = Terms()
        terms.rounds = 2
        return terms
    }

    /// The whole run with a server that dies at one change of its store.
    private func run(_ script: CrashScript) async throws -> World {
        let world = try await World(Self.terms(), script: script)
        try await world.run((1...3).map { try Device(world, index: $0, of: 3) })
        return world
    }

    @Test("At every transaction, just before or just after it: the same ledger and the same model as undisturbed")
    func everyTransaction() async throws {
        let counting = CrashScript()
        let undisturbed = try await run(counting)
        let ledger = try undisturbed.ledger()
        let model = try undisturbed.task().modelHash
        // 3 enrolments, and 2 rounds, each with its opening, 3 members, 3 updates, closing and commit, some of them at once.
        #expect(counting.changes >= 12)
        #expect(ledger.entries.map(\.charge.kind) == [.reserved, .spent, .reserved, .spent])

        // What comes at the same time is one transaction, so that runs differ by a few.
        var deaths = 0
        for change in 0..<counting.changes {
            for moment in [CrashScript.Moment.before, .after] {
                let script = CrashScript(atChange: change, moment)
                let world = try await run(script)
                deaths += script.hasReachedTheEnd ? 1 : 0
                #expect(world.restarts == (script.hasReachedTheEnd ? 2 : 1))
                #expect(try world.ledger().head == ledger.head, "died \(moment) change \(change)")
                #expect(try world.task().modelHash == model, "died \(moment) change \(change)")
                #expect(try world.task().status == .finished)
                #expect(world.bodiesSent.count == 6 && world.bodiesSent.values.allSatisfy { $0 == 1 })
            }
        }
        #expect(deaths >= 2 * (counting.changes - 6))
    }

    @Test("Between any two requests: what was promised is kept")
    func betweenRequests() async throws {
        let world = try await World(Self.terms())
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for round in 1...2 {
            for client in clients {
                _ = try await client.assignment()
                // Who waits is forgotten, and asked again.
                try await world.restart()
            }
            for client in clients { _ = try await client.assignment() }
            for client in clients {
                let assignment = try #require(try await client.assignment())
                try await world.restart()
                // The same round with the same key, deadline and model, so that sealed bytes stay good.
                #expect(try await client.assignment() == assignment)
                let body = try client.body(assignment)
                let receipt = await client.put(body, assignment)
                #expect(receipt.status == 200)
                try await world.restart()
                #expect(await client.put(body, assignment).body == receipt.body)
            }
            #expect(try world.task().round == round)
        }
        #expect(try world.ledger().entries.count == 4)
        #expect(try world.stored { try $0.openRounds() }.isEmpty)
    }

    @Test("A deadline begins anew after an outage, because nobody could deliver meanwhile")
    func outage() async throws {
        let world = try await World(Self.terms())
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for client in clients { _ = try await client.assignment() }
        let assignment = try #require(try await clients[0].assignment())
        world.clock.advance(seconds: 3600)
        try await world.restart()
        await world.aggregator.tick()
        #expect(await clients[0].put(try clients[0].body(assignment), assignment).status == 200)
        await world.pass(seconds: world.terms.deadlineSeconds + 1)
        #expect(try world.ledger().entries.map(\.charge.kind) == [.reserved, .abandoned])
    }
}
