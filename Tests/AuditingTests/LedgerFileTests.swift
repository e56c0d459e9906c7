// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import Cryptography
import Testing
import Training

@Suite struct LedgerFileTests {
    private func text(_ signature: LedgerSignature? = nil) throws -> String {
        String(decoding: try LedgerFile.json(Samples.ledger(), signature: signature), as: UTF8.self)
    }

    private func read(_ text: String, key: Ed25519PublicKey? = nil) throws -> LedgerFile {
        try LedgerFile(Array(text.utf8), path: "ledger.json", key: key)
    }

    @Test func bothFormsReadBackAsTheLedger() throws {
        let ledger = try Samples.ledger()
        for bytes in [
            try LedgerFile.json(ledger), ledger.export(), Array("\n \t".utf8) + (try LedgerFile.json(ledger)),
        ] {
            let file = try LedgerFile(bytes, path: "ledger")
            #expect(file.ledger.entries == ledger.entries && file.ledger.head == ledger.head)
            #expect(file.signature == .none)
        }
        let empty = try Ledger(population: "nobody \"\\\n\u{1}\u{E9}")
        #expect(try LedgerFile(LedgerFile.json(empty), path: "ledger").ledger.head == empty.head)
    }

    @Test func theSameLedgerIsAlwaysWrittenTheSame() throws {
        #expect(try (0..<5).allSatisfy { _ in try text() == text() })
        #expect(try text().contains("\"population\": \"people\""))
    }

    /// One bit of every byte: what is still read has the same hashes, so only the spelling can differ.
    @Test func everyChangedByteIsRefusedOrMeansTheSame() throws {
        let ledger = try Samples.ledger()
        let bytes = try LedgerFile.json(ledger)
        var refused = 0
        for place in bytes.indices where bytes[place] != UInt8(ascii: " ") {
            var tampered = bytes
            tampered[place] ^= 1
            do {
                #expect(try LedgerFile(tampered, path: "ledger").ledger.entries == ledger.entries, "byte \(place)")
            } catch { refused += 1 }
        }
        #expect(refused > 1000)
        for length in stride(from: 0, to: bytes.count - 2, by: 97) {
            #expect(throws: AuditError.self) { try LedgerFile(Array(bytes.prefix(length)), path: "ledger") }
        }
    }

    @Test(arguments: [
        ("\"rate\": 0.1", "\"rate\": 0.05"), ("\"sigma\": 640", "\"sigma\": 641"),
        ("\"sigma\": 640", "\"sigma\": 1e999"),
        ("\"sigma\": 640", "\"sigma\": NaN"), ("\"sigma\": 640", "\"sigma\": \"NaN\""),
        ("\"sigma\": 640", "\"sigma\": -640"), ("\"sigma\": 640", "\"sigma\": null"), ("\"round\": 0", "\"round\": -1"),
        ("\"round\": 1", "\"round\": 2"), ("\"attempt\": 0", "\"attempt\": -1"), ("\"index\": 0", "\"index\": 1"),
        ("\"bound\": 640", "\"bound\": 639"), ("\"bound\": 640", "\"bound\": -640"),
        ("\"bound\": 640", "\"bound\": 9223372036854775808"), ("\"dimension\": 650", "\"dimension\": 65"),
        ("\"kind\": \"spent\"", "\"kind\": \"abandoned\""), ("\"kind\": \"spent\"", "\"kind\": \"refunded\""),
        ("\"population\": \"people\"", "\"population\": \"others\""), ("\"task\": \"digits\"", "\"task\": \"\""),
        ("\"modelHashAfter\": null", "\"modelHashAfter\": \"\""),
        ("\"modelHashAfter\": null", "\"modelHashAfter\": \"ab\""),
        ("\"server\": {", "\"client\": {"), ("\"outsider\": {", "\"stranger\": {"), ("\"count\": 3", "\"count\": 2"),
        ("\"version\": 1", "\"version\": 2"), ("\"format\": \"sotto ledger\"", "\"format\": \"ledger\""),
        ("\"hash\": \"", "\"hash\": \"00"), ("\"inflation\": 1", "\"inflation\": -0"),
        ("integer clip", "integer  clip"),
    ])
    func changedFieldsAreRefused(_ old: String, _ new: String) throws {
        let original = try text()
        let range = try #require(original.firstRange(of: old), "\(old)")
        let changed = original.replacingCharacters(in: range, with: new)
        let error = #expect(throws: AuditError.self, "\(new)") { try read(changed) }
        let line = error?.description ?? ""
        #expect(line.hasPrefix("ledger.json: ") && !line.contains("\n"), "\(line)")
    }

    @Test func spellingDoesNotMatter() throws {
        let original = try text()
        let other = original.replacing("\"sigma\": 640", with: "\"note\": [1, {}], \"sigma\": 6.40e2")
            .replacing("abab", with: "ABab")
        #expect(other != original)
        #expect(try read(other).ledger.head == read(original).ledger.head)
    }

    @Test func entriesMustFollowOneAnother() throws {
        let ledger = try Samples.ledger()
        let document = LedgerDocument(ledger)
        func file(_ entries: [Int], head: Int) throws -> LedgerFile {
            struct Forged: Encodable {
                let format = LedgerDocument.formatName
                let version = LedgerEntry.version
                let population = "people"
                let entries: [LedgerDocument.Entry]
                let head: Head
            }
            struct Head: Encodable {
                let count: Int
                let hash: String
            }
            let forged = Forged(
                entries: entries.map { document.entries[$0] },
                head: Head(count: head, hash: entries.last.map { document.entries[$0].hash } ?? document.head.hash)
            )
            return try read(JSONText.encode(forged))
        }
        #expect(try file([0, 1, 2], head: 3).ledger.head == ledger.head)
        for entries in [[0, 2, 1], [1, 0, 2], [0, 0, 1], [0, 2], [1, 2], [0, 1, 2, 2], [2], []] {
            #expect(throws: AuditError.self, "\(entries)") { try file(entries, head: entries.count) }
        }
        #expect(throws: AuditError.ledger(path: "ledger.json", .headMismatch(expected: 3, found: 2))) {
            try file([0, 1], head: 3)
        }
        // Cut at its end, head rewritten: a valid chain, which only a signature tells from the whole one.
        #expect(try file([0, 1], head: 2).ledger.entries.count == 2)
    }

    @Test func signaturesNameWhoSaysThatTheLedgerEndsHere() throws {
        let key = Ed25519PrivateKey()
        let other = Ed25519PrivateKey()
        let ledger = try Samples.ledger()
        let signed = try text(LedgerSignature(of: ledger, by: key))
        #expect(try read(signed, key: key.publicKey).signature == .verified(key.publicKey))
        #expect(try read(signed).signature == .unchecked(key.publicKey))
        #expect(throws: AuditError.self) { try read(signed, key: other.publicKey) }
        #expect(throws: AuditError.ledger(path: "ledger.json", .badSignature("there is none"))) {
            try read(text(), key: key.publicKey)
        }
        #expect(throws: AuditError.self) { try LedgerFile(ledger.export(), path: "ledger", key: key.publicKey) }

        // The signature of a shorter ledger, of another population's, and of one that names another signer.
        var shorter = try Ledger(population: "people")
        try shorter.append(Samples.charge(0))
        for forged in [
            try text(LedgerSignature(of: shorter, by: key)),
            try text(LedgerSignature(of: Ledger(population: "others"), by: key)),
            try text(
                LedgerSignature(key: other.publicKey, signature: LedgerSignature(of: ledger, by: key).signature)
            ),
            signed.replacing(Hexadecimal.text(key.publicKey.bytes), with: "00"),
        ] {
            #expect(throws: AuditError.self) { try read(forged) }
        }
    }

    /// RFC 8032 signs bytes; these are the documented ones.
    @Test func theSignedBytesAreTheDocumentedOnes() throws {
        let head = LedgerHead(count: 2, hash: [UInt8](repeating: 7, count: 32))
        let expected: [UInt8] =
            Array("sotto/1 ledger\n".utf8) + [0, 0, 0, 2] + Array("me".utf8) + [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 32]
            + head.hash
        #expect(head.signedBytes(population: "me") == expected)
    }

    @Test func standingItemisesDelta() throws {
        let ledger = try Samples.ledger()
        #expect(ledger.audited == [.outsider, .client, .colluders(2), .server])
        for adversary in ledger.audited {
            for choice in [
                AccountantChoice(), AccountantChoice(accountant: .rdp), AccountantChoice(conversion: .classic),
            ] {
                let standing = ledger.standing(against: adversary, delta: 1e-5, by: choice)
                guard case .stated(let event, let accounted, let parts) = standing.outcome else {
                    Issue.record("\(standing)")
                    continue
                }
                #expect(parts.total <= 1e-5 && parts.sampler > 0)
                #expect(try choice.epsilon(of: event, delta: accounted.delta) == accounted)
            }
        }
        var outsiders = try Ledger(population: "people")
        try outsiders.append(Samples.charge(0, events: [.outsider: Samples.step()]))
        let refused = outsiders.standing(against: .server, delta: 1e-5)
        #expect(refused.epsilon == nil)
        #expect(refused.outcome == .refused("ledger: entry 0 gives no guarantee against: server"))
        #expect(try Ledger(population: "people").standing(against: .server, delta: 1e-5).epsilon == 0)
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        self[..<range.lowerBound] + text + self[range.upperBound...]
    }
}
