// SPDX-License-Identifier: Apache-2.0

/// The key schedule of RFC 9180 §4.1 and §5.1 for the room's one suite in base mode: from a Diffie–Hellman result to the
/// key and the nonce of the first message.
package struct HPKEContext: ~Copyable {
    /// The key of the AEAD, 32 bytes.
    package let key: SecretBytes
    /// The nonce of sequence number 0, 12 bytes.
    package let baseNonce: [UInt8]
    /// The secret of the export interface (RFC 9180 §5.3), 32 bytes; unused here, and a check against the vectors.
    package let exporterSecret: SecretBytes

    private static let kemIdentifier: [UInt8] = [0x00, 0x20]
    private static let kdfIdentifier: [UInt8] = [0x00, 0x01]
    private static let aeadIdentifier: [UInt8] = [0x00, 0x02]
    private static let baseMode: UInt8 = 0x00

    private static let kemSuite = Array("KEM".utf8) + kemIdentifier
    private static let suite = Array("HPKE".utf8) + kemIdentifier + kdfIdentifier + aeadIdentifier

    /// - Parameters:
    ///   - diffieHellman: the X25519 result of the ephemeral and the recipient's key.
    ///   - encapsulatedKey: the ephemeral public key.
    ///   - recipient: the recipient's public key.
    package init(
        diffieHellman: consuming SecretBytes,
        encapsulatedKey: [UInt8],
        recipient: [UInt8],
        info: [UInt8]
    ) throws(CryptographyError) {
        let extracted = Self.labelledExtract(Self.kemSuite, label: "eae_prk", diffieHellman)
        let sharedSecret = try Self.labelledExpand(
            Self.kemSuite,
            extracted,
            label: "shared_secret",
            info: encapsulatedKey + recipient,
            count: 32
        )
        let nothing = SecretBytes(count: 0)
        let identifierHash = Self.labelledExtract(Self.suite, label: "psk_id_hash", nothing)
        let infoHash = Self.labelledExtract(Self.suite, label: "info_hash", SecretBytes(copying: info))
        let scheduleContext = [Self.baseMode] + identifierHash.copied() + infoHash.copied()
        let secret = sharedSecret.withSpan { salt in
            Self.labelledExtract(Self.suite, salt: salt, label: "secret", nothing)
        }
        let key = try Self.labelledExpand(
            Self.suite,
            secret,
            label: "key",
            info: scheduleContext,
            count: AES256GCM.keyLength
        )
        let nonce = try Self.labelledExpand(
            Self.suite,
            secret,
            label: "base_nonce",
            info: scheduleContext,
            count: AES256GCM.nonceLength
        )
        let exporterSecret = try Self.labelledExpand(
            Self.suite,
            secret,
            label: "exp",
            info: scheduleContext,
            count: 32
        )
        self.key = key
        baseNonce = nonce.copied()
        self.exporterSecret = exporterSecret
    }

    /// `LabeledExtract` of RFC 9180 §4.
    private static func labelledExtract(
        _ suite: [UInt8],
        salt: Span<UInt8> = Span(),
        label: String,
        _ keyMaterial: borrowing SecretBytes
    ) -> SecretBytes {
        let labelled = SecretBytes(copying: Array("HPKE-v1".utf8) + suite + Array(label.utf8)).appending(keyMaterial)
        return HKDF.extract(salt: salt, inputKeyMaterial: labelled)
    }

    /// `LabeledExpand` of RFC 9180 §4.
    private static func labelledExpand(
        _ suite: [UInt8],
        _ key: borrowing SecretBytes,
        label: String,
        info: [UInt8],
        count: Int
    ) throws(CryptographyError) -> SecretBytes {
        let length = [UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
        let labelled = length + Array("HPKE-v1".utf8) + suite + Array(label.utf8) + info
        return try HKDF.expand(key, info: labelled, count: count)
    }
}
