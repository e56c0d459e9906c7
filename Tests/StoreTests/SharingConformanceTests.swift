// SPDX-License-Identifier: Apache-2.0

import Glibc
import Rounds
import Store
import Testing

@Suite("Stores: several processes")
struct SharingConformanceTests {
    struct Refusal: Error {}

    let round = Samples.round()

    @Test("Two stores see each other's writes, and the slower of two gets a conflict", arguments: Backend.all)
    func twoStores(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let (one, other) = (try database.open(), try database.open())
        _ = try one.withTask()
        try one.enrol("a")
        #expect(try other.read { try $0.task("t") }?.status == .running)
        try other.write { try $0.openRound(Samples.record(round), reservation: Samples.row(0)) }
        try expectConflict(one, database) { try $0.openRound(Samples.record(round), reservation: Samples.row(0)) }
        try one.write { try $0.addMember("a", to: round, now: 5) }
        try other.accept("a")
        #expect(throws: StoreError.self) { try one.accept("a", body: 2) }
        try one.write { try $0.commit(Samples.commit(round, index: 1)) }
        try expectConflict(other, database) { session in
            try session.abandon(round, entry: Samples.row(2), result: Samples.result(round), at: 1)
        }
        #expect(try Snapshot(one) == Snapshot(other))
        #expect(try Snapshot(database.open()) == Snapshot(other))
    }

    @Test("A transaction whose body throws leaves nothing behind, and passes the error on", arguments: Backend.all)
    func rollback(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        let before = try Snapshot(store)
        #expect(throws: Refusal.self) {
            try store.write { session in
                try session.commit(Samples.commit(round, index: 1))
                try session.createTask(Samples.task("u"), plan: [], model: [])
                throw Refusal()
            }
        }
        #expect(try Snapshot(store) == before)
        #expect(try Snapshot(database.open()) == before)
    }

    @Test("A savepoint that throws is undone alone, also in another one, also after a conflict", arguments: Backend.all)
    func savepoints(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withRound()
        try store.write { session in
            _ = try session.setMeta("before", ifAbsent: [1])
            #expect(throws: Refusal.self) {
                try session.savepoint {
                    _ = try session.setMeta("undone", ifAbsent: [1])
                    throw Refusal()
                }
            }
            #expect(throws: StoreError.self) {
                try session.savepoint { try session.addMember("a", to: round, now: 1) }
            }
            let kept = try session.savepoint {
                _ = try session.setMeta("outer", ifAbsent: [1])
                #expect(throws: StoreError.self) {
                    try session.savepoint {
                        _ = try session.setMeta("inner", ifAbsent: [1])
                        try session.addMember("b", to: round, now: 1)
                    }
                }
                try session.savepoint { _ = try session.setMeta("second", ifAbsent: [1]) }
                return 7
            }
            #expect(kept == 7)
            _ = try session.setMeta("after", ifAbsent: [1])
        }
        let names = ["before", "undone", "outer", "inner", "second", "after"]
        let there = try database.open().read { session in try names.filter { try session.meta($0) != nil } }
        #expect(there == ["before", "outer", "second", "after"])
        #expect(try store.read { try $0.round(round) }?.members == 2)
    }

    @Test("What reads sees one state, whatever others write meanwhile", arguments: Backend.all)
    func oneState(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let (one, other) = (try database.open().withRound(), try database.open())
        try one.read { session in
            #expect(try session.ledger(of: Samples.population).count == 1)
            try other.write { try $0.commit(Samples.commit(round, index: 1)) }
            #expect(try session.ledger(of: Samples.population).count == 1)
            #expect(try session.task("t")?.round == 0)
            #expect(try session.openRounds().count == 1)
        }
        #expect(try one.read { try $0.task("t") }?.round == 1)
    }

    @Test("What only reads cannot write", arguments: Backend.all)
    func readOnly(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open()
        #expect(throws: (any Error).self) { try store.read { try $0.addInvite(secretHash: [1]) } }
        try store.write { try $0.addInvite(secretHash: [1]) }
    }

    @Test("Members who join at once are all counted", arguments: Backend.all)
    func joining(_ backend: Backend) async throws {
        let database = try backend.makeDatabase()
        let stores = try (0..<4).map { _ in try database.open() }
        _ = try stores[0].withTask()
        try stores[0].write { try $0.openRound(Samples.record(round), reservation: Samples.row(0)) }
        let limit = 30
        try await concurrently(4) { writer in
            for number in 0..<10 {
                try stores[writer].write { session in
                    guard let record = try session.lockRound(round), record.members < limit else { return }
                    try session.addMember("c\(writer)-\(number)", to: round, now: 1)
                }
            }
        }
        // Exactly the limit: each saw all who had joined before it.
        #expect(try stores[0].read { try $0.round(round) }?.members == limit)
        let members = try stores[0].read { session in
            try (0..<40).filter { try session.isMember("c\($0 / 10)-\($0 % 10)", of: round) }
        }
        #expect(members.count == limit)
    }

    @Test("Updates accepted at once are each in one sum; none gets in after the closing", arguments: Backend.all)
    func accepting(_ backend: Backend) async throws {
        let database = try backend.makeDatabase()
        let (writers, each) = (4, 15)
        let stores = try (0...writers).map { _ in try database.open() }
        _ = try stores[0].withTask()
        for index in 0..<writers * each { try stores[0].enrol("c\(index)") }
        try stores[0].write { try $0.openRound(Samples.record(round), reservation: Samples.row(0)) }
        let accepted = Counter()
        let sums = Counter()
        let ended = Counter()
        try await concurrently(writers + 1) { writer in
            let store = stores[writer]
            guard writer < writers else {
                // Closes when about half are there, and counts then.
                while accepted.value < writers * each / 2, ended.value < writers { usleep(1000) }
                let count = try store.write { session in
                    _ = try session.lockRound(round)
                    try session.close(round)
                    return try session.partialSums(of: round).reduce(0) { $0 + $1.updates }
                }
                for _ in 0..<count { sums.add() }
                return
            }
            defer { ended.add() }
            for number in 0..<each {
                // Each update is tried by two servers, as from a client that was answered too late.
                for client in ["c\(writer * each + number)", "c\((writer + 1) % writers * each + number)"] {
                    let isAccepted = try store.write { session in
                        guard try session.shareRound(round)?.state == .open,
                            try session.update(of: client, in: round) == nil
                        else { return false }
                        do {
                            _ = try session.savepoint {
                                try session.accept(
                                    client: client,
                                    bodyHash: [1],
                                    bytesUp: 10,
                                    in: round,
                                    population: Samples.population
                                )
                            }
                        } catch StoreError.conflict {
                            return false
                        }
                        let before = try session.partialSum(of: "w\(writer)", in: round)?.updates ?? 0
                        try session.setPartialSum(Samples.sum("w\(writer)", updates: before + 1), of: round)
                        return true
                    }
                    if isAccepted { accepted.add() }
                }
            }
        }
        let (record, updates, receipts) = try stores[0].read { session in
            let clients = (0..<writers * each).map { "c\($0)" }
            return (
                try session.round(round), try clients.filter { try session.update(of: $0, in: round) != nil }.count,
                try clients.reduce(0) { try $0 + (session.client($1)?.receipts ?? 0) }
            )
        }
        #expect(record?.state == .closing)
        #expect(accepted.value >= writers * each / 2)
        #expect(record?.accepted == accepted.value)
        #expect(updates == accepted.value)
        #expect(receipts == accepted.value)
        // The closing saw the sums as they stayed.
        #expect(sums.value == accepted.value)
    }

    @Test("Writers at once lose no entry and leave no gap", arguments: Backend.all)
    func contention(_ backend: Backend) async throws {
        let database = try backend.makeDatabase()
        let (writers, rounds) = (4, 12)
        var stores: [Store] = []
        for writer in 0..<writers {
            let store = try database.open()
            try store.write { try $0.createTask(Samples.task("t\(writer)"), plan: [1, 1], model: [2, 2, 2]) }
            stores.append(store)
        }
        let all = stores
        try await concurrently(writers) { writer in
            /// Tries until nobody else was faster.
            func append(_ change: (StoreSession, Int) throws -> Void) throws {
                while true {
                    do {
                        return try all[writer].write { session in
                            let head = try session.ledgerHead(of: Samples.population)
                            try change(session, head.map { $0.index + 1 } ?? 0)
                        }
                    } catch StoreError.conflict {
                        continue
                    }
                }
            }
            for number in 1...rounds {
                let identifier = Samples.round(number, task: "t\(writer)")
                try append { try $0.openRound(Samples.record(identifier), reservation: Samples.row($1)) }
                try append { try $0.commit(Samples.commit(identifier, index: $1)) }
            }
        }
        let store = try database.open()
        let entries = 2 * writers * rounds
        #expect(try store.read { try $0.ledger(of: Samples.population) } == (0..<entries).map(Samples.row))
        #expect(try store.read { try $0.tasks() }.map(\.round) == [Int](repeating: rounds, count: writers))
    }

    @Test("A wait ends with a change, with a call, and with its time", arguments: Backend.all)
    func waiting(_ backend: Backend) async throws {
        let store = try backend.makeDatabase().open().withTask()
        // Changes until the waiting thread has seen one; nothing here depends on who is first.
        let seen = Counter()
        try await concurrently(2) { index in
            if index == 0 {
                while try store.read({ try $0.task("t") })?.statusReason != "now" {
                    store.waitForChange(milliseconds: 60_000)
                }
                seen.add()
            } else {
                try store.write { try $0.setStatus(.paused, reason: "now", of: "t", from: [.running]) }
            }
        }
        #expect(seen.value == 1)
        // A call that comes first is not forgotten.
        store.wake()
        store.waitForChange(milliseconds: 60_000)
        store.waitForChange(milliseconds: 1)
    }
}
