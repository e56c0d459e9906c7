// SPDX-License-Identifier: Apache-2.0

import Participant
import Rounds
import Synchronization
import TestKit
import Testing

/// Whole runs against a scripted server on a clock that only pauses move.
@Suite("Runs of a client")
struct RunTests {
    let folder: MemoryFolder

    init() throws {
        folder = try MemoryFolder()
    }

    @Test("An update leaves at the planned time after its assignment, by one pause", arguments: [1, 100, 60_000 - 1])
    func plannedTime(period: Int) throws {
        let server = try ScriptedServer(Samples.plan(rounds: 3) { $0.uploadAfterMilliseconds = period })
        #expect(try server.run(folder).rounds == 3)
        let requests = server.state.withLock { $0.requests }
        let puts = requests.indices.filter { requests[$0].method == "PUT" }
        #expect(puts.count == 3)
        for put in puts {
            let asked = requests[..<put].last { $0.target.hasSuffix("/assignments") }
            #expect(requests[put].time - (asked?.time ?? 0) == UInt64(period))
        }
        // One pause for each round, beside that of 20 ms and up to 10 % while the plan is reviewed.
        #expect(server.time.pauses.dropFirst() == Array(repeating: UInt64(period), count: 3)[...])
        #expect((20...22).contains(server.time.pauses[0]))
    }

    @Test(
        "A slower device sends at the next whole multiple",
        arguments: [(0, 1), (99, 1), (100, 1), (101, 2), (350, 4)]
    )
    func slowDevice(elapsed: UInt64, multiple: UInt64) throws {
        // The time goes by while the condition is asked before the computation, when the assignment is there.
        let server = try ScriptedServer(Samples.plan(rounds: 1) { $0.uploadAfterMilliseconds = 100 })
        let time = server.time
        let isCounted = Mutex(false)
        let slow: @Sendable () -> Bool = {
            let isAssigned = server.state.withLock {
                $0.requests.contains { $0.target.contains("/blobs/") && $0.time > 1_000_000 }
            }
            isCounted.withLock { isCounted in
                guard isAssigned, !isCounted else { return }
                isCounted = true
                time.elapse(elapsed)
            }
            return false
        }
        #expect(try server.run(folder, isStopped: slow).rounds == 1)
        let requests = server.state.withLock { $0.requests }
        let asked = try #require(
            requests.last { $0.target.hasSuffix("/assignments") && $0.time < (requests.last?.time ?? 0) }
        )
        let put = try #require(requests.first { $0.method == "PUT" })
        #expect(put.time - asked.time == 100 * multiple)
    }

    @Test("Without a planned time an update leaves at once")
    func atOnce() throws {
        let server = try ScriptedServer(Samples.plan(rounds: 2))
        #expect(try server.run(folder).rounds == 2)
        #expect(server.time.pauses.count == 1)
    }

    @Test("A lost upload is sent again, the very same bytes")
    func again() throws {
        let server = try ScriptedServer(Samples.plan(rounds: 2)) { _, ordinal in
            [.isLost, .replyIsLost, .arrives][ordinal % 3]
        }
        #expect(try server.run(folder).rounds == 2)
        #expect(server.state.withLock { $0.accepted.count } == 2)
    }

    @Test("A device takes part as often as the plan allows, and ends without an error")
    func mostParticipations() throws {
        let server = try ScriptedServer(Samples.plan(rounds: 5) { $0.mostParticipations = 2 })
        let report = try server.run(folder)
        #expect(report.rounds == 2 && report.ledgerEntries == 2)
        #expect(server.updates.count == 2)
        // The limit is that of the ledger, not of the process.
        #expect(try server.run(folder).rounds == 0)
        #expect(server.updates.count == 2)
    }

    @Test("A round that comes too early is not computed; the device waits for a later one")
    func leastSeparation() throws {
        let server = try ScriptedServer(Samples.plan(rounds: 8) { $0.leastSeparation = 3 })
        let offers = Mutex(0)
        // Where the client only waits, others bring the round to its end.
        let others: @Sendable () -> Bool = {
            let asked = server.state.withLock { $0.requests.count { $0.target.hasSuffix("/assignments") } }
            offers.withLock { last in
                guard asked > last + 3 else { return }
                last = asked
                server.state.withLock { $0.round += 1 }
            }
            return false
        }
        let report = try server.run(folder, isStopped: others)
        let rounds = server.updates.compactMap { Int($0.target.split(separator: "/")[4]) }
        #expect(report.rounds == rounds.count && rounds.count >= 2)
        #expect(zip(rounds, rounds.dropFirst()).allSatisfy { $1 - $0 >= 3 }, "\(rounds)")
    }

    @Test("Nothing is asked and nothing computed while a condition fails, and it is asked again")
    func conditions() throws {
        let server = try ScriptedServer(Samples.plan(rounds: 2))
        let gate = folder.file("gate")
        let time = server.time
        // After three waits the condition holds.
        let opens: @Sendable () -> Bool = {
            if time.pauses.count >= 3 { try? folder.put("", in: "gate") }
            return false
        }
        let report = try server.run(folder, conditions: ["true", "test -e \(gate)"], isStopped: opens)
        #expect(report.rounds == 2)
        #expect(time.pauses.prefix(3).allSatisfy { (10_000...11_000).contains($0) })
        let first = server.state.withLock { $0.requests.first { $0.target.hasSuffix("/assignments") } }
        #expect(first?.time ?? 0 >= 1_000_000 + 30_000)
    }

    @Test("A condition that fails once the round is assigned holds the computation back")
    func conditionBeforeComputing() throws {
        let server = try ScriptedServer(Samples.plan(rounds: 1))
        // Holds at the first two questions (before the first two requests), then fails twice, then holds.
        let count = folder.file("count")
        let command = "n=$(cat \(count) 2>/dev/null || echo 0); echo $((n+1)) > \(count); test $n -ne 2 -a $n -ne 3"
        let report = try server.run(folder, conditions: [command])
        #expect(report.rounds == 1)
        #expect(server.time.pauses.count { (10_000...11_000).contains($0) } == 2)
        #expect(server.updates.count == 1)
    }

    @Test("A run that is asked to end does so at every question, and the next one goes on", arguments: 0..<24)
    func stops(question: Int) throws {
        let server = try ScriptedServer(Samples.plan(rounds: 2) { $0.uploadAfterMilliseconds = 50 })
        let asked = Atomic<Int>(0)
        let report = try server.run(folder) { asked.wrappingAdd(1, ordering: .relaxed).oldValue >= question }
        #expect(report.rounds <= 2)
        let sent = server.state.withLock { $0.accepted.count }
        // A round that was being computed is dropped: the server offers it as another attempt.
        server.state.withLock { $0.attempt += 1 }
        let rest = try server.run(folder)
        #expect(server.state.withLock { $0.accepted.count } == 2, "\(question): \(sent), \(rest)")
    }
}
