// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The keystream of AES-256 in counter mode (NIST SP 800-38A §6.5), read as 64-bit words.
///
/// The 16-byte initial counter block counts up as one big-endian number. Word i of the stream is the little-endian value
/// of its bytes 8i ..< 8i + 8, on every machine. The key schedule is erased when the stream ends.
package struct Keystream: ~Copyable {
    /// The length of a key in bytes.
    package static let keyLength = 32
    /// The length of the initial counter block in bytes.
    package static let counterLength = 16

    /// The most words handed to libcrypto at once; its lengths are `int`.
    private static let largestRequest = 1 << 20

    private let context: CipherContext

    /// The stream of `key` from counter block `initialCounter` on.
    ///
    /// - Throws: `wrongLength` unless the key has 32 and the counter block 16 bytes.
    package init(key: borrowing SecretBytes, initialCounter: [UInt8]) throws(CryptographyError) {
        context = CipherContext()
        try restart(key: key, initialCounter: initialCounter)
    }

    /// Forgets the present key and goes on with the stream of another.
    ///
    /// - Throws: `wrongLength` unless the key has 32 and the counter block 16 bytes.
    package mutating func restart(key: borrowing SecretBytes, initialCounter: [UInt8]) throws(CryptographyError) {
        try requireLength(Self.keyLength, key.count, of: "AES-256-CTR key")
        try requireLength(Self.counterLength, initialCounter.count, of: "AES-256-CTR initial counter block")
        let done = key.withSpan { key in
            unsafe key.withUnsafeBufferPointer { key in
                unsafe EVP_EncryptInit_ex2(
                    context.pointer,
                    Algorithms.aes256CTR,
                    key.baseAddress,
                    initialCounter,
                    nil
                )
            }
        }
        guard done == 1 else { throw .libraryFailure(operation: "AES-256-CTR initialisation") }
    }

    /// Overwrites `out` with the next `out.count` words.
    ///
    /// Large blocks are worth it: a call of libcrypto costs as much as some 500 bytes of keystream.
    package mutating func fill(_ out: inout MutableSpan<UInt64>) {
        unsafe out.withUnsafeMutableBufferPointer { words in
            unsafe words.update(repeating: 0)
            var offset = 0
            while offset < words.count {
                let count = min(Self.largestRequest, words.count - offset)
                let bytes = unsafe UnsafeMutableRawPointer(words.baseAddress! + offset)
                    .assumingMemoryBound(to: UInt8.self)
                var length: Int32 = 0
                let done = unsafe EVP_EncryptUpdate(context.pointer, bytes, &length, bytes, Int32(count * 8))
                precondition(done == 1 && Int(length) == count * 8, "a keyed counter-mode cipher cannot fail")
                offset += count
            }
            #if _endian(big)
            for index in words.indices {
                unsafe words[index] = words[index].byteSwapped
            }
            #endif
        }
    }
}
