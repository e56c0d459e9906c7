// SPDX-License-Identifier: Apache-2.0

import Store
import Testing

@Suite("Stores: tasks")
struct TaskConformanceTests {
    @Test("Tasks come back as they were made, oldest first, with their blobs", arguments: Backend.all)
    func tasks(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open()
        #expect(try store.tasks().isEmpty)
        #expect(try store.task("z") == nil)
        var tasks: [TaskRecord] = []
        for name in ["z", "a", "m"] {
            var task = Samples.task(name, status: .created)
            task.optimizerState = []
            task.evaluationData = ""
            tasks.append(task)
            try store.createTask(task, plan: [1, 1], model: [2, 2, 2])
        }
        for store in [store, try database.open()] {
            #expect(try store.tasks() == tasks)
            #expect(try store.task("a") == tasks[1])
            #expect(try store.blob(Samples.hash(1)) == [1, 1])
            #expect(try store.blob(Samples.hash(2)) == [2, 2, 2])
            #expect(try store.blob(Samples.hash(3)) == nil)
        }
    }

    @Test("A second task of the same name is a conflict, and its blobs are not kept", arguments: Backend.all)
    func sameName(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open().withTask()
        var task = Samples.task()
        task.planHash = Samples.hash(5)
        task.modelHash = Samples.hash(6)
        try expectConflict(store, database) { try store.createTask(task, plan: [5], model: [6]) }
        #expect(try store.blob(Samples.hash(5)) == nil)
        #expect(try store.blob(Samples.hash(6)) == nil)
    }

    @Test("A status is changed from the named ones only, and kept with its reason", arguments: Backend.all)
    func status(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let (store, other) = (try database.open().withTask(status: .created), try database.open())
        var current = TaskStatus.created
        for next: TaskStatus in [.running, .paused, .stopped, .finished, .exhausted, .created] {
            for from: Set<TaskStatus> in [[], Set([.running, .paused]).subtracting([current])] {
                #expect(try !other.setStatus(next, reason: "never", of: "t", from: from))
            }
            #expect(try store.task("t")?.status == current)
            #expect(try store.setStatus(next, reason: "because of '\(next)'; --", of: "t", from: [.finished, current]))
            #expect(try other.task("t")?.status == next)
            #expect(try other.task("t")?.statusReason == "because of '\(next)'; --")
            current = next
        }
        #expect(try !store.setStatus(.running, reason: "", of: "unknown", from: [.created]))
        #expect(try store.tasks().count == 1)
    }
}
