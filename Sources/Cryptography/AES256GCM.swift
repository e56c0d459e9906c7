// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// AES-256 in Galois/counter mode (NIST SP 800-38D) with a 12-byte nonce and a 16-byte tag.
///
/// One nonce seals one message under one key, ever; a repeated nonce gives both plaintexts and the tag key away.
package enum AES256GCM {
    /// The length of a key in bytes.
    package static let keyLength = 32
    /// The length of a nonce in bytes.
    package static let nonceLength = 12
    /// The length of the tag that ends every sealed message, in bytes.
    package static let tagLength = 16
    /// The longest message or associated data in bytes: libcrypto counts in `int`. (The mode itself ends at 2^36 − 32.)
    package static let longestMessage = Int(Int32.max)

    /// Encrypts and authenticates.
    ///
    /// - Returns: the ciphertext, as long as the plaintext, followed by the 16-byte tag.
    /// - Throws: `wrongLength` for key or nonce, `tooLong` for a text above `longestMessage`.
    package static func seal(
        plaintext: [UInt8],
        key: borrowing SecretBytes,
        nonce: [UInt8],
        associatedData: [UInt8]
    ) throws(CryptographyError) -> [UInt8] {
        try check(key: key.count, nonce: nonce.count, text: plaintext.count, associatedData: associatedData.count)
        var sealed = [UInt8](repeating: 0, count: plaintext.count + tagLength)
        let context = try start(key: key, nonce: nonce, associatedData: associatedData, direction: .seal)
        let done = unsafe sealed.withUnsafeMutableBufferPointer { out in
            unsafe plaintext.withUnsafeBufferPointer { text in
                var length: Int32 = 0
                let end = unsafe out.baseAddress! + text.count
                return unsafe update(context, out.baseAddress, text)
                    && EVP_CipherFinal_ex(context.pointer, end, &length) == 1
                    && EVP_CIPHER_CTX_ctrl(context.pointer, EVP_CTRL_AEAD_GET_TAG, Int32(tagLength), end) == 1
            }
        }
        guard done else { throw .libraryFailure(operation: "AES-256-GCM encryption") }
        return sealed
    }

    /// Decrypts what `seal` made, or gives nothing.
    ///
    /// - Throws: `wrongLength`, `tooLong`, `truncated` below 16 bytes, `authenticationFailed` where anything differs.
    package static func open(
        _ sealed: [UInt8],
        key: borrowing SecretBytes,
        nonce: [UInt8],
        associatedData: [UInt8]
    ) throws(CryptographyError) -> [UInt8] {
        guard sealed.count >= tagLength else {
            throw .truncated(what: "AES-256-GCM ciphertext", minimum: tagLength, actual: sealed.count)
        }
        let count = sealed.count - tagLength
        try check(key: key.count, nonce: nonce.count, text: count, associatedData: associatedData.count)
        var tag = Array(sealed[count...])
        var plaintext = [UInt8](repeating: 0, count: count)
        let context = try start(key: key, nonce: nonce, associatedData: associatedData, direction: .open)
        let done = unsafe plaintext.withUnsafeMutableBufferPointer { out in
            let authentic = unsafe sealed.withUnsafeBufferPointer { sealed in
                var length: Int32 = 0
                var rest: UInt8 = 0
                let text = unsafe UnsafeBufferPointer(rebasing: sealed[..<count])
                return unsafe update(context, out.baseAddress, text)
                    && EVP_CIPHER_CTX_ctrl(context.pointer, EVP_CTRL_AEAD_SET_TAG, Int32(tagLength), &tag) == 1
                    && EVP_CipherFinal_ex(context.pointer, &rest, &length) == 1
            }
            if !authentic {
                unsafe OPENSSL_cleanse(out.baseAddress, out.count)
            }
            return authentic
        }
        guard done else { throw .authenticationFailed }
        return plaintext
    }

    private enum Direction: Int32 {
        case open = 0
        case seal = 1
    }

    /// Refuses lengths that the mode or the library does not take.
    private static func check(
        key: Int,
        nonce: Int,
        text: Int,
        associatedData: Int
    ) throws(CryptographyError) {
        try requireLength(keyLength, key, of: "AES-256-GCM key")
        try requireLength(nonceLength, nonce, of: "AES-256-GCM nonce")
        for (what, count) in [("message", text), ("associated data", associatedData)] where count > longestMessage {
            throw .tooLong(what: "AES-256-GCM \(what)", limit: longestMessage, actual: count)
        }
    }

    /// A context with key and nonce (12 bytes are libcrypto's default for GCM) that has read the associated data.
    private static func start(
        key: borrowing SecretBytes,
        nonce: [UInt8],
        associatedData: [UInt8],
        direction: Direction
    ) throws(CryptographyError) -> CipherContext {
        let context = CipherContext()
        let keyed = key.withSpan { key in
            unsafe key.withUnsafeBufferPointer { key in
                unsafe EVP_CipherInit_ex2(
                    context.pointer,
                    Algorithms.aes256GCM,
                    key.baseAddress,
                    nonce,
                    direction.rawValue,
                    nil
                )
            }
        }
        guard keyed == 1, unsafe associatedData.withUnsafeBufferPointer({ unsafe update(context, nil, $0) }) else {
            throw .libraryFailure(operation: "AES-256-GCM initialisation")
        }
        return context
    }

    /// Feeds `bytes` to the cipher, as associated data where `out` is nil. libcrypto takes a null input for the end of
    /// the message, so nothing is never fed.
    private static func update(
        _ context: borrowing CipherContext,
        _ out: UnsafeMutablePointer<UInt8>?,
        _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        var length: Int32 = 0
        return unsafe bytes.isEmpty
            || EVP_CipherUpdate(context.pointer, out, &length, bytes.baseAddress, Int32(bytes.count)) == 1
    }
}
