// SPDX-License-Identifier: Apache-2.0

internal import Accounting

/// What a sealed update is about. Its canonical bytes are the associated data: opening fails unless the server's own
/// idea of every field is the client's.
package struct UpdateContext: Hashable, Sendable {
    /// SHA-256 of the task's plan.
    package let planHash: [UInt8]
    /// SHA-256 of the model that the update was computed on.
    package let modelHash: [UInt8]
    package let task: String
    package let round: UInt32
    package let attempt: UInt32
    package let client: String
    /// Names the server's key of the round.
    package let keyID: String
    package let codec: UpdateCodec
    package let ring: Ring
    /// The number of coordinates.
    package let count: Int
    /// The length of the plaintext with its padding.
    package let plaintextLength: Int

    /// The most UTF-8 bytes of a name.
    package static let nameLimit = 255

    /// - Throws: ``UpdateError`` unless both hashes have 32 bytes, the names 1 to 255, and `count` and
    ///   `plaintextLength` are possible.
    package init(
        planHash: [UInt8],
        modelHash: [UInt8],
        task: String,
        round: UInt32,
        attempt: UInt32,
        client: String,
        keyID: String,
        codec: UpdateCodec,
        ring: Ring,
        count: Int,
        plaintextLength: Int
    ) throws(UpdateError) {
        for (what, hash) in [("plan hash", planHash), ("model hash", modelHash)] where hash.count != 32 {
            throw .wrongLength(what: "update context's \(what)", found: hash.count, expected: 32)
        }
        for (what, name) in [("task", task), ("client", client), ("key id", keyID)] {
            let length = name.utf8.count
            guard (1...Self.nameLimit).contains(length) else {
                throw .outOfRange(what: "update context's \(what)", found: "\(length) bytes", expected: "1 to 255")
            }
        }
        try SealedUpdate.checkLengths(ring: ring, count: count, plaintextLength: plaintextLength)
        self.planHash = planHash
        self.modelHash = modelHash
        self.task = task
        self.round = round
        self.attempt = attempt
        self.client = client
        self.keyID = keyID
        self.codec = codec
        self.ring = ring
        self.count = count
        self.plaintextLength = plaintextLength
    }

    /// The context of an update about to be sealed.
    package init(
        of update: borrowing EncodedUpdate,
        planHash: [UInt8],
        modelHash: [UInt8],
        task: String,
        round: UInt32,
        attempt: UInt32,
        client: String,
        keyID: String
    ) throws(UpdateError) {
        try self.init(
            planHash: planHash,
            modelHash: modelHash,
            task: task,
            round: round,
            attempt: attempt,
            client: client,
            keyID: keyID,
            codec: update.codec,
            ring: update.ring,
            count: update.count,
            plaintextLength: update.plaintextLength
        )
    }

    /// The canonical encoding, version 1. In this order: the text `sotto/1 update context`; plan hash; model hash;
    /// task; round (32 bits); attempt (32); client; key id; codec (32); ring bits (32); count (64); plaintext length
    /// (64). Texts (UTF-8) and hashes stand behind their length in 32 bits; all integers are big-endian. No two
    /// contexts share an encoding.
    package var canonicalBytes: [UInt8] {
        var encoder = CanonicalEncoder()
        encoder.append("sotto/1 update context")
        encoder.append(planHash)
        encoder.append(modelHash)
        encoder.append(task)
        encoder.append(round)
        encoder.append(attempt)
        encoder.append(client)
        encoder.append(keyID)
        encoder.append(codec.rawValue)
        encoder.append(UInt32(ring.bits))
        encoder.append(UInt64(count))
        encoder.append(UInt64(plaintextLength))
        return encoder.bytes
    }
}
