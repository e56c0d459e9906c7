// SPDX-License-Identifier: Apache-2.0

/// What a client uploads: an update encrypted to the server's key of the round, and what is needed to check its size
/// before it is opened.
package struct SealedUpdate: Hashable, Sendable {
    /// HPKE's encapsulated key, 32 bytes.
    package let encapsulatedKey: [UInt8]
    /// The encrypted plaintext and its 16-byte tag.
    package let ciphertext: [UInt8]
    package let codec: UpdateCodec
    package let ring: Ring
    /// The number of coordinates.
    package let count: Int

    /// The length of the plaintext with its padding.
    package var plaintextLength: Int { ciphertext.count - Self.tagBytes }

    static let keyBytes = 32
    static let tagBytes = 16

    /// A received update whose lengths are possible for its ring and count, which the caller has compared with the
    /// plan.
    ///
    /// - Throws: ``UpdateError``.
    package init(
        encapsulatedKey: [UInt8],
        ciphertext: [UInt8],
        codec: UpdateCodec,
        ring: Ring,
        count: Int
    ) throws(UpdateError) {
        guard encapsulatedKey.count == Self.keyBytes else {
            throw .wrongLength(
                what: "sealed update's encapsulated key",
                found: encapsulatedKey.count,
                expected: Self.keyBytes
            )
        }
        try Self.checkLengths(ring: ring, count: count, plaintextLength: ciphertext.count - Self.tagBytes)
        self.encapsulatedKey = encapsulatedKey
        self.ciphertext = ciphertext
        self.codec = codec
        self.ring = ring
        self.count = count
    }

    /// The most bytes that a ciphertext can have: the limit to set before an upload is read.
    package static func largestCiphertext(count: Int, ring: Ring) -> Int {
        UpdateEncoding.largestPlaintext(count: count, ring: ring) + tagBytes
    }

    /// Throws unless the count is in ``Ring/countRange`` and the length is a bucket that the packed codec could fill.
    static func checkLengths(ring: Ring, count: Int, plaintextLength: Int) throws(UpdateError) {
        guard Ring.countRange.contains(count) else {
            throw .outOfRange(what: "coordinates", found: "\(count)", expected: "1 to \(Ring.countRange.upperBound)")
        }
        let bucket = UpdateEncoding.bucketBytes
        let largest = UpdateEncoding.largestPlaintext(count: count, ring: ring)
        guard plaintextLength >= bucket, plaintextLength <= largest, plaintextLength % bucket == 0 else {
            throw .outOfRange(
                what: "update plaintext length",
                found: "\(plaintextLength)",
                expected: "a multiple of \(bucket) up to \(largest)"
            )
        }
    }
}
