// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Messages
import Randomness
import SwiftProtobuf
import TestKit
import Testing

@Suite("Bytes from strangers")
struct HostileBytesTests {
    static let messages: [any Message] = [
        Sotto_V1_Plan(), Sotto_V1_Signed(), Sotto_V1_EnrolmentRequest(), Sotto_V1_Enrolment(), Sotto_V1_Assignment(),
        Sotto_V1_AssignmentRequest(), Sotto_V1_AssignmentReply(), Sotto_V1_UpdateUpload(), Sotto_V1_Receipt(),
        Sotto_V1_Refusal(), Sotto_V1_ClientIdentity(), Sotto_V1_ClientJournal(),
    ]

    /// Whether what is read from the bytes is read again from its own bytes; `nil` where the bytes are refused.
    private static func rereads<M: Message>(_ bytes: [UInt8], as message: M) -> Bool? {
        guard let read = try? M(wire: bytes, what: "message") else { return nil }
        let again = read.wireBytes()
        return (try? M(wire: again, what: "message"))?.wireBytes() == again
    }

    @Test("Random bytes are read or refused; what was read can be written and read again")
    func random() {
        var stream = InsecureTestStream(seed: 9)
        var (read, refused) = (0, 0)
        for round in 0..<LongTests.scaled(4000) {
            // Small numbers make tags and lengths likely that a parser follows.
            let bound: UInt64 = round.isMultiple(of: 2) ? 256 : 32
            let bytes = (0..<stream.uniform(below: 60)).map { _ in UInt8(stream.uniform(below: bound)) }
            for message in Self.messages {
                if let rereads = Self.rereads(bytes, as: message) {
                    #expect(rereads, "\(bytes)")
                    read += 1
                } else {
                    refused += 1
                }
            }
        }
        #expect(read > 1000 && refused > 10_000)
    }

    @Test("A message that is cut inside a field is refused; one that is cut anywhere is never taken for the whole")
    func truncated() throws {
        var upload = Sotto_V1_UpdateUpload()
        upload.planHash = Data(repeating: 1, count: 32)
        upload.modelHash = Data(repeating: 2, count: 32)
        upload.keyID = "key"
        upload.encapsulatedKey = Data(repeating: 3, count: 32)
        upload.ciphertext = Data(repeating: 4, count: 500)
        upload.plaintextLength = 484
        let whole = upload.wireBytes()
        #expect(try Sotto_V1_UpdateUpload(wire: whole, what: "upload") == upload)
        var refused = 0
        for count in 0..<whole.count {
            do {
                let read = try Sotto_V1_UpdateUpload(wire: Array(whole.prefix(count)), what: "upload")
                #expect(read != upload)
            } catch {
                refused += 1
            }
        }
        // Six fields: so many places between them where a cut leaves whole fields.
        #expect(refused == whole.count - 6)
    }

    @Test("A length is checked before a message is read")
    func limits() throws {
        var refusal = Sotto_V1_Refusal()
        refusal.reason = String(repeating: "x", count: WireLimits.smallMessage - 3)
        #expect(refusal.wireBytes().count == WireLimits.smallMessage)
        #expect(try Sotto_V1_Refusal(wire: refusal.wireBytes(), what: "refusal") == refusal)
        refusal.reason += "x"
        #expect(throws: WireError("refusal: has 16385 bytes; at most 16384 are allowed")) {
            try Sotto_V1_Refusal(wire: refusal.wireBytes(), what: "refusal")
        }
        // Not a message at all: the length alone refuses it.
        #expect(throws: WireError("refusal: has 3 bytes; at most 2 are allowed")) {
            try Sotto_V1_Refusal(wire: [255, 255, 255], limit: 2, what: "refusal")
        }
    }

    @Test("A length inside a message is no reason to take memory")
    func promisedLength() {
        // Field 5 of an upload, promising two gibibytes less one.
        #expect(throws: WireError.self) {
            try Sotto_V1_UpdateUpload(wire: [0x2A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 1, 2, 3], what: "upload")
        }
    }

    @Test("Deep nesting is refused instead of overflowing the stack")
    func nesting() {
        // Unknown groups (field 15, wire type 3), ten thousand deep.
        let bytes = [UInt8](repeating: 0x7B, count: 10_000)
        #expect(throws: WireError.self) { try Sotto_V1_Plan(wire: bytes, what: "plan") }
    }

    @Test("Hashes and keys have 32 bytes")
    func thirtyTwo() throws {
        #expect(try requireThirtyTwo(Data(repeating: 7, count: 32), "key") == [UInt8](repeating: 7, count: 32))
        for count in [0, 31, 33] {
            #expect(throws: WireError("key: has \(count) bytes; it must have 32")) {
                try requireThirtyTwo(Data(count: count), "key")
            }
        }
    }

    @Test("An upload may carry every value bit-packed and its envelope, no more")
    func uploadLimit() {
        for (count, bits) in [(0, 2), (1, 2), (7, 3), (650, 32), (1 << 31, 62)] {
            let packed = (count * bits + 7) / 8
            let limit = WireLimits.upload(count: count, bits: bits)
            #expect(limit >= packed + WireLimits.uploadOverhead && limit <= packed + WireLimits.uploadOverhead + 1)
        }
    }
}
