// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Messages
import Rounds
import Store
import Testing

@Suite("Members who stay silent", .timeLimit(.minutes(2)))
struct DeadlineTests {
    @Test("A round with enough survivors is released at its deadline with exactly their sum")
    func enough() async throws {
        var terms = Terms()
        terms.cohort = 4
        terms.fewestSurvivors = 3
        terms.rounds = 2
        let world = try await World(terms)
        let silent = try await ScriptedClient(enrolledIn: world)
        let devices = try (1...3).map { try Device(world, index: $0, of: 4) }
        // The silent one asks for work whenever a round is due, and never delivers.
        let asking = Task {
            while !Task.isCancelled {
                _ = try? await silent.assignment()
                try? await Task.sleep(for: .milliseconds(2))
            }
        }
        try await world.run(devices) { $0.accepted == 3 }
        asking.cancel()
        var central = try CentralRun(world.plan(), parts: 4)
        for round in 1...2 { try central.step(round: round, devices: [1, 2, 3]) }
        #expect(try world.task().modelHash == central.modelHash)
        #expect(try world.stored { try $0.results(of: "digits") }.map(\.survivors) == [3, 3])
        #expect(try world.ledger().entries.map(\.charge.kind) == [.reserved, .spent, .reserved, .spent])
    }

    @Test("With too few survivors nothing is released, both attempts are charged, and the next one works")
    func tooFew() async throws {
        var terms = Terms()
        terms.rounds = 1
        let world = try await World(terms)
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        let first = try world.task().modelHash
        func join() async throws -> [Sotto_V1_Assignment] {
            for client in clients { _ = try await client.assignment() }
            var assignments: [Sotto_V1_Assignment] = []
            for client in clients { assignments.append(try #require(try await client.assignment())) }
            return assignments
        }
        let early = try await join()
        let body = try clients[0].body(early[0], value: 5)
        for index in 0..<2 {
            #expect(
                await clients[index].put(try clients[index].body(early[index], value: 5), early[index]).status == 200
            )
        }
        await world.pass(seconds: terms.deadlineSeconds - 1)
        #expect(try world.ledger().entries.count == 1)
        await world.pass(seconds: 1)
        #expect(try world.ledger().entries.map(\.charge.kind) == [.reserved, .abandoned])
        #expect(try world.task().modelHash == first && world.task().round == 0)
        // What it held is gone: the key of the attempt and the sum of the updates.
        #expect(
            try databaseDump(world.databasePath).contains { line in
                line.hasPrefix("rounds:") && line.contains("sealed_private_key=null")
            }
        )
        #expect(try !databaseDump(world.databasePath).contains { $0.hasPrefix("partial_sums:") })

        let again = try await join()
        #expect(again.map(\.attempt) == [2, 2, 2] && again.map(\.round) == [1, 1, 1])
        #expect(again[0].roundPublicKey != early[0].roundPublicKey && again[0].keyID != early[0].keyID)
        // Bytes of the attempt before are good for nothing now.
        #expect(await clients[2].put(body, early[2]).status == 410)
        #expect(await clients[0].put(body, again[0]).status == 422)
        for (client, assignment) in zip(clients, again) {
            #expect(await client.put(try client.body(assignment), assignment).status == 200)
        }
        let ledger = try world.ledger()
        #expect(ledger.entries.map(\.charge.kind) == [.reserved, .abandoned, .reserved, .spent])
        #expect(ledger.charges.map(\.attempt.attempt) == [1, 2])
        let report = try Administration.report(task: "digits", configuration: world.configuration)
        #expect(report.attempts == 2 && report.round == 1)
        #expect(try report.epsilon == world.plan().claim(against: .colluders(1), rounds: 2)?.epsilon)
        // A model of zeros' sum is the first model: the abandoned fives are not in it.
        var central = try CentralRun(world.plan(), parts: 3)
        try central.step(round: 1, devices: [])
        #expect(try world.task().modelHash == central.modelHash)
    }

    @Test("A device that stays away for good does not stop a task that has enough others")
    func away() async throws {
        var terms = Terms()
        terms.cohort = 3
        terms.fewestSurvivors = 2
        terms.rounds = 1
        let world = try await World(terms)
        var clients: [ScriptedClient] = []
        for _ in 0..<2 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        // For as long as a round may last, the third one is waited for, and nothing is spent.
        for client in clients { #expect(try await client.assignment() == nil) }
        var waited: UInt64 = 0
        while waited + 5 < terms.deadlineSeconds {
            await world.pass(seconds: 5)
            waited += 5
            for client in clients { #expect(try await client.assignment() == nil) }
        }
        #expect(try world.ledger().entries.isEmpty)
        await world.pass(seconds: terms.deadlineSeconds - waited)
        for client in clients {
            let assignment = try #require(try await client.assignment())
            #expect(await client.put(try client.body(assignment, value: 0), assignment).status == 200)
        }
        await world.pass(seconds: terms.deadlineSeconds)
        #expect(try world.task().status == .finished)
        #expect(try world.stored { try $0.results(of: "digits") }.map(\.survivors) == [2])
    }

    @Test("After three abandoned attempts a task waits for its operator, who may start it again")
    func hopeless() async throws {
        let world = try await World()
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        func attempt() async throws -> Int {
            for client in clients { _ = try await client.assignment() }
            let attempt = try world.stored { try $0.openRounds() }.first?.identifier.attempt ?? 0
            await world.pass(seconds: world.terms.deadlineSeconds)
            return attempt
        }
        for expected in [1, 2, 3, 0, 0] { #expect(try await attempt() == expected) }
        let task = try world.task()
        #expect(task.status == .paused && task.statusReason.contains("abandoned 3 times"), "\(task.statusReason)")
        #expect(try world.ledger().charges.count == 3)
        try Administration.setStatus(.start, task: "digits", configuration: world.configuration)
        for client in clients { _ = try await client.assignment() }
        for client in clients {
            let assignment = try #require(try await client.assignment())
            #expect(assignment.round == 1 && assignment.attempt == 4)
            #expect(await client.put(try client.body(assignment), assignment).status == 200)
        }
        #expect(try world.task().round == 1)
    }

    @Test("A round that nobody has joined waits without costing more than its reservation")
    func nobody() async throws {
        let world = try await World()
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for client in clients { _ = try await client.assignment() }
        for _ in 0..<3 { await world.pass(seconds: 1000) }
        // One had joined: abandoned after its deadline; nobody waits any more, so no further attempt is opened.
        #expect(try world.ledger().entries.map(\.charge.kind) == [.reserved, .abandoned])
        for client in clients { _ = try await client.assignment() }
        #expect(try world.ledger().entries.map(\.charge.kind) == [.reserved, .abandoned, .reserved])
    }
}
