// SPDX-License-Identifier: Apache-2.0

package import Cryptography

/// Sealing by HPKE (RFC 9180) in base mode. The `info` names protocol and suite; the associated data is the context's
/// canonical encoding. Who sent an update is not proven here: the request around it is signed.
package enum UpdateSealing {
    /// `sotto/1 update`, then the ids of KEM 0x0020 (X25519, HKDF-SHA256), KDF 0x0001 (HKDF-SHA256) and AEAD 0x0002
    /// (AES-256-GCM), two bytes each.
    static let info = [UInt8]("sotto/1 update".utf8) + [0x00, 0x20, 0x00, 0x01, 0x00, 0x02]

    /// Encrypts an update and uses it up; its plaintext is erased.
    ///
    /// - Parameters:
    ///   - context: what the update is about; its codec, ring, count and length must be the update's own.
    ///   - recipient: the server's public X25519 key of the round, 32 bytes.
    package static func seal(
        _ update: consuming EncodedUpdate,
        context: UpdateContext,
        to recipient: [UInt8]
    ) throws(UpdateError) -> SealedUpdate {
        let codec = update.codec
        let ring = update.ring
        let count = update.count
        try check(context, codec: codec, ring: ring, count: count, plaintextLength: update.plaintextLength)
        let associatedData = context.canonicalBytes
        let sealed: HPKESealed
        do {
            sealed = try update.withPlaintext { (plaintext) throws(CryptographyError) in
                try HPKE.seal(plaintext, to: recipient, info: info, associatedData: associatedData)
            }
        } catch {
            throw .sealing(error)
        }
        return try SealedUpdate(
            encapsulatedKey: sealed.encapsulatedKey,
            ciphertext: sealed.ciphertext,
            codec: codec,
            ring: ring,
            count: count
        )
    }

    /// Decrypts and decodes an update.
    ///
    /// - Parameters:
    ///   - context: the server's own idea of what the update is about.
    ///   - privateKey: the server's key of the round.
    package static func open(
        _ sealed: SealedUpdate,
        context: UpdateContext,
        with privateKey: borrowing X25519PrivateKey
    ) throws(UpdateError) -> DecodedUpdate {
        try check(
            context,
            codec: sealed.codec,
            ring: sealed.ring,
            count: sealed.count,
            plaintextLength: sealed.plaintextLength
        )
        var plaintext: [UInt8]
        do {
            plaintext = try HPKE.open(
                HPKESealed(encapsulatedKey: sealed.encapsulatedKey, ciphertext: sealed.ciphertext),
                with: privateKey,
                info: info,
                associatedData: context.canonicalBytes
            )
        } catch {
            throw .sealing(error)
        }
        defer { erase(&plaintext) }
        return try DecodedUpdate(plaintext: plaintext, codec: sealed.codec, ring: sealed.ring, count: sealed.count)
    }

    private static func check(
        _ context: UpdateContext,
        codec: UpdateCodec,
        ring: Ring,
        count: Int,
        plaintextLength: Int
    ) throws(UpdateError) {
        try require("codec", context.codec, equals: codec)
        try require("ring bits", context.ring.bits, equals: ring.bits)
        try require("count", context.count, equals: count)
        try require("plaintext length", context.plaintextLength, equals: plaintextLength)
    }

    private static func require<Value: Equatable>(
        _ field: String,
        _ found: Value,
        equals expected: Value
    ) throws(UpdateError) {
        guard found != expected else { return }
        throw .contextMismatch(field: field, found: "\(found)", expected: "\(expected)")
    }
}
