// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// SHA-256 (FIPS 180-4).
package enum SHA256 {
    /// The length of a digest in bytes.
    package static let digestLength = 32

    /// The digest of `bytes`, 32 bytes.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        hash(bytes.span)
    }

    /// The digest of `bytes`, 32 bytes.
    package static func hash(_ bytes: Span<UInt8>) -> [UInt8] {
        var hasher = SHA256Hasher()
        hasher.update(bytes)
        return hasher.finalize()
    }
}

/// SHA-256 of a message that comes in pieces.
@safe
package struct SHA256Hasher: ~Copyable, @unchecked Sendable {
    // Sendable because the context has exactly one owner.
    private let context: OpaquePointer

    /// The hash of nothing so far.
    package init() {
        guard let context = unsafe EVP_MD_CTX_new(),
            unsafe EVP_DigestInit_ex2(context, Algorithms.sha256, nil) == 1
        else {
            fatalError("libcrypto: out of memory")
        }
        unsafe self.context = unsafe context
    }

    deinit {
        unsafe EVP_MD_CTX_free(context)
    }

    /// Appends `bytes` to the message.
    package mutating func update(_ bytes: Span<UInt8>) {
        let done = unsafe bytes.withUnsafeBufferPointer { unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
        precondition(done == 1, "EVP_DigestUpdate cannot fail on an initialised context")
    }

    /// Appends `bytes` to the message.
    package mutating func update(_ bytes: [UInt8]) {
        update(bytes.span)
    }

    /// The digest of the whole message, 32 bytes.
    package consuming func finalize() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: SHA256.digestLength)
        let done = unsafe digest.withUnsafeMutableBufferPointer {
            unsafe EVP_DigestFinal_ex(context, $0.baseAddress, nil)
        }
        precondition(done == 1, "EVP_DigestFinal_ex cannot fail on an initialised context")
        return digest
    }
}
