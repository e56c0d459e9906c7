// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// HKDF with SHA-256 (RFC 5869).
package enum HKDF {
    /// The most bytes `expand` gives: 255 digests.
    package static let longestOutput = 255 * SHA256.digestLength

    /// A pseudorandom key of 32 bytes from key material that is secret but not uniform (RFC 5869 §2.2).
    package static func extract(salt: Span<UInt8>, inputKeyMaterial: borrowing SecretBytes) -> SecretBytes {
        inputKeyMaterial.withSpan { authenticationCode(key: salt, of: $0) }
    }

    /// A pseudorandom key of 32 bytes from key material that is secret but not uniform (RFC 5869 §2.2).
    package static func extract(salt: [UInt8], inputKeyMaterial: borrowing SecretBytes) -> SecretBytes {
        extract(salt: salt.span, inputKeyMaterial: inputKeyMaterial)
    }

    /// `count` bytes for the purpose that `info` names, from a pseudorandom key (RFC 5869 §2.3).
    ///
    /// - Throws: `tooLong` above `longestOutput`, `truncated` for a pseudorandom key below 32 bytes.
    package static func expand(
        _ pseudorandomKey: borrowing SecretBytes,
        info: [UInt8],
        count: Int
    ) throws(CryptographyError) -> SecretBytes {
        precondition(count >= 0, "a length is not negative")
        guard count <= longestOutput else {
            throw .tooLong(what: "HKDF output", limit: longestOutput, actual: count)
        }
        guard pseudorandomKey.count >= SHA256.digestLength else {
            throw .truncated(
                what: "HKDF pseudorandom key",
                minimum: SHA256.digestLength,
                actual: pseudorandomKey.count
            )
        }
        var output = SecretBytes(count: count)
        // T(n) = HMAC(PRK, T(n − 1) ‖ info ‖ n), where T(0) is empty.
        var message = SecretBytes(copying: info + [1])
        var filled = 0
        while filled < count {
            let block = pseudorandomKey.withSpan { key in message.withSpan { authenticationCode(key: key, of: $0) } }
            for index in 0..<min(block.count, count - filled) {
                output[filled + index] = block[index]
            }
            filled += block.count
            let counter = UInt8(truncatingIfNeeded: filled / SHA256.digestLength + 1)
            message = block.appending(SecretBytes(copying: info + [counter]))
        }
        return output
    }

    /// HMAC-SHA-256 (RFC 2104), 32 bytes.
    private static func authenticationCode(key: Span<UInt8>, of message: Span<UInt8>) -> SecretBytes {
        var code = SecretBytes(count: SHA256.digestLength)
        code.withMutableSpan { code in
            unsafe code.withUnsafeMutableBufferPointer { code in
                unsafe key.withUnsafeBufferPointer { key in
                    unsafe message.withUnsafeBufferPointer { message in
                        let result = unsafe HMAC(
                            Algorithms.sha256,
                            key.baseAddress,
                            Int32(key.count),
                            message.baseAddress,
                            message.count,
                            code.baseAddress,
                            nil
                        )
                        guard unsafe result != nil else { fatalError("libcrypto: HMAC-SHA-256 failed") }
                    }
                }
            }
        }
        return code
    }
}
