// SPDX-License-Identifier: Apache-2.0

import Rounds
import Store
import Testing

@Suite("Stores: rounds")
struct RoundConformanceTests {
    let round = Samples.round()

    @Test("An open round comes back whole, in whatever order its members joined", arguments: Backend.all)
    func openRound(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withTask()
        var expected = Samples.record(round)
        try store.openRound(expected, reservation: Samples.row(0))
        #expect(try store.openRounds() == [expected])

        for (client, closesAt) in [("z", 10), ("a", 10), ("m", 10)] as [(String, UInt64)] {
            try store.addMember(client, to: round, closesAt: closesAt)
        }
        expected.members = ["z", "a", "m"]
        expected.closesAt = 10
        #expect(try store.openRounds() == [expected])

        try store.setDeadline(99, of: round)
        try store.accept(Samples.update("m"), in: round, sealedSum: [1])
        try store.accept(Samples.update("a", body: 2), in: round, sealedSum: [1, 2])
        expected.closesAt = 99
        expected.accepted = [Samples.update("a", body: 2), Samples.update("m")]
        expected.sealedSum = [1, 2]
        #expect(try store.openRounds() == [expected])
        #expect(try database.open().openRounds() == [expected])
        #expect(try store.receipt(of: "m", in: round) == Samples.update("m"))
        #expect(try store.receipt(of: "z", in: round) == nil)
        #expect(try store.ledger(of: Samples.population) == [Samples.row(0)])
        #expect(try store.ledger(of: "others").isEmpty)
        #expect(try store.lastAttempt(task: "t", round: 1) == 1)
        #expect(try store.lastAttempt(task: "t", round: 2) == 0)
    }

    @Test("A reservation with the wrong place in the ledger opens nothing", arguments: Backend.all)
    func reservation(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withTask()
        try expectConflict(store, database) {
            try store.openRound(Samples.record(round), reservation: Samples.row(1))
        }
        try store.openRound(Samples.record(round), reservation: Samples.row(0))
        try store.createTask(Samples.task("u"), plan: [1, 1], model: [2, 2, 2])
        for index in [0, 2] {
            try expectConflict(store, database) {
                try store.openRound(
                    Samples.record(Samples.round(task: "u")),
                    reservation: Samples.row(index)
                )
            }
        }
        #expect(try store.lastAttempt(task: "u", round: 1) == 0)
    }

    @Test("A task has one open round; a refused one leaves no reservation", arguments: Backend.all)
    func oneOpenRound(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        for other in [Samples.round(), Samples.round(attempt: 2), Samples.round(2)] {
            try expectConflict(store, database) {
                try store.openRound(Samples.record(other), reservation: Samples.row(1))
            }
        }
        try store.createTask(Samples.task("u"), plan: [1, 1], model: [2, 2, 2])
        try store.openRound(Samples.record(Samples.round(task: "u")), reservation: Samples.row(1))
        #expect(try store.openRounds().map(\.identifier.task) == ["t", "u"])
    }

    @Test("Who joined cannot join again", arguments: Backend.all)
    func joinsTwice(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        try expectConflict(store, database) { try store.addMember("a", to: round, closesAt: 9000) }
    }

    @Test("A second update of a client is a conflict and leaves the sum as it was", arguments: Backend.all)
    func acceptsTwice(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        try store.accept(Samples.update("a"), in: round, sealedSum: [1])
        for body: UInt8 in [1, 2] {
            try expectConflict(store, database) {
                try store.accept(Samples.update("a", body: body), in: round, sealedSum: [2])
            }
        }
        #expect(try store.receipt(of: "a", in: round) == Samples.update("a"))
    }

    @Test("A commit changes everything at once", arguments: Backend.all)
    func commit(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        try store.accept(Samples.update("a"), in: round, sealedSum: [1])
        let commit = Samples.commit(round, index: 1)
        try store.commit(commit)
        for store in [store, try database.open()] {
            var task = Samples.task()
            task.round = 1
            task.modelHash = commit.modelHash
            task.optimizerState = commit.optimizerState
            #expect(try store.task("t") == task)
            #expect(try store.blob(commit.modelHash) == commit.model)
            #expect(try store.blob(Samples.hash(2)) == [2, 2, 2])
            #expect(try store.openRounds().isEmpty)
            #expect(try store.results(of: "t") == [commit.result])
            #expect(try store.ledger(of: Samples.population) == [Samples.row(0), Samples.row(1)])
            #expect(try store.receipt(of: "a", in: round) == Samples.update("a"))
        }
        try store.openRound(Samples.record(Samples.round(2)), reservation: Samples.row(2))
        #expect(try store.openRounds().map(\.identifier.round) == [2])
    }

    @Test("A commit that conflicts anywhere leaves nothing behind", arguments: Backend.all)
    func failedCommit(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        try store.accept(Samples.update("a"), in: round, sealedSum: [1])
        for commit in [
            // Another process appended to the ledger.
            Samples.commit(round, index: 0), Samples.commit(round, index: 2),
            // Not the round that follows, an attempt that was never opened, an unknown task.
            Samples.commit(Samples.round(2), index: 1), Samples.commit(Samples.round(attempt: 2), index: 1),
            Samples.commit(Samples.round(task: "u"), index: 1),
        ] {
            try expectConflict(store, database) { try store.commit(commit) }
        }
        try store.commit(Samples.commit(round, index: 1))
        try expectConflict(store, database) { try store.commit(Samples.commit(round, index: 2)) }
    }

    @Test("A commit leaves a paused task paused, but the last one finishes it", arguments: Backend.all)
    func commitKeepsStatus(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        try database.open().setStatus(.paused, reason: "by the operator", of: "t", from: [.running])
        try store.commit(Samples.commit(round, index: 1))
        #expect(try store.task("t")?.status == .paused)
        #expect(try store.task("t")?.statusReason == "by the operator")

        try store.setStatus(.running, reason: "", of: "t", from: [.paused])
        try store.openRound(Samples.record(Samples.round(2)), reservation: Samples.row(2))
        try store.setStatus(.paused, reason: "by the operator", of: "t", from: [.running])
        try store.commit(Samples.commit(Samples.round(2), index: 3, status: .finished))
        #expect(try store.task("t")?.status == .finished)
        #expect(try store.task("t")?.statusReason == "")
    }

    @Test("An abandoned attempt changes no model; the next attempt follows it", arguments: Backend.all)
    func abandon(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        try store.accept(Samples.update("a"), in: round, sealedSum: [1])
        try expectConflict(store, database) { try store.abandon(round, entry: Samples.row(2)) }
        try expectConflict(store, database) {
            try store.abandon(Samples.round(attempt: 2), entry: Samples.row(1))
        }
        try store.abandon(round, entry: Samples.row(1))
        #expect(try store.task("t") == Samples.task())
        #expect(try store.openRounds().isEmpty)
        #expect(try store.results(of: "t").isEmpty)
        #expect(try store.receipt(of: "a", in: round) == Samples.update("a"))
        #expect(try store.ledger(of: Samples.population).count == 2)

        let next = Samples.round(attempt: 2)
        try expectConflict(store, database) {
            try store.openRound(Samples.record(round), reservation: Samples.row(2))
        }
        try store.openRound(Samples.record(next), reservation: Samples.row(2))
        #expect(try store.openRounds() == [Samples.record(next)])
        #expect(try store.lastAttempt(task: "t", round: 1) == 2)
    }

    @Test("A round that has ended takes no member, deadline, update or second end", arguments: Backend.all)
    func ended(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        try store.abandon(round, entry: Samples.row(1))
        for identifier in [round, Samples.round(task: "unknown")] {
            try expectConflict(store, database) { try store.addMember("c", to: identifier, closesAt: 9000) }
            try expectConflict(store, database) { try store.setDeadline(9000, of: identifier) }
            try expectConflict(store, database) {
                try store.accept(Samples.update("b"), in: identifier, sealedSum: [2])
            }
            try expectConflict(store, database) { try store.commit(Samples.commit(identifier, index: 2)) }
            try expectConflict(store, database) { try store.abandon(identifier, entry: Samples.row(2)) }
            #expect(try store.receipt(of: "b", in: identifier) == nil)
        }
    }

    @Test("Results are in order and keep what was not measured", arguments: Backend.all)
    func results(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open().withTask()
        var expected: [RoundResult] = []
        for number in 1...12 {
            let identifier = Samples.round(number)
            try store.openRound(Samples.record(identifier), reservation: Samples.row(2 * number - 2))
            var commit = Samples.commit(identifier, index: 2 * number - 1)
            commit.result.accuracy = number.isMultiple(of: 2) ? nil : 0.1 + Double(number)
            commit.result.seconds = 1 / Double(number)
            try store.commit(commit)
            expected.append(commit.result)
        }
        #expect(try store.results(of: "t") == expected)
    }

    @Test("A round's key and every sum it had are erased when it ends", arguments: Backend.all, [true, false])
    func erased(_ backend: Backend, commits: Bool) throws {
        let database = try backend.makeDatabase()
        // Over several pages, with a mark that is whole in some of them.
        let marks = ["the sealed key", "the first sum", "the second sum"].map { Array($0.utf8) }
        let secrets = marks.map { Array(repeatElement($0, count: 1000).joined()) }
        let store = try database.open().withRound(sealedPrivateKey: secrets[0])
        try store.accept(Samples.update("a"), in: round, sealedSum: secrets[1])
        try store.accept(Samples.update("b"), in: round, sealedSum: secrets[2])
        for mark in marks { #expect(try database.holds(mark)) }
        if commits {
            try store.commit(Samples.commit(round, index: 1))
        } else {
            try store.abandon(round, entry: Samples.row(1))
        }
        for mark in marks { #expect(try !database.holds(mark), "\(mark)") }
        // What is to be kept is found, so what was not found is not there.
        #expect(try database.holds(Samples.row(1).entry))
        withExtendedLifetime(store) {}
    }
}
