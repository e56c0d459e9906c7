// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Messages
import Store
import Testing

@Suite("Wall clocks that are set", .timeLimit(.minutes(2)))
struct ClockTests {
    @Test("A device that sleeps an hour between signing and sending signs once more, at each kind of request")
    func sleep() async throws {
        for kind in [Device.Kind.assignment, .blob, .upload] {
            var terms = Terms()
            terms.rounds = 2
            let world = try await World(terms)
            let sleeper = try Device(world, index: 1, of: 3) { request, ordinal in
                if request == kind && ordinal == 0 { world.clock.advance(seconds: 3600) }
                return (.arrives, false)
            }
            try await world.run([sleeper] + (2...3).map { try Device(world, index: $0, of: 3) })
            #expect(try world.task().status == .finished, "\(kind)")
            #expect(world.bodiesSent.values.allSatisfy { $0 == 1 }, "\(kind)")
        }
    }

    @Test("A clock that is put back does not keep a round open, and nobody is taken to be waiting by it")
    func putBack() async throws {
        let world = try await World()
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for client in clients { _ = try await client.assignment() }
        for client in clients { _ = try #require(try await client.assignment()) }
        world.clock.goBack(seconds: 3600)
        await world.aggregator.tick()
        let closesAt = try #require(try world.stored { try $0.openRounds() }.first?.closesAt)
        #expect(closesAt == world.clock.now + world.terms.deadlineSeconds * 1000)
        await world.pass(seconds: world.terms.deadlineSeconds - 1)
        #expect(try world.ledger().entries.map(\.charge.kind) == [.reserved])
        await world.pass(seconds: 1)
        // No further round is opened for clients that were last seen an hour ahead.
        #expect(try world.ledger().entries.map(\.charge.kind) == [.reserved, .abandoned])
    }

    @Test(
        "A database that cannot be reached for two deadlines costs a round no attempt, and gives it no more than that time"
    )
    func outage() async throws {
        let script = CrashScript()
        let world = try await World(script: script)
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for client in clients { _ = try await client.assignment() }
        var assignments: [Sotto_V1_Assignment] = []
        for client in clients { assignments.append(try #require(try await client.assignment())) }
        let before = try #require(try world.stored { try $0.openRounds() }.first?.closesAt)

        script.setReachable(false)
        await world.pass(seconds: 0)
        #expect(await clients[0].put(try clients[0].body(assignments[0]), assignments[0]).status == 503)
        await world.pass(seconds: 2 * world.terms.deadlineSeconds)
        script.setReachable(true)
        await world.pass(seconds: 0)
        let after = try #require(try world.stored { try $0.openRounds() }.first?.closesAt)
        #expect(after == before + 2 * world.terms.deadlineSeconds * 1000)

        for (client, assignment) in zip(clients, assignments) {
            #expect(await client.put(try client.body(assignment), assignment).status == 200)
        }
        #expect(try world.ledger().entries.map(\.charge.kind).prefix(2) == [.reserved, .spent])
    }
}
