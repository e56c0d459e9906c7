// SPDX-License-Identifier: Apache-2.0

/// What `HPKE.seal` makes: everything the recipient needs beside its private key, `info` and the associated data.
package struct HPKESealed: Hashable, Sendable {
    /// The sender's ephemeral public key, 32 bytes.
    package let encapsulatedKey: [UInt8]
    /// The ciphertext and its 16-byte tag.
    package let ciphertext: [UInt8]

    package init(encapsulatedKey: [UInt8], ciphertext: [UInt8]) {
        self.encapsulatedKey = encapsulatedKey
        self.ciphertext = ciphertext
    }
}

/// Hybrid public key encryption (RFC 9180) in base mode, single-shot, with the one suite
/// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
///
/// Base mode says nothing about the sender; whoever needs that signs. Every message has its own ephemeral key, so the
/// nonce of sequence number 0 is never used twice under a key.
package enum HPKE {
    /// Encrypts `plaintext` so that only the owner of `recipient` reads it (RFC 9180 §6.1, `SealBase`).
    ///
    /// - Parameters:
    ///   - recipient: the recipient's X25519 public key, 32 bytes.
    ///   - info: what the key is for; both sides give the same.
    ///   - associatedData: authenticated with the message, not sent in it.
    /// - Throws: `wrongLength` for the recipient's key, `degenerateSharedSecret` where it has small order, `tooLong`.
    package static func seal(
        _ plaintext: [UInt8],
        to recipient: [UInt8],
        info: [UInt8],
        associatedData: [UInt8]
    ) throws(CryptographyError) -> HPKESealed {
        try seal(
            plaintext,
            to: recipient,
            info: info,
            associatedData: associatedData,
            insecureEphemeral: X25519PrivateKey()
        )
    }

    /// Seals with a given ephemeral key, for published vectors only: a key used twice repeats a nonce.
    package static func seal(
        _ plaintext: [UInt8],
        to recipient: [UInt8],
        info: [UInt8],
        associatedData: [UInt8],
        insecureEphemeral ephemeral: borrowing X25519PrivateKey
    ) throws(CryptographyError) -> HPKESealed {
        let context = try HPKEContext(
            diffieHellman: ephemeral.sharedSecret(with: recipient),
            encapsulatedKey: ephemeral.publicKey,
            recipient: recipient,
            info: info
        )
        let ciphertext = try AES256GCM.seal(
            plaintext: plaintext,
            key: context.key,
            nonce: context.baseNonce,
            associatedData: associatedData
        )
        return HPKESealed(encapsulatedKey: ephemeral.publicKey, ciphertext: ciphertext)
    }

    /// Decrypts what `seal` made for the public key of `privateKey` (RFC 9180 §6.1, `OpenBase`).
    ///
    /// - Throws: `wrongLength` for the encapsulated key, `degenerateSharedSecret`, `truncated`, `tooLong`, or
    ///   `authenticationFailed` where the key, `info`, the associated data or a byte differs.
    package static func open(
        _ sealed: HPKESealed,
        with privateKey: borrowing X25519PrivateKey,
        info: [UInt8],
        associatedData: [UInt8]
    ) throws(CryptographyError) -> [UInt8] {
        let context = try HPKEContext(
            diffieHellman: privateKey.sharedSecret(with: sealed.encapsulatedKey),
            encapsulatedKey: sealed.encapsulatedKey,
            recipient: privateKey.publicKey,
            info: info
        )
        return try AES256GCM.open(
            sealed.ciphertext,
            key: context.key,
            nonce: context.baseNonce,
            associatedData: associatedData
        )
    }
}
