// SPDX-License-Identifier: Apache-2.0

import Cryptography
import FoundationEssentials
import Participant
import Rounds
import TestKit
import Testing

@Suite("State folders")
struct StateFolderTests {
    let folder: TemporaryFolder
    let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("deep/state")
    }

    func journal(_ task: String, _ stage: ClientRound.Stage, round: Int = 3) -> Journal {
        Journal(
            round: ClientRound(identifier: Samples.round(round, attempt: 2, task: task), stage: stage),
            planHash: Samples.hash(1),
            modelHash: Samples.hash(2),
            bodyHash: stage == .started ? [] : Samples.hash(3),
            ledgerIndex: UInt64(stage.rawValue) << 40
        )
    }

    @Test("The latest attempt of each task comes back, at every stage and after every reopening")
    func journals() throws {
        var expected: [String: Journal] = [:]
        for (number, stage) in [ClientRound.Stage.started, .sealed, .charged, .delivered, .dropped].enumerated() {
            do {
                let state = try Samples.folder(path)
                #expect(try state.journals() == expected)
                for task in ["t", "u"] {
                    let journal = journal(task, stage, round: number + 1)
                    try state.setJournal(journal)
                    expected[task] = journal
                    #expect(try state.journals() == expected)
                }
            }
            #expect(try Samples.folder(path).journals() == expected)
        }
        #expect(try folder.mode(of: "deep/state") == 0o700)
        #expect(try folder.mode(of: "deep/state/journal") == 0o600)
    }

    @Test("A damaged journal is refused in one line, and is not overwritten by the next record")
    func damagedJournal() throws {
        try Samples.folder(path).setJournal(journal("t", .sealed))
        let whole = try folder.bytes(of: "deep/state/journal")
        let state = try Samples.folder(path)
        for index in whole.indices {
            var damaged = whole
            damaged[index] ^= 1
            try folder.put(damaged, in: "deep/state/journal")
            let error = #expect(throws: ParticipantError.self, "byte \(index)") { try state.journals() }
            #expect(error?.description.hasPrefix(path + "/journal: ") == true)
            #expect(error?.description.contains("\n") == false)
            #expect(throws: ParticipantError.self) { try state.setJournal(journal("u", .started)) }
            #expect(try folder.bytes(of: "deep/state/journal") == damaged)
        }
    }

    @Test("A journal of a stage that this version does not know is refused")
    func unknownStage() throws {
        // As an older version left it, in the clear: task "t", round 3, attempt 2, stage 6.
        let content: [UInt8] = [0x0A, 9, 0x0A, 1, UInt8(ascii: "t"), 0x10, 3, 0x18, 2, 0x20, 6]
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try folder.put(content + SHA256.hash(content), in: "deep/state/journal")
        let state = try Samples.folder(path)
        let error = #expect(throws: ParticipantError.self) { try state.journals() }
        #expect(error?.description.contains("another version") == true)
    }

    @Test("The upload is given back only when its hash is the one that is asked for")
    func update() throws {
        let state = try Samples.folder(path)
        let bytes = Array("sealed bytes".utf8)
        #expect(state.update(SHA256.hash(bytes), limit: 100) == nil)
        try state.setUpdate(bytes)
        #expect(state.update(SHA256.hash(bytes), limit: bytes.count) == bytes)
        #expect(state.update(Samples.hash(0), limit: 100) == nil)
        #expect(state.update([], limit: 100) == nil)
        #expect(state.update(SHA256.hash(bytes), limit: bytes.count - 1) == nil)
        #expect(try folder.mode(of: "deep/state/update") == 0o600)

        let other = Array("other bytes".utf8)
        try state.setUpdate(other)
        #expect(state.update(SHA256.hash(bytes), limit: 100) == nil)
        #expect(state.update(SHA256.hash(other), limit: 100) == other)
        try state.removeUpdate()
        try state.removeUpdate()
        #expect(state.update(SHA256.hash(other), limit: 100) == nil)
    }

    @Test("A damaged upload is none, never other bytes")
    func damagedUpdate() throws {
        let state = try Samples.folder(path)
        let bytes = Array("sealed bytes".utf8)
        try state.setUpdate(bytes)
        let whole = try folder.bytes(of: "deep/state/update")
        for index in whole.indices {
            var damaged = whole
            damaged[index] ^= 1
            try folder.put(damaged, in: "deep/state/update")
            #expect(state.update(SHA256.hash(bytes), limit: 100) == nil)
            #expect(state.update(SHA256.hash(Array(damaged.dropLast(32))), limit: 100) == nil)
        }
    }

    @Test("A plan is given back only for its hash")
    func plan() throws {
        let state = try Samples.folder(path)
        let bytes = Array("a plan".utf8)
        #expect(state.plan(SHA256.hash(bytes)) == nil)
        try state.setPlan(bytes)
        #expect(state.plan(SHA256.hash(bytes)) == bytes)
        #expect(state.plan(Samples.hash(0)) == nil)
        try folder.put([1, 2, 3], in: "deep/state/plan")
        #expect(state.plan(SHA256.hash(bytes)) == nil)
    }

    @Test("Two clients cannot use one folder")
    func locked() throws {
        let state = try StateFolder(path)
        let error = #expect(throws: ParticipantError.self) { _ = try StateFolder(path) }
        #expect(error?.description == "\(path): is in use by another client; stop that one or name another folder")
        withExtendedLifetime(state) {}
    }
}
