// SPDX-License-Identifier: Apache-2.0

import Rounds
import Store
import Testing

@Suite("Stores: what watchers see")
struct ObservationConformanceTests {
    @Test("Attempts are counted while they are open and after they ended", arguments: Backend.all)
    func attempts(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        func attempts(_ store: Store, from round: Int = 1, limit: Int = .max) throws -> [AttemptRecord] {
            try store.read { try $0.attempts(of: "t", from: round, limit: limit) }
        }
        #expect(try store.read { try $0.attempts(of: "unknown", from: 0) }.isEmpty)
        var expected = AttemptRecord(
            identifier: Samples.round(),
            state: .open,
            openedAt: 1_700_000_000_000,
            configuresUntil: 1_700_000_030_000,
            closesAt: nil,
            endedAt: nil,
            expected: 5,
            members: 2,
            accepted: 0,
            bytesUp: 0,
            result: nil
        )
        #expect(try attempts(store) == [expected])
        try store.accept("b")
        expected.accepted = 1
        expected.bytesUp = 1000
        try store.write { try $0.setTimes(of: Samples.round(), configuresUntil: 7, closesAt: 9) }
        expected.configuresUntil = 7
        expected.closesAt = 9
        #expect(try attempts(store, from: 0) == [expected])
        try store.write { try $0.close(Samples.round()) }
        expected.state = .closing
        #expect(try attempts(store) == [expected])
        let terms = RoundTerms(rounds: 3, cohort: 3, fewestSurvivors: 2, deadlineSeconds: 10)
        #expect(ServerRound(expected, terms: terms).stage == .closing)
        let result = Samples.result(Samples.round())
        try store.write { try $0.abandon(Samples.round(), entry: Samples.row(1), result: result, at: 11) }
        (expected.state, expected.endedAt, expected.result) = (.abandoned, 11, result)
        (expected.accepted, expected.bytesUp) = (result.survivors, result.bytesUp)
        let again = Samples.round(attempt: 2)
        let commit = Samples.commit(again, index: 3)
        try store.write { session in
            try session.openRound(Samples.record(again), reservation: Samples.row(2))
            try session.commit(commit)
        }
        for store in [store, try database.open()] {
            let found = try attempts(store)
            #expect(found.count == 2 && found[0] == expected)
            #expect(found[1].state == .committed && found[1].result == commit.result && found[1].members == 0)
            #expect(try attempts(store, from: 2).isEmpty && attempts(store, limit: 1) == [expected])
        }
        // As an older version left it: its updates say what its result does not.
        try database.sql("UPDATE rounds SET result = NULL")
        #expect(try attempts(store)[0].accepted == 1 && attempts(store)[0].bytesUp == 1000)
    }

    @Test(
        "Events tell in order what happened, whichever process did it, without a client's name",
        arguments: Backend.all
    )
    func events(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let (store, other) = (try database.open(), try database.open())
        func events(_ store: Store, after number: Int64 = 0, limit: Int = 100) throws -> [StoreEvent] {
            try store.read { try $0.events(after: number, limit: limit) }
        }
        #expect(try store.read { try $0.lastEvent() } == 0 && events(store).isEmpty)
        try store.enrol("c-secret1", "c-secret2")
        // Asked for once more, it is not another client; of those that come one by one the last count stays.
        try other.enrol("c-secret3")
        try other.write { session in
            let again = Array("secret of c-secret3".utf8)
            _ = try session.enrol(
                client: "x",
                publicKey: Array("key of c-secret3".utf8),
                inviteSecretHash: again,
                now: 1
            )
        }
        #expect(try store.read { try $0.clientCount() } == 3)
        _ = try store.withTask(status: .created)
        try other.write { session in
            try session.setStatus(.running, reason: "by hand", of: "t", from: [.created])
            try session.setStatus(.running, reason: "again", of: "t", from: [.running])
            #expect(try session.revokeClient("c-secret2", now: 5))
            #expect(try !session.revokeClient("c-secret2", now: 6))
        }
        try store.write { try $0.openRound(Samples.record(Samples.round()), reservation: Samples.row(0)) }
        try other.write { session in
            let result = Samples.result(Samples.round())
            try session.abandon(Samples.round(), entry: Samples.row(1), result: result, at: 1)
        }
        let second = Samples.round(attempt: 2)
        try store.write { try $0.openRound(Samples.record(second), reservation: Samples.row(2)) }
        try other.write { try $0.commit(Samples.commit(second, index: 3, status: .finished)) }
        #expect(try store.write { try $0.rollBack("t", to: 1) })

        let told = try events(other)
        let kinds: [StoreEvent.Kind] = [
            .clientEnrolled, .taskCreated, .taskRunning, .clientRevoked, .roundOpened, .roundAbandoned, .roundOpened,
            .roundCommitted, .taskFinished, .taskRolledBack,
        ]
        #expect(told.map(\.kind) == kinds)
        #expect(told.map(\.number) == Array(2...11).map { Int64($0) })
        #expect(told[0].detail == "3" && told[2].detail == "by hand" && told[3].detail == "2")
        #expect(told[1].task == "t" && told[5].round == 1 && told[5].attempt == 1 && told[7].attempt == 2)
        // Whatever the clocks of the servers say: the database's own is within a day of this one's.
        #expect(told.allSatisfy { !"\($0)".contains("secret") && $0.time > 1_700_000_000_000 })
        #expect(try store.read { try $0.lastEvent() } == 11)
        #expect(try events(store, after: told[4].number, limit: 2) == Array(told[5...6]))
    }

    @Test("What is undone is not told", arguments: Backend.all)
    func undone(_ backend: Backend) throws {
        struct Undo: Error {}
        let store = try backend.makeDatabase().open().withTask()
        let before = try store.read { try $0.events(after: 0, limit: 10) }
        #expect(throws: Undo.self) {
            try store.write { session in
                try session.setStatus(.paused, reason: "", of: "t", from: [.running])
                throw Undo()
            }
        }
        try store.write { session in
            #expect(throws: Undo.self) {
                try session.savepoint {
                    try session.setStatus(.stopped, reason: "", of: "t", from: [.running])
                    throw Undo()
                }
            }
        }
        #expect(try store.read { try $0.events(after: 0, limit: 10) } == before)
        try store.write { session in
            try session.savepoint { _ = try session.setStatus(.paused, reason: "", of: "t", from: [.running]) }
        }
        #expect(try store.read { try $0.events(after: 0, limit: 10) }.map(\.kind) == before.map(\.kind) + [.taskPaused])
    }

    @Test("Old events are forgotten, and numbers go on", arguments: Backend.all)
    func bounded(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open().withTask()
        let most = StoreSession.keptEvents
        try store.write { session in
            for index in 0..<most + 20 {
                let status: TaskStatus = index.isMultiple(of: 2) ? .paused : .running
                try session.setStatus(status, reason: "", of: "t", from: [.running, .paused])
            }
        }
        let told = try store.read { try $0.events(after: 0, limit: .max) }
        #expect(told.count == most && told.first?.number == 22 && told.last?.number == Int64(most) + 21)
        #expect(try store.read { try $0.lastEvent() } == Int64(most) + 21)
    }

    @Test("Whoever has read a number has read all before it, however many write at once", arguments: Backend.all)
    func inOrder(_ backend: Backend) async throws {
        let database = try backend.makeDatabase()
        let stores = try (0..<4).map { _ in try database.open() }
        for index in 0..<4 {
            var task = Samples.task("t\(index)")
            task.planHash = Samples.hash(UInt8(index))
            try stores[0].write { try $0.createTask(task, plan: [1], model: [2]) }
        }
        let watcher = try database.open()
        let written = Counter()
        try await concurrently(5) { index in
            guard index < 4 else {
                var last: Int64 = 0
                while true {
                    let isOver = written.value == 4
                    for event in try watcher.read({ try $0.events(after: last, limit: 1000) }) {
                        #expect(event.number == last + 1)
                        last = event.number
                    }
                    if isOver { return }
                }
            }
            defer { written.add() }
            for number in 0..<25 {
                try stores[index].write { session in
                    let status: TaskStatus = number.isMultiple(of: 2) ? .paused : .running
                    try session.setStatus(status, reason: "", of: "t\(index)", from: [.running, .paused])
                }
            }
        }
        #expect(try watcher.read { try $0.lastEvent() } == 104)
    }

    @Test("Each of several who wait hears of a change, also of one between two waits", arguments: Backend.all)
    func waiting(_ backend: Backend) async throws {
        let database = try backend.makeDatabase()
        let (store, other) = (try database.open().withTask(), try database.open())
        // With a listener at work, there is a first signal of its own.
        let first = other.waitForChange(after: 0, milliseconds: 2000)
        try await concurrently(3) { index in
            if index == 0 {
                try other.write { _ = try $0.setStatus(.paused, reason: "", of: "t", from: [.running]) }
            } else {
                #expect(other.waitForChange(after: first, milliseconds: 60_000) > first)
            }
        }
        #expect(other.waitForChange(after: first, milliseconds: 60_000) > first)
        _ = store
    }
}
