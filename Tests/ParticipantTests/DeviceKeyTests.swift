// SPDX-License-Identifier: Apache-2.0

import Cryptography
import FoundationEssentials
import Participant
import Rounds
import TestKit
import Testing

@Suite("State under a device key")
struct DeviceKeyTests {
    static let files = ["identity", "journal", "update"]

    let folder: TemporaryFolder
    let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("state")
    }

    /// Leaves an identity, a journal and an update, and gives back the identity's seed.
    func fill(_ key: DeviceKeySource = .stateFolder) throws -> [UInt8] {
        let state = try Samples.folder(path, key: key)
        var identity = Identity()
        identity.client = "c-a-name-to-look-for"
        try state.setIdentity(identity)
        let journal = Journal(
            round: ClientRound(identifier: Samples.round(3, task: "a-task-to-look-for"), stage: .charged),
            planHash: Samples.hash(1),
            modelHash: Samples.hash(2),
            bodyHash: SHA256.hash(Self.body)
        )
        var receipts = ReceiptCount(known: 7)
        receipts.updateMayLeave()
        try state.setJournal(journal, receipts: receipts)
        try state.setUpdate(Self.body)
        return identity.seed.copied()
    }

    static let body = Array("a body to look for".utf8)

    func check(_ seed: [UInt8], _ key: DeviceKeySource = .stateFolder) throws {
        let state = try Samples.folder(path, key: key)
        guard let identity = try state.identity() else {
            Issue.record("there is an identity")
            return
        }
        #expect(identity.seed.copied() == seed && identity.client == "c-a-name-to-look-for")
        #expect(try state.receipts() == ReceiptCount(known: 7, isUnconfirmed: true))
        #expect(try state.journals().keys.sorted() == ["a-task-to-look-for"])
        #expect(state.update(SHA256.hash(Self.body), limit: 100) == Self.body)
    }

    func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        bytes.indices.contains { bytes[$0...].starts(with: part) }
    }

    @Test("Nothing secret can be read in the files, and everything comes back")
    func sealed() throws {
        let seed = try fill()
        for name in Self.files {
            let bytes = try folder.bytes(of: "state/\(name)")
            for part in [seed, Self.body, Array("a-task".utf8), Array("a-name".utf8)] {
                #expect(!contains(bytes, part), "\(name)")
            }
            #expect(try folder.mode(of: "state/\(name)") == 0o600)
        }
        #expect(try folder.mode(of: "state/device.key") == 0o600)
        #expect(try folder.bytes(of: "state/device.key").count == 65)
        try check(seed)
    }

    /// What is written is AES-256-GCM of the content, under the key in the file and nothing but the name.
    @Test("A file opens with the key's digits, a nonce of its own and its name")
    func format() throws {
        _ = try fill()
        let digits = String(decoding: try folder.bytes(of: "state/device.key").prefix(64), as: UTF8.self)
        let key = SecretBytes(copying: try #require(Hexadecimal.bytes(digits)))
        let magic = Array("sotto sealed 1\n".utf8)
        var nonces: Set<[UInt8]> = []
        for name in Self.files {
            let content = Array(try folder.bytes(of: "state/\(name)").dropLast(32))
            #expect(content.starts(with: magic))
            let nonce = Array(content[magic.count..<magic.count + 12])
            nonces.insert(nonce)
            let opened = try AES256GCM.open(
                Array(content[(magic.count + 12)...]),
                key: key,
                nonce: nonce,
                associatedData: Array("sotto client state 1 \(name)".utf8)
            )
            if name == "update" { #expect(opened == Self.body) }
        }
        #expect(nonces.count == Self.files.count)
    }

    @Test("One file is not taken for another")
    func names() throws {
        _ = try fill()
        try folder.put(folder.bytes(of: "state/update"), in: "state/journal")
        let state = try Samples.folder(path)
        let error = #expect(throws: ParticipantError.self) { try state.journals() }
        #expect(error?.description.contains("cannot be decrypted") == true)
    }

    @Test("An older folder in the clear is sealed in place, once, whatever a crash left of that")
    func takenOver() throws {
        let seed = try fill()
        let key = try folder.bytes(of: "state/device.key")
        let sealed = try Self.files.map { try folder.bytes(of: "state/\($0)") }
        let secret = SecretBytes(
            copying: try #require(Hexadecimal.bytes(String(decoding: key.prefix(64), as: UTF8.self)))
        )
        let plain = try zip(Self.files, sealed).map { name, bytes in
            let content = Array(bytes.dropLast(32).dropFirst(15))
            let opened = try AES256GCM.open(
                Array(content[12...]),
                key: secret,
                nonce: Array(content[..<12]),
                associatedData: Array("sotto client state 1 \(name)".utf8)
            )
            return opened + SHA256.hash(opened)
        }
        // Each subset of the files may be sealed already when a crash comes.
        for mask in 0..<8 {
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for (index, name) in Self.files.enumerated() {
                try folder.put(mask >> index & 1 == 1 ? sealed[index] : plain[index], in: "state/\(name)")
            }
            if mask > 0 { try folder.put(key, in: "state/device.key") }
            try check(seed)
            for name in Self.files {
                #expect(try folder.bytes(of: "state/\(name)").starts(with: Array("sotto sealed 1\n".utf8)))
            }
            // From now on nothing in the clear is believed.
            try folder.put(plain[1], in: "state/journal")
            let state = try Samples.folder(path)
            let error = #expect(throws: ParticipantError.self) { try state.journals() }
            #expect(error?.description.contains("is not encrypted") == true)
        }
    }

    @Test("The key may come from a file of bytes or digits, or as digits")
    func sources() throws {
        let key = SystemRandom.bytes(32)
        let digits = Hexadecimal.text(key)
        try folder.put(key, in: "raw")
        try folder.put(Array((digits + "\n").utf8), in: "digits")
        let sources: [DeviceKeySource] = [
            .file(folder.file("raw")), .file(folder.file("digits")), .hexadecimal(digits),
        ]
        let seed = try fill(sources[0])
        #expect(throws: (any Error).self) { try folder.bytes(of: "state/device.key") }
        for source in sources { try check(seed, source) }
    }

    @Test("Another key, or none, is refused in one line and loses nothing")
    func wrongKey() throws {
        let right = Hexadecimal.text(SystemRandom.bytes(32))
        let seed = try fill(.hexadecimal(right))
        try folder.put(SystemRandom.bytes(32), in: "other")
        try folder.put([1, 2, 3], in: "short")
        let before = try Self.files.map { try folder.bytes(of: "state/\($0)") }
        let wrong: [(DeviceKeySource, String)] = [
            (.file(folder.file("other")), "cannot be decrypted with --device-key"),
            (.hexadecimal(String(repeating: "0", count: 64)), "cannot be decrypted with SOTTO_DEVICE_KEY"),
            (.hexadecimal("0123"), "must be 64 hexadecimal digits"),
            (.hexadecimal(String(repeating: "x", count: 64)), "must be 64 hexadecimal digits"),
            // As many characters as a key of bytes has.
            (.hexadecimal(String(repeating: "0", count: 32)), "must be 64 hexadecimal digits"),
            (.file(folder.file("short")), "is not a device key"),
            (.file(folder.file("nothing")), "is missing"),
            (.stateFolder, "device.key: is missing"),
        ]
        for (source, reason) in wrong {
            let error = #expect(throws: ParticipantError.self) { _ = try Samples.folder(path, key: source) }
            guard case .input(let line)? = error else {
                Issue.record("\(source): is bad input")
                continue
            }
            #expect(line.contains(reason) && !line.contains("\n") && !line.contains(right), "\(line)")
            #expect(try Self.files.map { try folder.bytes(of: "state/\($0)") } == before)
        }
        try check(seed, .hexadecimal(right))
    }
}
