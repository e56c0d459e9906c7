// SPDX-License-Identifier: Apache-2.0

import Rounds
import Store
import Testing

@Suite("Stores: several processes")
struct SharingConformanceTests {
    @Test("Two stores see each other's writes, and the slower of two gets a conflict", arguments: Backend.all)
    func twoStores(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let (one, other) = (try database.open(), try database.open())
        _ = try one.withTask()
        #expect(try other.task("t") == Samples.task())
        try other.openRound(Samples.record(Samples.round()), reservation: Samples.row(0))
        try expectConflict(one, database) {
            try one.openRound(Samples.record(Samples.round()), reservation: Samples.row(0))
        }
        try one.addMember("a", to: Samples.round(), closesAt: 5000)
        try other.accept(Samples.update("a"), in: Samples.round(), sealedSum: [1])
        try expectConflict(one, database) {
            try one.accept(Samples.update("a", body: 2), in: Samples.round(), sealedSum: [2])
        }
        try one.commit(Samples.commit(Samples.round(), index: 1))
        try expectConflict(other, database) { try other.abandon(Samples.round(), entry: Samples.row(2)) }
        #expect(try Snapshot(one) == Snapshot(other))
        #expect(try Snapshot(database.open()) == Snapshot(other))
    }

    @Test("Writers at once lose no entry and leave no gap", arguments: Backend.all)
    func contention(_ backend: Backend) async throws {
        let database = try backend.makeDatabase()
        let writers = 4
        let rounds = 12
        var stores: [any Store] = []
        for writer in 0..<writers {
            let store = try database.open()
            try store.createTask(Samples.task("t\(writer)"), plan: [1, 1], model: [2, 2, 2])
            stores.append(store)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (writer, store) in stores.enumerated() {
                group.addTask {
                    /// Tries until nobody else was faster.
                    func append(_ change: (Int) throws -> Void) throws {
                        while true {
                            do {
                                return try change(try store.ledger(of: Samples.population).count)
                            } catch StoreError.conflict {
                                continue
                            }
                        }
                    }
                    for number in 1...rounds {
                        let identifier = Samples.round(number, task: "t\(writer)")
                        try append { index in
                            try store.openRound(Samples.record(identifier), reservation: Samples.row(index))
                        }
                        try append { index in try store.commit(Samples.commit(identifier, index: index)) }
                    }
                }
            }
            try await group.waitForAll()
        }
        let store = try database.open()
        let entries = 2 * writers * rounds
        #expect(try store.ledger(of: Samples.population) == (0..<entries).map(Samples.row))
        #expect(try store.tasks().map(\.round) == [Int](repeating: rounds, count: writers))
    }
}
