// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import FoundationEssentials
package import Messages
internal import Rounds
package import Updates

/// A device by the wire's own messages, without `Participant`: it signs and seals what it is told to, honest or not.
package final class WireDevice: Sendable {
    /// As the server calls it.
    package let name: String
    private let key = Ed25519PrivateKey()

    package init() {
        name = "c-" + Hexadecimal.text(SHA256.hash(key.publicKey.bytes).prefix(10))
    }

    /// The body of `POST /v1/enrolments`.
    package func enrolment(secret: [UInt8]) -> [UInt8] {
        var message = Sotto_V1_EnrolmentRequest()
        message.inviteSecret = Data(secret)
        message.publicKey = Data(key.publicKey.bytes)
        return message.wireBytes()
    }

    /// The headers that sign a request.
    ///
    /// - Parameters:
    ///   - server: SHA-256 of the server's public key.
    ///   - time: milliseconds since 1970.
    package func headers(
        _ method: String,
        _ target: String,
        range: String = "",
        body: [UInt8],
        server: [UInt8],
        time: UInt64,
        nonce: [UInt8] = SystemRandom.bytes(16)
    ) -> [(name: String, value: String)] {
        let signature = RequestSignature(
            method: method,
            target: target,
            range: range,
            bodyHash: SHA256.hash(body),
            server: server,
            client: name,
            time: time,
            nonce: nonce
        )
        return [
            (RequestSignature.clientHeader, name),
            (RequestSignature.timeHeader, "\(time)"),
            (RequestSignature.nonceHeader, Hexadecimal.text(nonce)),
            (RequestSignature.signatureHeader, Hexadecimal.text(key.sign(signature.signedBytes))),
        ]
    }

    /// The body of an update, sealed as an honest client's, around a plaintext that need not be one.
    package func update(
        for assignment: Sotto_V1_Assignment,
        plaintext: [UInt8],
        codec: UpdateCodec,
        ring: Ring,
        count: Int
    ) throws -> [UInt8] {
        let context = try UpdateContext(
            planHash: assignment.planHash.byteArray,
            modelHash: assignment.modelHash.byteArray,
            task: assignment.task,
            round: assignment.round,
            attempt: assignment.attempt,
            client: name,
            keyID: assignment.keyID,
            codec: codec,
            ring: ring,
            count: count,
            plaintextLength: plaintext.count
        )
        // Protocol, then the suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
        let sealed = try HPKE.seal(
            plaintext,
            to: assignment.roundPublicKey.byteArray,
            info: Array("sotto/1 update".utf8) + [0, 0x20, 0, 1, 0, 2],
            associatedData: context.canonicalBytes
        )
        var upload = Sotto_V1_UpdateUpload()
        upload.planHash = assignment.planHash
        upload.modelHash = assignment.modelHash
        upload.keyID = assignment.keyID
        upload.encapsulatedKey = Data(sealed.encapsulatedKey)
        upload.ciphertext = Data(sealed.ciphertext)
        upload.codec = codec.rawValue
        upload.ringBits = UInt32(ring.bits)
        upload.count = UInt64(count)
        upload.plaintextLength = UInt64(plaintext.count)
        return upload.wireBytes()
    }
}
