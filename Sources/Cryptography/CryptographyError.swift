// SPDX-License-Identifier: Apache-2.0

/// Why a cryptographic operation was refused. Carries lengths and names, never a key, a plaintext or a share of either.
package enum CryptographyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A key, nonce, seed or public key does not have the one length its algorithm knows.
    case wrongLength(of: String, expected: Int, actual: Int)
    /// A ciphertext is shorter than its fixed parts.
    case truncated(what: String, minimum: Int, actual: Int)
    /// A message or an output is longer than the algorithm or the library allows.
    case tooLong(what: String, limit: Int, actual: Int)
    /// The tag does not fit: wrong key, nonce, associated data, or changed bytes. Nothing was decrypted.
    case authenticationFailed
    /// The Diffie–Hellman result is all zero: the other side's public key has small order (RFC 7748 §6.1).
    case degenerateSharedSecret
    /// libcrypto refused an operation that has no reason to fail: it is out of memory or lacks the algorithm.
    case libraryFailure(operation: String)

    package var description: String {
        switch self {
        case .wrongLength(let what, let expected, let actual):
            "\(what): \(actual) bytes given, \(expected) expected"
        case .truncated(let what, let minimum, let actual):
            "\(what): \(actual) bytes given, at least \(minimum) expected"
        case .tooLong(let what, let limit, let actual):
            "\(what): \(actual) bytes given, at most \(limit) allowed"
        case .authenticationFailed:
            "authentication failed: the key, nonce, associated data or ciphertext is not the one that was sealed"
        case .degenerateSharedSecret:
            "X25519: the shared secret is all zero; the public key has small order"
        case .libraryFailure(let operation):
            "libcrypto: \(operation) failed"
        }
    }
}

/// Refuses bytes whose length is not the only one allowed.
func requireLength(_ expected: Int, _ actual: Int, of what: String) throws(CryptographyError) {
    guard actual == expected else {
        throw .wrongLength(of: what, expected: expected, actual: actual)
    }
}
