// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Participant
import Rounds
import Synchronization
import TestKit
import Testing

/// A folder that was copied or put back, found by the server's count of this client's updates.
@Suite("Receipts")
struct ReceiptTests {
    let folder: MemoryFolder
    let server: ScriptedServer

    init() throws {
        folder = try MemoryFolder()
        server = try ScriptedServer(Samples.plan(rounds: 4))
    }

    func copy(_ from: String, _ to: String) throws {
        try? FileManager.default.removeItem(atPath: folder.file(to))
        try FileManager.default.copyItem(atPath: folder.file(from), toPath: folder.file(to))
    }

    func serve(upTo round: Int) { server.state.withLock { $0.lastRound = round } }

    /// Runs a folder that must stop before it computes anything.
    func refuses(_ name: String) throws {
        let before = server.updates.count
        let ledger = folder.bytes(of: "\(name)/ledger")
        let error = #expect(throws: ParticipantError.self) { try server.run(folder, state: name) }
        guard case .refused(let line)? = error else {
            Issue.record("a copy is refused: \(String(describing: error))")
            return
        }
        #expect(line.contains("is a copy") && !line.contains("\n"), "\(line)")
        #expect(server.updates.count == before)
        #expect(folder.bytes(of: "\(name)/ledger") == ledger)
    }

    @Test("A copy of a folder stops once the other one has delivered, and so does a folder that was put back")
    func copies() throws {
        serve(upTo: 2)
        #expect(try server.run(folder).rounds == 2)
        try copy("state", "copy")
        serve(upTo: 3)
        #expect(try server.run(folder).rounds == 1)
        serve(upTo: 4)
        try refuses("copy")
        // The newest goes on.
        #expect(try server.run(folder).rounds == 1)
        serve(upTo: 5)
        try copy("copy", "state")
        try refuses("state")
    }

    @Test("A server that was put back is found as well")
    func serverPutBack() throws {
        serve(upTo: 3)
        #expect(try server.run(folder).rounds == 3)
        server.state.withLock {
            $0.receipts = 1
            $0.lastRound = 4
        }
        try refuses("state")
        // Nor may it stop counting.
        server.state.withLock { $0.counts = false }
        try refuses("state")
    }

    @Test("A server that does not count is no copy")
    func noCount() throws {
        server.state.withLock { $0.counts = false }
        #expect(try server.run(folder).rounds == 4)
        #expect(try Samples.folder(folder.file("state")).receipts() == ReceiptCount())
    }

    @Test("An update whose receipt was lost is no copy, whether or not it can be sent again")
    func lostReceipt() throws {
        for losesUpdate in [false, true] {
            let folder = try MemoryFolder()
            let isDead = Mutex(false)
            let server = try ScriptedServer(Samples.plan(rounds: 3)) { _, ordinal in
                guard ordinal == 1 else { return .arrives }
                isDead.withLock { $0 = true }
                return .replyIsLost
            }
            let first = try server.run(folder, isStopped: { isDead.withLock { $0 } })
            #expect(first.rounds == 1 && server.round == 3)
            let left = try Samples.folder(folder.file("state")).receipts()
            #expect(left == ReceiptCount(known: 1, isUnconfirmed: true))
            if losesUpdate { try folder.remove("state/update") }
            isDead.withLock { $0 = false }
            let second = try server.run(folder)
            #expect(second.rounds == (losesUpdate ? 1 : 2) && second.dropped == (losesUpdate ? 1 : 0))
            #expect(try Samples.folder(folder.file("state")).receipts() == ReceiptCount(known: 3))
        }
    }

    @Test(
        "Two folders that were given the same round: the one that comes second ends, and does not take the other's for its own"
    )
    func sameRound() throws {
        serve(upTo: 1)
        #expect(try server.run(folder).rounds == 1)
        try copy("state", "copy")
        let other = Mutex<[UInt8]?>(nil)
        // Whatever this one sends, the server says that another one was first, and counts that.
        let rival = try ScriptedServer(Samples.plan(rounds: 4)) { _, ordinal in
            other.withLock { $0 = [] }
            return .refused(409)
        }
        let fresh = try MemoryFolder()
        rival.state.withLock { $0.lastRound = 1 }
        let isDone: @Sendable () -> Bool = {
            // After the refusal the count is one more and another attempt is offered.
            other.withLock { done in
                if done != nil {
                    rival.state.withLock {
                        $0.receipts = 1
                        $0.round = 2
                        $0.lastRound = 2
                    }
                }
            }
            return false
        }
        let error = #expect(throws: ParticipantError.self) { try rival.run(fresh, isStopped: isDone) }
        #expect(error?.description.contains("is a copy") == true, "\(String(describing: error))")
        #expect(rival.updates.count == 1)
    }
}
