// SPDX-License-Identifier: Apache-2.0

import Store
import Testing

@Suite("Stores: tasks")
struct TaskConformanceTests {
    @Test("Tasks come back as they were made, oldest first, with their blobs", arguments: Backend.all)
    func tasks(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open()
        #expect(try store.read { try $0.tasks() }.isEmpty)
        #expect(try store.read { try $0.task("z") } == nil)
        var tasks: [TaskRecord] = []
        for name in ["z", "a", "m"] {
            var task = Samples.task(name, status: .created)
            task.evaluationData = ""
            try store.write { try $0.createTask(task, plan: [1, 1], model: [2, 2, 2]) }
            // Read by itself.
            task.optimizerState = []
            tasks.append(task)
        }
        for store in [store, try database.open()] {
            try store.read { (session) throws in
                #expect(try session.tasks() == tasks)
                #expect(try session.task("a") == tasks[1])
                #expect(try session.optimizerState(of: "a") == [1, 2, 3])
                #expect(try session.blob(Samples.hash(1)) == [1, 1])
                #expect(try session.blobLength(Samples.hash(2)) == 3)
                #expect(try session.blob(Samples.hash(3)) == nil)
                #expect(try session.blobLength(Samples.hash(3)) == nil)
            }
        }
    }

    @Test("A second task of the same name is a conflict, and its blobs are not kept", arguments: Backend.all)
    func sameName(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withTask()
        var task = Samples.task()
        task.planHash = Samples.hash(5)
        task.modelHash = Samples.hash(6)
        try expectConflict(store, database) { try $0.createTask(task, plan: [5], model: [6]) }
        #expect(try store.read { try $0.blob(Samples.hash(5)) } == nil)
        #expect(try store.read { try $0.blob(Samples.hash(6)) } == nil)
    }

    @Test("Of many who make a task at once, one does", arguments: Backend.all)
    func sameNameAtOnce(_ backend: Backend) async throws {
        let database = try backend.makeDatabase()
        let stores = try (0..<4).map { _ in try database.open() }
        let made = Counter()
        try await concurrently(4) { index in
            do {
                try stores[index].write { try $0.createTask(Samples.task(), plan: [1, 1], model: [2, 2, 2]) }
                made.add()
            } catch StoreError.conflict {}
        }
        #expect(made.value == 1)
        #expect(try stores[0].read { try $0.tasks() }.count == 1)
    }

    @Test("A status is changed from the named ones only, and kept with its reason", arguments: Backend.all)
    func status(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let (store, other) = (try database.open().withTask(status: .created), try database.open())
        func set(_ next: TaskStatus, _ reason: String, _ task: String = "t", from: Set<TaskStatus>) throws -> Bool {
            try other.write { try $0.setStatus(next, reason: reason, of: task, from: from) }
        }
        var current = TaskStatus.created
        for next: TaskStatus in [.running, .paused, .stopped, .finished, .exhausted, .created] {
            for from: Set<TaskStatus> in [[], Set([.running, .paused]).subtracting([current])] {
                #expect(try !set(next, "never", from: from))
            }
            #expect(try store.read { try $0.task("t") }?.status == current)
            #expect(try set(next, "because of '\(next)'; --", from: [.finished, current]))
            #expect(try store.read { try $0.task("t") }?.status == next)
            #expect(try store.read { try $0.task("t") }?.statusReason == "because of '\(next)'; --")
            current = next
        }
        #expect(try !set(.running, "", "unknown", from: [.created]))
        #expect(try store.read { try $0.tasks() }.count == 1)
    }

    @Test("A status that this version does not know is an error, not a guess", arguments: Backend.all)
    func unknownStatus(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withTask()
        try database.sql("UPDATE tasks SET status = 'dreaming'")
        let error = #expect(throws: StoreError.self) { try store.read { try $0.tasks() } }
        #expect(error?.description == "task t: has an unknown status; use the version that wrote it")
    }

    @Test("Shared values are noted once", arguments: Backend.all)
    func meta(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let (one, other) = (try database.open(), try database.open())
        #expect(try one.read { try $0.meta("server key") } == nil)
        #expect(try one.write { try $0.setMeta("server key", ifAbsent: [1, 2]) } == [1, 2])
        #expect(try other.write { try $0.setMeta("server key", ifAbsent: [3]) } == [1, 2])
        #expect(try other.read { try $0.meta("server key") } == [1, 2])
    }

    @Test("A task goes back to a model that is kept; nothing else changes", arguments: Backend.all)
    func rollBack(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open().withTask()
        for number in 1...3 {
            let round = Samples.round(number)
            try store.write { session in
                try session.openRound(Samples.record(round), reservation: Samples.row(2 * number - 2))
                try session.commit(Samples.commit(round, index: 2 * number - 1))
            }
        }
        let before = try Snapshot(store)
        for missing in [0, 4] { #expect(try !store.write { try $0.rollBack("t", to: missing) }) }
        #expect(try !store.write { try $0.rollBack("u", to: 1) })
        #expect(try Snapshot(store) == before)

        #expect(try store.write { try $0.rollBack("t", to: 1) })
        try store.read { session in
            let task = try session.task("t")
            #expect(task?.modelHash == Samples.hash(101))
            #expect(task?.round == 3)
            #expect(try session.optimizerState(of: "t") == [1])
            #expect(try session.ledger(of: Samples.population).count == 6)
        }
        #expect(try store.write { try $0.rollBack("t", to: 3) })
        #expect(try Snapshot(store) == before)
    }

    @Test("Models of old rounds are forgotten, except those that something uses", arguments: Backend.all)
    func keptModels(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open().withTask()
        let last = StoreSession.keptModels + 4
        for number in 1...last {
            let round = Samples.round(number)
            try store.write { session in
                // From the second round on, another task stands at the first round's model.
                if number == 2 {
                    var task = Samples.task("u")
                    task.modelHash = Samples.hash(101)
                    try session.createTask(task, plan: [1, 1], model: [])
                }
                try session.openRound(Samples.record(round), reservation: Samples.row(2 * number - 2))
                try session.commit(Samples.commit(round, index: 2 * number - 1))
            }
        }
        try store.read { session in
            let kept = try (1...last).filter { try session.blob(Samples.hash(UInt8(100 + $0))) != nil }
            #expect(kept == [1] + (5...last))
            #expect(try session.blob(Samples.hash(2)) == [2, 2, 2])
            #expect(try session.results(of: "t").map(\.round) == Array(1...last))
        }
        #expect(try !store.write { try $0.rollBack("t", to: 4) })
        #expect(try store.write { try $0.rollBack("t", to: 5) })
    }
}
