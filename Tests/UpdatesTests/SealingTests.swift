// SPDX-License-Identifier: Apache-2.0

import Accounting
import Cryptography
import Noise
import Randomness
import Testing
import Updates

@Suite("From a clipped sum to a sealed update and back")
struct SealingTests {
    private static let planHash = [UInt8](repeating: 1, count: 32)
    private static let modelHash = [UInt8](repeating: 2, count: 32)

    /// Every field of a context, to be changed one at a time.
    struct Fields {
        var planHash = SealingTests.planHash
        var modelHash = SealingTests.modelHash
        var task = "digits"
        var round: UInt32 = 3
        var attempt: UInt32 = 1
        var client = "client-7"
        var keyID = "round-3"
        var codec: UpdateCodec
        var ring: Ring
        var count: Int
        var plaintextLength: Int

        func context() throws(UpdateError) -> UpdateContext {
            try UpdateContext(
                planHash: planHash,
                modelHash: modelHash,
                task: task,
                round: round,
                attempt: attempt,
                client: client,
                keyID: keyID,
                codec: codec,
                ring: ring,
                count: count,
                plaintextLength: plaintextLength
            )
        }
    }

    private func encoded(_ values: [Int64], bits: Int = 20) throws -> EncodedUpdate {
        Update<Clipped>(values: values, certificate: certificate(dimension: values.count))
            .noised(by: NoiseShare.insecureZero(count: values.count))
            .encoded(in: try Ring(bits: bits))
    }

    private func fields(of update: borrowing EncodedUpdate) -> Fields {
        Fields(codec: update.codec, ring: update.ring, count: update.count, plaintextLength: update.plaintextLength)
    }

    @Test("Opening gives the values back, as long as nothing changed")
    func roundTrip() throws {
        let key = X25519PrivateKey()
        let values = (0..<1500).map { Int64($0 % 700) - 350 }
        let update = try encoded(values)
        let isSecure = update.isNoiseSecure
        #expect(!isSecure)
        let context = try UpdateContext(
            of: update,
            planHash: Self.planHash,
            modelHash: Self.modelHash,
            task: "digits",
            round: 3,
            attempt: 1,
            client: "client-7",
            keyID: "round-3"
        )
        #expect(try context == fields(of: update).context())
        let sealed = try UpdateSealing.seal(update, context: context, to: key.publicKey)
        #expect(sealed.ciphertext.count == context.plaintextLength + 16)
        #expect(try UpdateSealing.open(sealed, context: context, with: key).values() == values)
        let other = X25519PrivateKey()
        #expect(throws: UpdateError.sealing(.authenticationFailed)) {
            _ = try UpdateSealing.open(sealed, context: context, with: other).values()
        }
        for position in [0, 500, sealed.ciphertext.count - 1] {
            var ciphertext = sealed.ciphertext
            ciphertext[position] ^= 1
            let changed = try SealedUpdate(
                encapsulatedKey: sealed.encapsulatedKey,
                ciphertext: ciphertext,
                codec: sealed.codec,
                ring: sealed.ring,
                count: sealed.count
            )
            #expect(throws: UpdateError.sealing(.authenticationFailed)) {
                _ = try UpdateSealing.open(changed, context: context, with: key).values()
            }
        }
    }

    @Test("Any changed field of the context makes opening fail")
    func changedContext() throws {
        let key = X25519PrivateKey()
        let update = try encoded((0..<1500).map { Int64($0) })
        let original = fields(of: update)
        let sealed = try UpdateSealing.seal(update, context: try original.context(), to: key.publicKey)
        let changes: [(String, (inout Fields) -> Void)] = [
            ("plan hash", { $0.planHash[31] ^= 1 }),
            ("model hash", { $0.modelHash[0] ^= 1 }),
            ("both hashes", { swap(&$0.planHash, &$0.modelHash) }),
            ("task", { $0.task = "digit" }),
            ("round", { $0.round = 4 }),
            ("attempt", { $0.attempt = 2 }),
            ("round and attempt", { swap(&$0.round, &$0.attempt) }),
            ("client", { $0.client = "client-8" }),
            ("task and client", { ($0.task, $0.client) = ("digitsc", "lient-7") }),
            ("key id", { $0.keyID = "round-4" }),
            ("codec", { $0.codec = $0.codec == .zstd ? .packed : .zstd }),
            ("ring", { $0.ring = try! Ring(bits: 21) }),
            ("count", { $0.count = 1501 }),
            ("plaintext length", { $0.plaintextLength += $0.plaintextLength > 1024 ? -1024 : 1024 }),
        ]
        for (name, change) in changes {
            var changed = original
            change(&changed)
            let context = try changed.context()
            #expect(try context.canonicalBytes != original.context().canonicalBytes, "\(name)")
            #expect(throws: UpdateError.self, "\(name)") {
                _ = try UpdateSealing.open(sealed, context: context, with: key).values()
            }
            // A server that believes the changed description is refused by the associated data.
            guard changed.plaintextLength == original.plaintextLength else { continue }
            let relabelled = try SealedUpdate(
                encapsulatedKey: sealed.encapsulatedKey,
                ciphertext: sealed.ciphertext,
                codec: changed.codec,
                ring: changed.ring,
                count: changed.count
            )
            #expect(throws: UpdateError.sealing(.authenticationFailed), "\(name)") {
                _ = try UpdateSealing.open(relabelled, context: context, with: key).values()
            }
        }
    }

    @Test("Sealing refuses a context of another update, and a key of another length")
    func sealingRefusals() throws {
        let update = try encoded([1, 2, 3])
        var other = fields(of: update)
        other.count = 4
        let context = try other.context()
        #expect(throws: UpdateError.contextMismatch(field: "count", found: "4", expected: "3")) {
            _ = try UpdateSealing.seal(try encoded([1, 2, 3]), context: context, to: X25519PrivateKey().publicKey)
        }
        let right = try fields(of: update).context()
        #expect(throws: UpdateError.self) {
            _ = try UpdateSealing.seal(try encoded([1, 2, 3]), context: right, to: [1])
        }
    }

    @Test("Contexts with impossible fields are refused")
    func impossibleContexts() throws {
        let update = try encoded([1, 2, 3])
        let changes: [(inout Fields) -> Void] = [
            { $0.planHash = [] }, { $0.modelHash.append(0) }, { $0.task = "" },
            { $0.keyID = String(repeating: "k", count: 256) },
            { $0.count = 0 }, { $0.count = 1 << 29 }, { $0.plaintextLength = 0 }, { $0.plaintextLength = 1000 },
            { $0.plaintextLength = 2048 }, { $0.plaintextLength = .max },
        ]
        for change in changes {
            var changed = fields(of: update)
            change(&changed)
            #expect(throws: UpdateError.self) { try changed.context() }
        }
    }

    /// Written by hand from the documentation of `canonicalBytes`.
    @Test("The canonical bytes are the documented ones")
    func canonicalBytes() throws {
        let context = try Fields(codec: .zstd, ring: Ring(bits: 29), count: 26010, plaintextLength: 66560).context()
        func text(_ text: String) -> [UInt8] { [0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8) }
        var expected = text("sotto/1 update context")
        expected += [0, 0, 0, 32] + Self.planHash + [0, 0, 0, 32] + Self.modelHash + text("digits")
        expected += [0, 0, 0, 3, 0, 0, 0, 1] + text("client-7") + text("round-3") + [0, 0, 0, 1, 0, 0, 0, 29]
        expected += [0, 0, 0, 0, 0, 0, 0x65, 0x9A, 0, 0, 0, 0, 0, 1, 0x04, 0x00]
        #expect(context.canonicalBytes == expected)
    }

    @Test("Noise is what was drawn, it is added once, and its origin is remembered")
    func noise() throws {
        let count = 4000
        let mechanism = try DiscreteGaussian(multiple: 50)
        var stream = InsecureTestStream(seed: 31)
        let share = NoiseShare.draw(count: count, mechanism: mechanism, stream: &stream)
        let drawn = (share.count, share.standardDeviation, share.isSecure)
        #expect(drawn == (count, 3200, false))
        let clipped = Update<Clipped>(
            values: [Int64](repeating: 1000, count: count),
            certificate: certificate(dimension: count)
        )
        let noised = clipped.noised(by: share)
        let added = (noised.count, noised.noiseStandardDeviation, noised.isNoiseSecure)
        #expect(added == (count, 3200, false))
        var again = InsecureTestStream(seed: 31)
        let expected = try gaussianValues(count, multiple: 50, from: &again).map { $0 + 1000 }
        let key = X25519PrivateKey()
        let update = noised.encoded(in: try Ring(bits: 24))
        let context = try fields(of: update).context()
        let sealed = try UpdateSealing.seal(update, context: context, to: key.publicKey)
        #expect(try UpdateSealing.open(sealed, context: context, with: key).values() == expected)

        var secret = SecretStream(.noise)
        let secure = NoiseShare.draw(count: 10, mechanism: mechanism, stream: &secret).isSecure
        #expect(secure)
    }
}
