// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// A clipped, noised and encoded update, ready to be sealed and good for nothing else: it comes from an
/// `Update<Noised>` only, its bytes cannot be read from outside this room, and sealing uses it up.
package struct EncodedUpdate: ~Copyable, Sendable {
    package let codec: UpdateCodec
    package let ring: Ring
    /// The number of coordinates.
    package let count: Int
    /// The length of the plaintext with its padding, a multiple of ``UpdateEncoding/bucketBytes``.
    package let plaintextLength: Int
    /// Whether the noise within was drawn from a secret stream of the operating system's.
    package let isNoiseSecure: Bool
    private let plaintext: SecretBytes

    /// Copies the plaintext; erasing the original stays with the caller.
    init(copying plaintext: [UInt8], codec: UpdateCodec, ring: Ring, count: Int, isNoiseSecure: Bool) {
        self.codec = codec
        self.ring = ring
        self.count = count
        self.isNoiseSecure = isNoiseSecure
        plaintextLength = plaintext.count
        self.plaintext = SecretBytes(copying: plaintext)
    }

    /// Lends a copy of the plaintext and erases it.
    borrowing func withPlaintext<Result, Failure: Error>(
        _ body: ([UInt8]) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var plaintext = plaintext.copied()
        defer { erase(&plaintext) }
        return try body(plaintext)
    }
}
