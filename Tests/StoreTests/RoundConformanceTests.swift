// SPDX-License-Identifier: Apache-2.0

import Rounds
import Store
import Testing

@Suite("Stores: rounds")
struct RoundConformanceTests {
    let round = Samples.round()

    @Test("An open round comes back whole, as its members join and deliver", arguments: Backend.all)
    func openRound(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withTask()
        try store.enrol("a", "b")
        var expected = Samples.record(round)
        try store.write { try $0.openRound(expected, reservation: Samples.row(0)) }
        #expect(try store.read { try $0.openRounds() } == [expected])

        for (index, client) in ["z", "a", "b"].enumerated() {
            try store.write { session in
                #expect(try session.lockRound(round)?.members == index)
                try session.addMember(client, to: round, now: 10)
            }
        }
        try store.write { try $0.setTimes(of: round, configuresUntil: 20, closesAt: 99) }
        expected.members = 3
        expected.configuresUntil = 20
        expected.closesAt = 99
        #expect(try store.read { try $0.openRounds() } == [expected])

        try store.accept("b", sum: Samples.sum("w", updates: 1, [1]))
        try store.accept("a", body: 2, sum: Samples.sum("v", updates: 4, []))
        try store.write { try $0.setPartialSum(Samples.sum("w", updates: 3, [2]), of: round) }
        expected.accepted = 7
        expected.bytesUp = 7000
        for store in [store, try database.open()] {
            try store.write { (session) throws in
                #expect(try session.openRounds() == [expected])
                #expect(try session.openRound(of: "t") == expected)
                #expect(try session.openRound(of: "u") == nil)
                #expect(try session.round(round) == expected)
                #expect(try session.lockRound(round) == expected)
                #expect(try session.shareRound(round) == expected)
                #expect(try session.round(Samples.round(2)) == nil)
                #expect(try session.lockRound(Samples.round(2)) == nil)
                #expect(try session.isMember("z", of: round))
                #expect(try !session.isMember("y", of: round))
                let sums = [Samples.sum("v", updates: 4, []), Samples.sum("w", updates: 3, [2])]
                #expect(try session.partialSums(of: round) == sums)
                #expect(try session.partialSum(of: "w", in: round) == sums[1])
                #expect(try session.partialSum(of: "x", in: round) == nil)
                #expect(try session.ledger(of: Samples.population) == [Samples.row(0)])
                #expect(try session.ledgerHead(of: Samples.population) == Samples.row(0))
                #expect(try session.ledger(of: "others").isEmpty)
                #expect(try session.ledgerHead(of: "others") == nil)
                #expect(try session.lastAttempt(task: "t", round: 1) == 1)
                #expect(try session.lastAttempt(task: "t", round: 2) == 0)
            }
        }
        try store.write { try $0.close(round) }
        expected.state = .closing
        #expect(try store.read { try $0.openRounds() } == [expected])
    }

    @Test("An accepted update says where the ledger stood and how many there were", arguments: Backend.all)
    func accepted(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open().withRound()
        let first = AcceptedUpdate(
            client: "a",
            bodyHash: Samples.hash(1),
            bytesUp: 1000,
            ledgerIndex: 1,
            ledgerHead: [UInt8](repeating: 0, count: 32),
            receipts: 1
        )
        #expect(try store.accept("a") == first)
        #expect(try store.read { try $0.update(of: "a", in: round) } == first)
        #expect(try store.read { try $0.update(of: "b", in: round) } == nil)
        try store.write { try $0.commit(Samples.commit(round, index: 1)) }
        let next = Samples.round(2)
        try store.write { try $0.openRound(Samples.record(next), reservation: Samples.row(2)) }
        let second = try store.accept("a", in: next)
        #expect(second.receipts == 2)
        #expect(second.ledgerIndex == 3)
        #expect(second.ledgerHead == [UInt8](repeating: 2, count: 32))
        // The answer to the first one stays what it was.
        #expect(try store.read { try $0.update(of: "a", in: round) } == first)
        #expect(try store.read { try $0.client("a") }?.receipts == 2)
        #expect(throws: StoreError.self) { try store.accept("stranger", in: next) }
    }

    @Test("A reservation with the wrong place in the ledger opens nothing", arguments: Backend.all)
    func reservation(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withTask()
        try expectConflict(store, database) { try $0.openRound(Samples.record(round), reservation: Samples.row(1)) }
        try store.write { session in
            try session.openRound(Samples.record(round), reservation: Samples.row(0))
            try session.createTask(Samples.task("u"), plan: [1, 1], model: [2, 2, 2])
        }
        for index in [0, 2] {
            try expectConflict(store, database) { session in
                try session.openRound(Samples.record(Samples.round(task: "u")), reservation: Samples.row(index))
            }
        }
        #expect(try store.read { try $0.lastAttempt(task: "u", round: 1) } == 0)
    }

    @Test("A task has one open round; a refused one leaves no reservation", arguments: Backend.all)
    func oneOpenRound(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        func expectRefused() throws {
            for other in [Samples.round(), Samples.round(attempt: 2), Samples.round(2)] {
                try expectConflict(store, database) {
                    try $0.openRound(Samples.record(other), reservation: Samples.row(1))
                }
            }
        }
        try expectRefused()
        // One that is closing counts as well.
        try store.write { try $0.close(round) }
        try expectRefused()
        try store.write { session in
            try session.createTask(Samples.task("u"), plan: [1, 1], model: [2, 2, 2])
            try session.openRound(Samples.record(Samples.round(task: "u")), reservation: Samples.row(1))
        }
        #expect(try store.read { try $0.openRounds() }.map(\.identifier.task) == ["t", "u"])
    }

    @Test("Who joined cannot join again", arguments: Backend.all)
    func joinsTwice(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        try expectConflict(store, database) { try $0.addMember("a", to: round, now: 30) }
    }

    @Test(
        "Participations count every other round of a task in which a client was a member once",
        arguments: Backend.all
    )
    func participation(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open().withRound()
        func participation(_ client: String, _ task: String = "t", exceptRound round: Int = 9) throws -> [Int?] {
            let found = try store.read { try $0.participation(of: client, in: task, exceptRound: round) }
            return [found.count, found.lastRound]
        }
        #expect(try participation("a") == [1, 1])
        #expect(try participation("a", exceptRound: 1) == [0, nil])
        #expect(try participation("c") == [0, nil])
        #expect(try participation("a", "u") == [0, nil])
        try store.write { session in
            try session.abandon(round, entry: Samples.row(1), result: Samples.result(round), at: 1)
            let again = Samples.round(attempt: 2)
            try session.openRound(Samples.record(again), reservation: Samples.row(2))
            try session.addMember("a", to: again, now: 1)
            try session.commit(Samples.commit(again, index: 3))
            try session.openRound(Samples.record(Samples.round(2)), reservation: Samples.row(4))
            try session.addMember("a", to: Samples.round(2), now: 1)
        }
        #expect(try participation("a") == [2, 2])
        #expect(try participation("a", exceptRound: 2) == [1, 1])
        #expect(try participation("b") == [1, 1])
        // Rounds whose number is a multiple do not count.
        func training(_ client: String, every period: Int) throws -> [Int?] {
            let found = try store.read { session in
                try session.participation(of: client, in: "t", exceptRound: 9, exceptEvery: period)
            }
            return [found.count, found.lastRound]
        }
        #expect(try training("a", every: 2) == [1, 1])
        #expect(try training("a", every: 3) == [2, 2])
    }

    @Test("A second update of a client is a conflict and leaves the sum as it was", arguments: Backend.all)
    func acceptsTwice(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        let first = try store.accept("a")
        for body: UInt8 in [1, 2] {
            try expectConflict(store, database) { session in
                try session.setPartialSum(Samples.sum("w", updates: 2, [9]), of: round)
                _ = try session.accept(
                    client: "a",
                    bodyHash: Samples.hash(body),
                    bytesUp: 7,
                    in: round,
                    population: Samples.population
                )
            }
        }
        #expect(try store.read { try $0.update(of: "a", in: round) } == first)
    }

    @Test("A commit changes everything at once", arguments: Backend.all)
    func commit(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        let update = try store.accept("a")
        let commit = Samples.commit(round, index: 1)
        try store.write { session in
            try session.close(round)
            try session.commit(commit)
        }
        for store in [store, try database.open()] {
            try store.read { session in
                var task = Samples.task()
                task.round = 1
                task.modelHash = commit.modelHash
                task.optimizerState = []
                #expect(try session.task("t") == task)
                #expect(try session.optimizerState(of: "t") == commit.optimizerState)
                #expect(try session.blob(commit.modelHash) == commit.model)
                #expect(try session.blob(Samples.hash(2)) == [2, 2, 2])
                #expect(try session.openRounds().isEmpty)
                let ended = try #require(try session.round(round))
                #expect(ended.state == .committed && ended.sealedPrivateKey.isEmpty && ended.accepted == 0)
                #expect(try session.partialSums(of: round).isEmpty)
                #expect(try session.results(of: "t") == [commit.result])
                #expect(try session.ledger(of: Samples.population) == [Samples.row(0), Samples.row(1)])
                #expect(try session.ledger(of: Samples.population, from: 1) == [Samples.row(1)])
                #expect(try session.update(of: "a", in: round) == update)
            }
        }
        try store.write { try $0.openRound(Samples.record(Samples.round(2)), reservation: Samples.row(2)) }
        #expect(try store.read { try $0.openRounds() }.map(\.identifier.round) == [2])
    }

    @Test("A commit that conflicts anywhere leaves nothing behind", arguments: Backend.all)
    func failedCommit(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        try store.accept("a")
        for commit in [
            // Another process appended to the ledger.
            Samples.commit(round, index: 0), Samples.commit(round, index: 2),
            // Not the round that follows, an attempt that was never opened, an unknown task.
            Samples.commit(Samples.round(2), index: 1), Samples.commit(Samples.round(attempt: 2), index: 1),
            Samples.commit(Samples.round(task: "u"), index: 1),
        ] {
            try expectConflict(store, database) { try $0.commit(commit) }
        }
        try store.write { try $0.commit(Samples.commit(round, index: 1)) }
        try expectConflict(store, database) { try $0.commit(Samples.commit(round, index: 2)) }
    }

    @Test("A commit leaves a paused task paused, but the last one finishes it", arguments: Backend.all)
    func commitKeepsStatus(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        let other = try database.open()
        let reason = "by the operator"
        try other.write { try $0.setStatus(.paused, reason: reason, of: "t", from: [.running]) }
        try store.write { try $0.commit(Samples.commit(round, index: 1)) }
        #expect(try store.read { try $0.task("t") }?.status == .paused)
        #expect(try store.read { try $0.task("t") }?.statusReason == reason)

        try store.write { session in
            try session.setStatus(.running, reason: "", of: "t", from: [.paused])
            try session.openRound(Samples.record(Samples.round(2)), reservation: Samples.row(2))
            try session.setStatus(.paused, reason: reason, of: "t", from: [.running])
            try session.commit(Samples.commit(Samples.round(2), index: 3, status: .finished))
        }
        #expect(try store.read { try $0.task("t") }?.status == .finished)
        #expect(try store.read { try $0.task("t") }?.statusReason == "")
    }

    @Test("An abandoned attempt changes no model; the next attempt follows it", arguments: Backend.all)
    func abandon(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        let update = try store.accept("a")
        let result = Samples.result(round)
        try expectConflict(store, database) { session in
            try session.abandon(round, entry: Samples.row(2), result: result, at: 9)
        }
        try expectConflict(store, database) { session in
            try session.abandon(Samples.round(attempt: 2), entry: Samples.row(1), result: result, at: 9)
        }
        let task = try store.read { try $0.task("t") }
        try store.write { try $0.abandon(round, entry: Samples.row(1), result: result, at: 9) }
        try store.read { session in
            #expect(try session.task("t") == task)
            #expect(try session.openRounds().isEmpty)
            #expect(try session.results(of: "t").isEmpty)
            let ended = try session.ended("t")
            #expect(ended.map(\.state) == [.abandoned] && ended.map(\.result) == [result])
            #expect(try session.update(of: "a", in: round) == update)
            #expect(try session.ledger(of: Samples.population).count == 2)
        }
        let next = Samples.round(attempt: 2)
        try expectConflict(store, database) { try $0.openRound(Samples.record(round), reservation: Samples.row(2)) }
        try store.write { try $0.openRound(Samples.record(next), reservation: Samples.row(2)) }
        #expect(try store.read { try $0.openRounds() } == [Samples.record(next)])
        #expect(try store.read { try $0.lastAttempt(task: "t", round: 1) } == 2)
    }

    @Test("A round that has ended takes no deadline and no second end", arguments: Backend.all)
    func ended(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        let result = Samples.result(round)
        try store.write { try $0.abandon(round, entry: Samples.row(1), result: result, at: 9) }
        for round in [round, Samples.round(task: "unknown")] {
            try expectConflict(store, database) { try $0.setTimes(of: round, configuresUntil: 30, closesAt: 9000) }
            try expectConflict(store, database) { try $0.close(round) }
            try expectConflict(store, database) { try $0.commit(Samples.commit(round, index: 2)) }
            try expectConflict(store, database) {
                try $0.abandon(round, entry: Samples.row(2), result: result, at: 9)
            }
        }
        // Nor does one that is closing move its deadline.
        let next = Samples.round(attempt: 2)
        try store.write { session in
            try session.openRound(Samples.record(next), reservation: Samples.row(2))
            try session.close(next)
            try session.close(next)
        }
        try expectConflict(store, database) { try $0.setTimes(of: next, configuresUntil: 30, closesAt: 9000) }
    }

    @Test("Results are in order and keep what was not measured", arguments: Backend.all)
    func results(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open().withTask()
        var expected: [RoundResult] = []
        for number in 1...12 {
            let identifier = Samples.round(number)
            var commit = Samples.commit(identifier, index: 2 * number - 1)
            commit.result.accuracy = number.isMultiple(of: 2) ? nil : 0.1 + Double(number)
            commit.result.seconds = 1 / Double(number)
            let whole = commit
            try store.write { session in
                try session.openRound(Samples.record(identifier), reservation: Samples.row(2 * number - 2))
                try session.commit(whole)
            }
            expected.append(commit.result)
        }
        #expect(try store.read { try $0.results(of: "t") } == expected)
        let later = try store.read { try $0.ended("t", from: 10) }.map(\.result)
        #expect(later == Array(expected.suffix(3)))
    }

    @Test("A round's key, its sums and its parts are erased when it ends", arguments: Backend.all, [true, false])
    func erased(_ backend: Backend, commits: Bool) throws {
        let database = try backend.makeDatabase()
        // Over several pages, with a mark that is whole in some of them, and different in every run, because databases of
        // other tests may lie beside this one.
        let salt = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let marks = ["key", "first sum", "second sum", "part"].map { Array("the \($0) \(salt)|".utf8) }
        let secrets = marks.map { Array(repeatElement($0, count: 1000).joined()) }
        let store = try database.open().withRound(sealedPrivateKey: secrets[0])
        try store.accept("a", sum: Samples.sum("w", updates: 1, secrets[1]))
        try store.accept("b", sum: Samples.sum("w", updates: 2, secrets[2]))
        try store.write { try $0.addPart(secrets[3], first: 0, total: 90_000, of: "b", in: round) }
        #expect(try database.holds(marks[2]))
        try store.write { session in
            if commits {
                try session.commit(Samples.commit(round, index: 1))
            } else {
                try session.abandon(round, entry: Samples.row(1), result: Samples.result(round), at: 9)
            }
        }
        store.scrub()
        try store.read { (session) throws in
            #expect(try session.round(round)?.sealedPrivateKey == [])
            #expect(try session.partialSums(of: round).isEmpty)
            #expect(try session.receivedBytes(of: "b", in: round) == 0)
        }
        // What is to be kept is found, so what was not found is not there.
        #expect(try database.holds(Samples.row(1).entry))
        // PostgreSQL promises nothing of pages that are still part of a table; the sums and parts had pages of their own.
        let erased = database is SQLiteTestDatabase ? marks : Array(marks.dropFirst())
        for mark in erased { #expect(try !database.holds(mark), "\(String(decoding: mark, as: UTF8.self))") }
        withExtendedLifetime(store) {}
    }
}
