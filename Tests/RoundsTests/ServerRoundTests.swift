// SPDX-License-Identifier: Apache-2.0

import Rounds
import Testing

/// Every state that an attempt can reach by any order of joins, uploads, passing time and looks at it, with five clients.
@Suite("Server rounds")
struct ServerRoundTests {
    static let identifier = RoundIdentifier(task: "t", round: 1, attempt: 1)
    static let clients = ["a", "b", "c", "d", "e"]
    static let lastTime: UInt64 = 9000

    static let terms: RoundTerms = {
        var terms = RoundTerms(rounds: 9, cohort: 3, fewestSurvivors: 2, deadlineSeconds: 3)
        terms.mostMembers = 4
        terms.configurationSeconds = 2
        return terms
    }()

    /// What is known of an attempt, with names, where the machine has counts.
    struct State: Hashable {
        let expected: Int
        var members: Set<String> = []
        var delivered: Set<String> = []
        var closesAt: UInt64?
        var end: String?
        var now: UInt64 = 0

        var round: ServerRound {
            ServerRound(
                identifier: identifier,
                terms: terms,
                configuresUntil: 2000,
                expected: expected,
                members: members.count,
                accepted: delivered.count,
                closesAt: closesAt,
                isClosing: end != nil
            )
        }
    }

    enum Event: Hashable {
        case join(String)
        case upload(String)
        case wait
        case look

        static let all: [Event] = clients.map { .join($0) } + clients.map { .upload($0) } + [.wait, .look]
    }

    /// What the protocol says of an event, written from the stages' description alone: the state after it, and what the
    /// client is told.
    static func specified(_ event: Event, in state: State) -> (State, answer: String) {
        var next = state
        switch event {
        case .join(let client):
            if state.delivered.contains(client) { return (state, "done") }
            if state.end != nil { return (state, "full") }
            if state.members.contains(client) { return (state, "member") }
            let isConfiguring = state.closesAt == nil && state.now < 2000
            guard isConfiguring, state.members.count < state.expected else { return (state, "full") }
            next.members.insert(client)
            return (next, "joins")
        case .upload(let client):
            guard !state.delivered.contains(client) else { return (state, "known") }
            guard state.members.contains(client) else { return (state, "notMember") }
            let isOver = state.closesAt.map { state.now >= $0 } ?? false
            guard state.end == nil, !isOver else { return (state, "late") }
            next.delivered.insert(client)
            return (next, "add")
        case .wait:
            next.now = min(state.now + 1000, lastTime)
            return (next, "")
        case .look:
            let verdict = state.delivered.count >= 2 ? "release" : "abandon"
            if state.end != nil { return (state, verdict) }
            if state.delivered.count >= 3 {
                next.end = "release"
            } else if let closesAt = state.closesAt {
                guard state.now >= closesAt || state.delivered == state.members else { return (state, "wait") }
                next.end = verdict
            } else {
                guard state.now >= 2000 || state.members.count == state.expected else { return (state, "wait") }
                if state.members.count >= 2 {
                    next.closesAt = state.now + 3000
                    return (next, "report")
                }
                next.end = "abandon"
            }
            return (next, next.end ?? "")
        }
    }

    /// The same by the machine.
    static func performed(_ event: Event, in state: State) -> (State, answer: String) {
        var next = state
        let round = state.round
        switch event {
        case .join(let client):
            let standing = ServerRound.Standing(
                isMember: state.members.contains(client),
                hasDelivered: state.delivered.contains(client)
            )
            let answer = round.join(standing, now: state.now)
            if answer == .joins { next.members.insert(client) }
            return (next, "\(answer)")
        case .upload(let client):
            guard !state.delivered.contains(client) else { return (state, "known") }
            let answer = round.upload(isMember: state.members.contains(client), now: state.now)
            if answer == .add { next.delivered.insert(client) }
            return (next, "\(answer)")
        case .wait:
            next.now = min(state.now + 1000, lastTime)
            return (next, "")
        case .look:
            switch round.next(now: state.now) {
            case .wait: return (next, "wait")
            case .report(let until):
                next.closesAt = until
                return (next, "report")
            case .release:
                next.end = "release"
                return (next, "release")
            case .abandon:
                next.end = "abandon"
                return (next, "abandon")
            }
        }
    }

    static func reachable(expected: Int) -> Set<State> {
        var found: Set<State> = [State(expected: expected)]
        var frontier = Array(found)
        while let state = frontier.popLast() {
            for event in Event.all {
                let (next, _) = specified(event, in: state)
                if found.insert(next).inserted { frontier.append(next) }
            }
        }
        return found
    }

    @Test("In every reachable state every event does what the protocol says", arguments: [2, 3, 4])
    func everyState(expected: Int) {
        let states = Self.reachable(expected: expected)
        #expect(states.count > 1000)
        var wrong = 0
        for state in states {
            for event in Event.all {
                let (next, answer) = Self.specified(event, in: state)
                let (done, said) = Self.performed(event, in: state)
                if next != done || answer != said { wrong += 1 }
            }
            // What is promised whatever happens.
            if state.end == "release", state.delivered.count < Self.terms.fewestSurvivors { wrong += 1 }
            if state.members.count > expected || !state.delivered.isSubset(of: state.members) { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test("Every attempt ends by its deadlines, whoever stays away", arguments: [2, 3, 4])
    func everyAttemptEnds(expected: Int) {
        for start in Self.reachable(expected: expected) where start.now <= 3000 {
            var state = start
            // Two seconds of configuration and three of reporting are at most six looks away.
            for _ in 0..<7 where state.end == nil {
                state = Self.performed(.look, in: state).0
                if state.end == nil { state = Self.performed(.wait, in: state).0 }
            }
            if state.end == nil { Issue.record("\(start) does not end") }
        }
    }

    @Test("A round says until when there is nothing to do")
    func waits() {
        var round = State(expected: 4).round
        #expect(round.next(now: 0) == .wait(until: 2000) && round.stage == .configuration)
        round.members = 4
        #expect(round.next(now: 500) == .report(until: 3500))
        round.closesAt = 3500
        #expect(round.next(now: 600) == .wait(until: 3500) && round.stage == .reporting)
        round.isClosing = true
        #expect(round.stage == .closing)
    }

    @Test("After an outage the deadlines move by its length, and by nothing where the clock went back")
    func outages() {
        var round = State(expected: 4).round
        round.closesAt = 5000
        round.extend(since: 1000, now: 61_000)
        #expect(round.closesAt == 65_000 && round.configuresUntil == 62_000)
        round.extend(since: 90_000, now: 80_000)
        #expect(round.closesAt == 65_000 && round.configuresUntil == 62_000)
    }

    /// Participations so far, the last round, the caps, and whether the client may take part in round 10.
    @Test(
        "Caps of one client's participations",
        arguments: [
            (0, nil, 1, 1, true), (1, 9, 1, 1, false), (1, 9, 2, 1, true), (2, 9, 2, 1, false), (1, 9, 2, 2, false),
            (0, nil, .max, 9, true), (1, 8, 2, 2, true), (1, 5, .max, 6, false),
            (1, 4, .max, 6, true),
        ] as [(Int, Int?, Int, Int, Bool)]
    )
    func caps(count: Int, last: Int?, most: Int, separation: Int, allowed: Bool) {
        var terms = Self.terms
        terms.mostParticipations = most
        terms.leastSeparation = separation
        let standing = ServerRound.Standing(participations: count, lastRound: last)
        #expect(terms.allows(standing, inRound: 10) == allowed)
        let round = ServerRound(
            identifier: RoundIdentifier(task: "t", round: 10, attempt: 1),
            terms: terms,
            configuresUntil: 2000,
            expected: 4
        )
        #expect(round.join(standing, now: 0) == (allowed ? .joins : .capped))
    }

    @Test("Rounds are ordered by task, number and attempt")
    func order() {
        let names = [("a", 1, 1), ("a", 1, 2), ("a", 2, 1), ("b", 1, 1)].map(RoundIdentifier.init)
        #expect(names.shuffled().sorted() == names)
        #expect(names[1].description == "task a, round 1, attempt 2")
    }
}
