// SPDX-License-Identifier: Apache-2.0

import Rounds
import Testing

/// Every state that a round of three with two fewest survivors can reach by any order of joins, uploads of two different
/// bodies, passing time and outages, with four clients.
@Suite("Server rounds")
struct ServerRoundTests {
    static let terms = RoundTerms(rounds: 9, cohort: 3, fewestSurvivors: 2, deadlineSeconds: 2)
    static let identifier = RoundIdentifier(task: "t", round: 1, attempt: 1)
    static let clients = ["a", "b", "c", "d"]
    static let bodies: [[UInt8]] = [[1], [2]]
    static let lastTime: UInt64 = 5000

    struct State: Hashable {
        var members: [String] = []
        var accepted: [String: [UInt8]] = [:]
        var closesAt: UInt64?
        var now: UInt64 = 0

        init() {}

        init(_ round: ServerRound, now: UInt64) {
            members = round.members
            accepted = round.accepted
            closesAt = round.closesAt
            self.now = now
        }

        /// The machine as a server rebuilds it from its store.
        var round: ServerRound {
            ServerRound(
                identifier: identifier,
                terms: terms,
                members: members,
                accepted: accepted,
                closesAt: closesAt
            )
        }
    }

    enum Event: Hashable {
        case join(String)
        case upload(String, [UInt8])
        case wait
        case outage

        static let all: [Event] =
            clients.map { .join($0) } + clients.flatMap { client in bodies.map { .upload(client, $0) } }
            + [.wait, .outage]
    }

    /// What the protocol says of an event in a state, written from design.md alone: the state after it, and what the
    /// client is told.
    static func specified(_ event: Event, in state: State) -> (State, answer: String) {
        var next = state
        switch event {
        case .join(let client):
            if state.accepted.keys.contains(client) { return (state, "done") }
            if state.members.contains(client) { return (state, "member") }
            if state.members.count == 3 { return (state, "full") }
            next.members.append(client)
            if next.members.count == 1 { next.closesAt = state.now + 2000 }
            return (next, "joined")
        case .upload(let client, let body):
            if let earlier = state.accepted[client] { return (state, earlier == body ? "replay" : "conflict") }
            guard state.members.contains(client) else { return (state, "notMember") }
            next.accepted[client] = body
            return (next, "add")
        case .wait:
            next.now += 1000
            return (next, "")
        case .outage:
            if let closesAt = state.closesAt { next.closesAt = max(closesAt, state.now + 2000) }
            return (next, "")
        }
    }

    static func specifiedClosing(_ state: State) -> ServerRound.Closing {
        let survivors = state.accepted.count
        if survivors == 3 { return .commit(survivors: 3) }
        guard let closesAt = state.closesAt, closesAt <= state.now else { return .notYet }
        return survivors >= 2 ? .commit(survivors: survivors) : .abandon(survivors: survivors)
    }

    /// The machine's answer and the state after it.
    static func happened(_ event: Event, to round: ServerRound, now: UInt64) -> (State, answer: String) {
        var round = round
        var now = now
        var answer = ""
        switch event {
        case .join(let client): answer = "\(round.join(client, now: now))"
        case .upload(let client, let body):
            let classified = round.classify(client: client, bodyHash: body)
            if classified == .add { round.recordAccepted(client: client, bodyHash: body) }
            answer = "\(classified)"
        case .wait: now += 1000
        case .outage: round.extendDeadline(now: now)
        }
        return (State(round, now: now), answer)
    }

    @Test("In every reachable state every event does what is specified, also to a machine rebuilt from the store")
    func allInterleavings() {
        var known: Set<State> = [State()]
        var queue = [State()]
        var commits = 0
        var abandonments = 0
        while let state = queue.popLast() {
            let closing = state.round.closing(now: state.now)
            #expect(closing == Self.specifiedClosing(state))
            #expect(Set(state.accepted.keys).isSubset(of: state.members))
            #expect(Set(state.members).count == state.members.count && state.members.count <= 3)
            #expect((state.closesAt == nil) == state.members.isEmpty)
            switch closing {
            case .commit(let survivors):
                commits += 1
                #expect(survivors >= 2 && survivors == state.accepted.count)
            case .abandon(let survivors):
                abandonments += 1
                #expect(survivors < 2)
            case .notYet: break
            }
            for event in Event.all {
                let (next, answer) = Self.happened(event, to: state.round, now: state.now)
                let specified = Self.specified(event, in: state)
                #expect(next == specified.0 && answer == specified.answer, "\(event) in \(state)")
                if next.now <= Self.lastTime, known.insert(next).inserted { queue.append(next) }
            }
        }
        #expect(known.count > 10_000)
        #expect(commits > 1000 && abandonments > 1000)
    }

    /// `State.round` above rebuilds the machine at every step; here one machine lives on beside the rebuilt ones.
    @Test("A machine that lived on and one rebuilt at every step answer the same")
    func rebuiltEqualsOriginal() {
        let history: [Event] = [
            .outage, .wait, .join("b"), .join("b"), .upload("a", [1]), .upload("b", [1]), .upload("b", [1]),
            .upload("b", [2]), .join("b"), .join("a"), .outage, .join("c"), .join("d"), .wait, .upload("c", [2]),
            .upload("d", [1]), .wait, .upload("a", [2]),
        ]
        var original = ServerRound(identifier: Self.identifier, terms: Self.terms)
        var now: UInt64 = 0
        for event in history {
            let rebuilt = State(original, now: now).round
            let expected = Self.happened(event, to: rebuilt, now: now)
            switch event {
            case .join(let client): #expect("\(original.join(client, now: now))" == expected.answer)
            case .upload(let client, let body):
                let answer = original.classify(client: client, bodyHash: body)
                #expect("\(answer)" == expected.answer)
                if answer == .add { original.recordAccepted(client: client, bodyHash: body) }
            case .wait: now += 1000
            case .outage: original.extendDeadline(now: now)
            }
            #expect(State(original, now: now) == expected.0)
            #expect(original.closing(now: now) == expected.0.round.closing(now: now))
        }
        #expect(original.closing(now: now) == .commit(survivors: 3))
    }

    @Test("A round that nobody joined waits for ever")
    func nobody() {
        let round = ServerRound(identifier: Self.identifier, terms: Self.terms)
        #expect(round.closing(now: .max) == .notYet)
    }

    @Test("Recording an update twice, or for a stranger, is a programmer's error")
    func recordedOnce() async {
        await #expect(processExitsWith: .failure) {
            var round = ServerRound(identifier: Self.identifier, terms: Self.terms, members: ["a"])
            round.recordAccepted(client: "b", bodyHash: [1])
        }
        await #expect(processExitsWith: .failure) {
            var round = ServerRound(
                identifier: Self.identifier,
                terms: Self.terms,
                members: ["a"],
                accepted: ["a": [1]]
            )
            round.recordAccepted(client: "a", bodyHash: [1])
        }
    }

    @Test("Attempts are ordered by round, then attempt, within a task")
    func order() {
        let ordered = [(1, 1), (1, 2), (1, 10), (2, 1), (10, 1)].map {
            RoundIdentifier(task: "t", round: $0.0, attempt: $0.1)
        }
        for left in ordered.indices {
            for right in ordered.indices {
                #expect((ordered[left] < ordered[right]) == (left < right))
            }
        }
    }
}
