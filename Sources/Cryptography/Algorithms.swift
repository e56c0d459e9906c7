// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The algorithms of libcrypto's default provider that this room uses, fetched once: an implicit fetch on every call
/// costs more than hashing a short message.
///
/// The room wraps OpenSSL 3 and is its only importer: hashing, sealing (`AES256GCM`, `HPKE`), key agreement, signatures,
/// key derivation, keystreams, and memory for secrets. It promises that keys and shared secrets live in values that cannot
/// be copied and are erased when they end, that a forged or truncated input gives a typed error and no plaintext, and that
/// no error carries a secret. It invents no cryptography: HPKE, which OpenSSL 3.0 lacks, follows RFC 9180 line by line.
///
/// Without one of them nothing of ours can run, so a missing algorithm ends the process.
enum Algorithms {
    // The fetched objects are immutable and shared by libcrypto's own rule (EVP_MD_fetch(3), EVP_CIPHER_fetch(3)).
    nonisolated(unsafe) static let sha256 = unsafe found(EVP_MD_fetch(nil, "SHA2-256", nil), "SHA2-256")
    nonisolated(unsafe) static let aes256GCM = unsafe found(EVP_CIPHER_fetch(nil, "AES-256-GCM", nil), "AES-256-GCM")
    nonisolated(unsafe) static let aes256CTR = unsafe found(EVP_CIPHER_fetch(nil, "AES-256-CTR", nil), "AES-256-CTR")

    private static func found(_ algorithm: OpaquePointer?, _ name: String) -> OpaquePointer {
        guard let algorithm = unsafe algorithm else {
            fatalError("libcrypto offers no \(name)")
        }
        return unsafe algorithm
    }
}

/// An owned `EVP_CIPHER_CTX`; freeing it erases the key schedule.
@safe
struct CipherContext: ~Copyable, @unchecked Sendable {
    // Sendable because the context has exactly one owner.
    let pointer: OpaquePointer

    init() {
        guard let pointer = unsafe EVP_CIPHER_CTX_new() else {
            fatalError("libcrypto: out of memory")
        }
        unsafe self.pointer = unsafe pointer
    }

    deinit {
        unsafe EVP_CIPHER_CTX_free(pointer)
    }
}
