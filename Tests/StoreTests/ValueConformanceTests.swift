// SPDX-License-Identifier: Apache-2.0

import Rounds
import Store
import Testing

@Suite("Stores: values")
struct ValueConformanceTests {
    static let texts = [
        "", " ", "'; DROP TABLE tasks; --", "\\x00\\000", "?", "$1", "Grüße", "東京", "e\u{301}", "👩🏽‍🔬", "\u{10FFFF}",
    ]

    @Test("Text comes back unit by unit", arguments: Backend.all)
    func texts(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open()
        for text in Self.texts {
            try store.write { try $0.createTask(Samples.task("t" + text), plan: [], model: []) }
            let task = try #require(try store.read { try $0.task("t" + text) })
            #expect(Array(task.name.unicodeScalars) == Array(("t" + text).unicodeScalars))
        }
        #expect(try store.read { try $0.tasks() }.count == Self.texts.count)
        // Composed and decomposed are two names.
        #expect(try store.read { try $0.task("t\u{E9}") } == nil)
    }

    @Test("Text with a character 0 is refused, and never cut", arguments: Backend.all)
    func zero(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open()
        let error = #expect(throws: StoreError.self) {
            try store.write { try $0.createTask(Samples.task("a\0b"), plan: [], model: []) }
        }
        #expect(error?.description == "database: text with a character 0 cannot be stored")
        #expect(try store.read { try $0.tasks() }.isEmpty)
    }

    @Test("Names are ordered by their bytes", arguments: Backend.all)
    func order(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open().withRound()
        let names = ["b", "a", "B", "ä", "_", "10", "9", "z", "Z", "a b", "a-b", "ab"]
        for name in names { try store.write { try $0.setPartialSum(Samples.sum(name), of: Samples.round()) } }
        let found = try store.read { try $0.partialSums(of: Samples.round()) }.map(\.worker)
        #expect(found == names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }

    @Test("Whole numbers keep their value to the limits", arguments: Backend.all)
    func limits(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open().withRound()
        for time: UInt64 in [0, 1, 127, 128, 255, 256, 0x7FFF_FFFF, 0x8000_0000, 0x20_0000_0000_0001, .max >> 1] {
            try store.write { try $0.setTimes(of: Samples.round(), configuresUntil: 30, closesAt: time) }
            #expect(try store.read { try $0.round(Samples.round()) }?.closesAt == time)
            #expect(try store.read { try $0.round(Samples.round()) }?.configuresUntil == 30)
        }
        // Beyond the databases' numbers: the latest time that there is.
        try store.write { try $0.setTimes(of: Samples.round(), configuresUntil: 5, closesAt: .max) }
        #expect(try store.read { try $0.round(Samples.round()) }?.closesAt == UInt64(Int64.max))
        for number in [Int.max, Int.min, -1, -256] {
            let sum = PartialSum(worker: "w", updates: 0, bytesUp: number, sealedSum: [])
            try store.write { try $0.setPartialSum(sum, of: Samples.round()) }
            #expect(try store.read { try $0.partialSum(of: "w", in: Samples.round()) } == sum)
        }
    }

    @Test("Bytes of every value, none and 20 million come back", arguments: Backend.all)
    func bytes(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open()
        let all = (0..<512).map { UInt8(truncatingIfNeeded: $0) }
        let long = (0..<20_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
        for (number, value) in [[], [0], all, long].enumerated() {
            var task = Samples.task("t\(number)")
            task.modelHash = Samples.hash(UInt8(50 + number))
            task.optimizerState = value.count < 1000 ? value : []
            let whole = task
            try store.write { try $0.createTask(whole, plan: [], model: value) }
            try store.read { session in
                let found = try session.blob(Samples.hash(UInt8(50 + number)))
                #expect(found == value, "\(value.count) bytes")
                #expect(try session.blobLength(Samples.hash(UInt8(50 + number))) == value.count)
                #expect(try session.optimizerState(of: "t\(number)") == whole.optimizerState)
            }
        }
    }

    @Test("No bytes is not the same as nothing", arguments: Backend.all)
    func emptyIsNotNull(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withTask()
        // A column that takes no NULL takes an empty model, and a state that is empty can be rolled back to.
        var commit = Samples.commit(Samples.round(), index: 1)
        commit.optimizerState = []
        let whole = commit
        try store.write { session in
            try session.openRound(Samples.record(Samples.round()), reservation: Samples.row(0))
            try session.commit(whole)
        }
        #expect(try store.write { try $0.rollBack("t", to: 1) })
        try database.sql("UPDATE rounds SET optimizer_after = NULL")
        #expect(try !store.write { try $0.rollBack("t", to: 1) })
    }
}
