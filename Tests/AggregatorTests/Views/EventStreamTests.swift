// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Logging
import Rounds
import Store
import TestKit
import Testing

@Suite("Live events", .timeLimit(.minutes(1)))
struct EventStreamTests {
    private func world() async throws -> World {
        var terms = Terms()
        terms.rounds = 2
        terms.evaluation = "digits"
        return try await World(terms)
    }

    /// Another server's watcher on the same database: it sees what is stored and nothing else.
    private func watcher(of world: World) throws -> EventStreams {
        EventStreams(
            observatory: Observatory(
                store: try world.openStore(),
                configuration: world.configuration,
                clock: { [clock = world.clock] in clock.now }
            ),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func listen(_ streams: EventStreams, after number: Int64? = nil) throws -> EventStream {
        try #require(try streams.listen(after: number, timer: false))
    }

    @Test("A new stream begins with every task; what then happens on another server is told as it is stored")
    func follow() async throws {
        let world = try await world()
        let streams = try watcher(of: world)
        let stream = try listen(streams)
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        streams.poll()
        // Nothing new: nothing said.
        streams.poll()
        for round in 1...2 {
            for client in clients { _ = try await client.assignment() }
            for client in clients { _ = try await client.assignment() }
            streams.poll()
            for client in clients {
                try await client.deliverZeros()
                streams.poll()
            }
            #expect(try world.task().round == round)
        }
        let text = try await stream.drained()
        #expect(text.retry == 2000)
        let document = try JSONValue(
            await world.respond(to: APIRequest(method: "GET", target: "/v1/openapi.json")).body
        )
        let checker = JSONSchema(document: document)
        for (event, schema) in [("task", "TaskState"), ("round", "AttemptReport"), ("message", "MessageReport")] {
            #expect(!text.all(event).isEmpty)
            for found in text.all(event) {
                let rule = try #require(document["components"]?["schemas"]?[schema])
                #expect(checker.violations(of: found.data, against: rule).isEmpty, "\(event)")
                #expect(found.number != nil)
            }
        }
        let numbers = text.events.compactMap(\.number)
        #expect(numbers == numbers.sorted())

        let states = text.all("task").map(\.data)
        #expect(
            states.first?["report"]?["round"] == .number(0) && states.first?["report"]?["status"] == .string("running")
        )
        #expect(
            states.last?["report"]?["round"] == .number(2) && states.last?["report"]?["status"] == .string("finished")
        )
        #expect(states.first?["evaluation"]?["data"] == .string("digits"))
        #expect(states.last?["stage"] == nil)
        let stages = states.compactMap { $0["stage"]?["stage"]?.string }
        #expect(stages.first == "selection" && stages.contains("reporting"))
        // What is spent is the ledger's.
        let lines = states.last?["budget"]?["lines"]?.array ?? []
        let ledger = try world.ledger()
        #expect(lines.compactMap { $0["adversary"]?.string } == ledger.adversaries.map(\.description))
        #expect(
            try lines.map { $0["spent"]?.number }
                == ledger.adversaries.map { try ledger.stated(against: $0, delta: 1e-5) }
        )

        let committed = text.all("round").filter { $0.data["stage"] == .string("committed") }.map(\.data)
        #expect(committed.compactMap { $0["round"]?.number } == [1, 2])
        #expect(
            try committed.map { $0["accuracy"]?.number }
                == world.stored { try $0.results(of: "digits") }.map(\.accuracy)
        )
        let present = text.all("round").filter { $0.data["round"] == .number(1) }.compactMap {
            $0.data["survivors"]?.number
        }
        #expect(present == present.sorted() && present.last == 3 && present.contains(1))

        let kinds = text.all("message").compactMap { $0.data["kind"]?.string }
        #expect(kinds.contains("client-enrolled"))
        #expect(
            kinds.filter { $0 == "round-committed" }.count == 2
                && kinds.last { $0.hasPrefix("task") } == "task-finished"
        )
        // Names of clients stay out of all of it.
        for client in clients { #expect(!"\(text.events)".contains(client.name)) }
        #expect(!"\(text.events)".contains(world.folder.path))
    }

    @Test("A stream that comes back is told the present state and what it missed, and nothing twice")
    func resume() async throws {
        let world = try await world()
        let streams = try watcher(of: world)
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        let first = try await listen(streams).drained()
        let seen = try #require(first.events.last?.number)
        for _ in 1...2 {
            for client in clients { _ = try await client.assignment() }
            for client in clients { try await client.deliverZeros() }
        }
        let second = try await listen(try watcher(of: world), after: seen).drained()
        #expect(second.all("task").map { $0.data["report"]?["round"] } == [.number(2)])
        #expect(second.all("round").map { $0.data["round"] } == [.number(1), .number(2)])
        let told = (first.all("message") + second.all("message")).compactMap { $0.data["number"]?.number }
        #expect(told == Array(Set(told)).sorted())
        #expect(
            Set(told).isSubset(
                of: Set(try world.stored { try $0.events(after: 0, limit: 1000) }.map { Double($0.number) })
            )
        )
        // Up to date: the state again, but no round and no message.
        let third = try await listen(streams, after: second.events.last?.number).drained()
        #expect(third.all("task").count == 1 && third.all("round").isEmpty && third.all("message").isEmpty)
        // The number of another database: as a new stream.
        let foreign = try await listen(streams, after: 1 << 40).drained()
        #expect(foreign.all("message").count == told.count && foreign.all("round").isEmpty)
    }

    /// Changes and tells more than a reader who does not read has room for.
    private func overwhelm(_ streams: EventStreams, _ world: World) throws {
        let store = try world.openStore()
        for index in 0..<200 {
            try store.write { session in
                let status: TaskStatus = index.isMultiple(of: 2) ? .paused : .running
                _ = try session.setStatus(status, reason: "\(index)", of: "digits", from: [.running, .paused])
            }
            streams.poll()
        }
    }

    /// The chunks of a stream until its end.
    private func count(_ stream: EventStream) async -> Int {
        var chunks = 0
        for await _ in stream.chunks { chunks += 1 }
        return chunks
    }

    @Test("A comment comes every 15 seconds")
    func comments() async throws {
        let streams = try watcher(of: try await world())
        let quiet = try listen(streams)
        let start = ContinuousClock.now
        for second in 0...46 { streams.poll(now: start + .seconds(second)) }
        let text = try await quiet.drained()
        #expect(text.comments == 3)
    }

    @Test("A reader that falls behind is dropped: its stream ends by itself")
    func slow() async throws {
        let world = try await world()
        let streams = try watcher(of: world)
        let slow = try listen(streams)
        try overwhelm(streams, world)
        #expect(streams.counts.dropped == 1)
        let chunks = await count(slow)
        #expect(chunks == EventStreams.mostWaiting)
    }

    private func wait(_ streams: EventStreams, until isThere: (Int) -> Bool) async throws {
        while !isThere(streams.counts.open) { try await Task.sleep(for: .milliseconds(1)) }
    }

    /// Opens as many streams as there may be, and ends one of them.
    private func fill(_ streams: EventStreams) throws {
        let open = try (0..<EventStreams.mostStreams).map { _ in try listen(streams) }
        let more = try streams.listen(after: nil, timer: false)
        #expect(more == nil && streams.counts.open == EventStreams.mostStreams && streams.counts.refused == 1)
        open[0].end()
    }

    @Test("Streams are limited, and one that has ended makes room")
    func limits() async throws {
        let streams = try watcher(of: try await world())
        try fill(streams)
        try await wait(streams) { $0 < EventStreams.mostStreams }
        _ = try listen(streams)
        streams.close()
        try await wait(streams) { $0 == 0 }
    }

    @Test("A stream ends when its token is revoked, and goes on while it is valid")
    func revoked() async throws {
        let world = try await world()
        let token = try Administration.newToken(
            "watcher",
            role: .view,
            expiresAfter: nil,
            configuration: world.configuration
        )
        let streams = world.aggregator.streams
        let headers = ["authorization": "Bearer \(token)"]
        let response = await world.respond(to: APIRequest(method: "GET", target: "/v1/events", headers: headers))
        let stream = try #require(response.stream)
        let anybody = await world.respond(to: APIRequest(method: "GET", target: "/v1/events"))
        let other = try #require(anybody.stream)
        let start = ContinuousClock.now
        streams.poll(now: start + .seconds(20))
        #expect(streams.counts.open == 2)
        try Administration.revokeToken("watcher", configuration: world.configuration)
        streams.poll(now: start + .seconds(40))
        #expect(streams.counts.open == 1)
        let chunks = await count(stream)
        #expect(chunks >= 1)
        other.end()
    }

    @Test("Before streams are closed they are told what was last")
    func last() async throws {
        let world = try await world()
        let streams = try watcher(of: world)
        let stream = try listen(streams)
        try Administration.setStatus(.pause, task: "digits", configuration: world.configuration)
        streams.close()
        var bytes: [UInt8] = []
        for await chunk in stream.chunks { bytes += chunk }
        #expect(try EventText(bytes).all("task").last?.data["report"]?["status"] == .string("paused"))
    }

    @Test("With its timer a stream tells by itself")
    func timer() async throws {
        let world = try await world()
        let streams = try watcher(of: world)
        let stream = try #require(try streams.listen(after: nil))
        try Administration.setStatus(.pause, task: "digits", configuration: world.configuration)
        var bytes: [UInt8] = []
        for await chunk in stream.chunks {
            bytes += chunk
            if try EventText(bytes).all("task").last?.data["report"]?["status"] == .string("paused") { break }
        }
        stream.end()
        let message = try #require(try EventText(bytes).all("message").last)
        #expect(message.data["kind"] == .string("task-paused"))
        #expect(message.data["text"] == .string("digits: paused: by the operator"))
    }
}
