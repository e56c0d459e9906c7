// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A key of the X25519 key agreement (RFC 7748). It cannot be copied and is erased when it ends.
package struct X25519PrivateKey: ~Copyable, Sendable {
    /// The length of private keys, public keys and shared secrets in bytes.
    package static let length = 32

    private let key: EVPKey
    /// The public key, 32 bytes.
    package let publicKey: [UInt8]

    /// A fresh key from the operating system's random source.
    package init() {
        let secret = SecretBytes.random(count: Self.length)
        do {
            self = try secret.withSpan { (secret) throws(CryptographyError) in try Self(bytes: secret) }
        } catch {
            fatalError("a private key of 32 bytes was refused: \(error)")
        }
    }

    /// The key with these bytes; they are clamped when used (RFC 7748 §5).
    ///
    /// - Throws: `wrongLength` unless there are 32.
    package init(bytes: Span<UInt8>) throws(CryptographyError) {
        let key = try EVPKey(.x25519, privateKey: bytes)
        publicKey = key.publicKeyBytes()
        self.key = key
    }

    /// The key with these bytes; they are clamped when used (RFC 7748 §5).
    ///
    /// - Throws: `wrongLength` unless there are 32.
    package init(bytes: [UInt8]) throws(CryptographyError) {
        try self.init(bytes: bytes.span)
    }

    /// The shared secret with the owner of `publicKey`, 32 bytes. It is not uniform: feed it to `HKDF`.
    ///
    /// - Throws: `wrongLength` unless the public key has 32 bytes; `degenerateSharedSecret` where the result is all zero.
    package borrowing func sharedSecret(with publicKey: [UInt8]) throws(CryptographyError) -> SecretBytes {
        let other = try EVPKey(.x25519, publicKey: publicKey)
        guard let context = unsafe EVP_PKEY_CTX_new(key.pointer, nil) else { fatalError("libcrypto: out of memory") }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_derive_init(context) == 1,
            unsafe EVP_PKEY_derive_set_peer(context, other.pointer) == 1
        else {
            throw .libraryFailure(operation: "X25519 initialisation")
        }
        var secret = SecretBytes(count: Self.length)
        let done = secret.withMutableSpan { bytes in
            unsafe bytes.withUnsafeMutableBufferPointer { bytes in
                var length = bytes.count
                return unsafe EVP_PKEY_derive(context, bytes.baseAddress, &length) == 1 && length == Self.length
            }
        }
        // libcrypto itself fails on an all-zero result; the comparison keeps the promise with a library that does not.
        let zero = [UInt8](repeating: 0, count: Self.length)
        guard done, !secret.withSpan({ constantTimeEqual($0, zero.span) }) else { throw .degenerateSharedSecret }
        return secret
    }

    /// Lends the private key, for storing it encrypted.
    package borrowing func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try key.privateKeyBytes().withSpan(body)
    }
}
