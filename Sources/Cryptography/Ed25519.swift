// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A signing key of Ed25519 (RFC 8032, pure Ed25519 without context). It cannot be copied and is erased when it ends.
package struct Ed25519PrivateKey: ~Copyable, Sendable {
    /// The length of the seed (the private key of RFC 8032 §5.1.5) in bytes.
    package static let seedLength = 32
    /// The length of a signature in bytes.
    package static let signatureLength = 64

    private let key: EVPKey
    /// The key that verifies this key's signatures.
    package let publicKey: Ed25519PublicKey

    /// A fresh key from the operating system's random source.
    package init() {
        let seed = SecretBytes.random(count: Self.seedLength)
        do {
            self = try seed.withSpan { (seed) throws(CryptographyError) in try Self(seed: seed) }
        } catch {
            fatalError("a seed of 32 bytes was refused: \(error)")
        }
    }

    /// The key of a seed.
    ///
    /// - Throws: `wrongLength` unless the seed has 32 bytes.
    package init(seed: Span<UInt8>) throws(CryptographyError) {
        let key = try EVPKey(.ed25519, privateKey: seed)
        publicKey = Ed25519PublicKey(unchecked: key.publicKeyBytes())
        self.key = key
    }

    /// The key of a seed.
    ///
    /// - Throws: `wrongLength` unless the seed has 32 bytes.
    package init(seed: [UInt8]) throws(CryptographyError) {
        try self.init(seed: seed.span)
    }

    /// The signature of `message`, 64 bytes; the same message always gets the same one.
    package borrowing func sign(_ message: [UInt8]) -> [UInt8] {
        guard let context = unsafe EVP_MD_CTX_new() else { fatalError("libcrypto: out of memory") }
        defer { unsafe EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: Self.signatureLength)
        var length = signature.count
        let done =
            unsafe EVP_DigestSignInit(context, nil, nil, nil, key.pointer) == 1
            && EVP_DigestSign(context, &signature, &length, message, message.count) == 1
        guard done, length == Self.signatureLength else { fatalError("libcrypto: Ed25519 signing failed") }
        return signature
    }

    /// Lends the seed, for storing the key encrypted.
    package borrowing func withSeed<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try key.privateKeyBytes().withSpan(body)
    }
}

/// A verifying key of Ed25519.
package struct Ed25519PublicKey: Hashable, Sendable {
    /// The encoded point, 32 bytes (RFC 8032 §5.1.2).
    package let bytes: [UInt8]

    /// - Throws: `wrongLength` unless there are 32 bytes. Bytes that name no point of the curve verify no signature.
    package init(bytes: [UInt8]) throws(CryptographyError) {
        try requireLength(EVPKey.length, bytes.count, of: "Ed25519 public key")
        self.init(unchecked: bytes)
    }

    init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Whether `signature` is this key's signature of `message`.
    ///
    /// The scalar of the signature must be reduced (RFC 8032 §5.1.7), so nobody can turn a signature into another one of
    /// the same message.
    package func verifies(signature: [UInt8], of message: [UInt8]) -> Bool {
        guard signature.count == Ed25519PrivateKey.signatureLength,
            let key = try? EVPKey(.ed25519, publicKey: bytes)
        else { return false }
        guard let context = unsafe EVP_MD_CTX_new() else { fatalError("libcrypto: out of memory") }
        defer { unsafe EVP_MD_CTX_free(context) }
        return unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key.pointer) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}
