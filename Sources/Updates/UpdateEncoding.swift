// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// The plaintext that is sealed: the payload's length (4 bytes, big-endian), the payload, zeros up to the next multiple
/// of ``bucketBytes``.
///
/// The length of the ciphertext is visible to whoever carries it. A packed payload has the same length whatever it
/// holds; the length of a zstd frame follows from the noised values, and the buckets leave of it a handful of steps
/// that the noise alone moves between. Codec, ring and count are not repeated here: they are in the associated data.
package enum UpdateEncoding {
    /// What the plaintext's length is a multiple of.
    package static let bucketBytes = 1024
    private static let lengthBytes = 4

    /// The longest plaintext there can be: that of the packed codec, since zstd is used only where it is shorter.
    package static func largestPlaintext(count: Int, ring: Ring) -> Int {
        bucketed(BitPacking.byteCount(count: count, ring: ring))
    }

    /// Encodes values, reduced in the ring, as the smaller of the two codecs, the packed one where both are equal.
    ///
    /// This is the coding alone, for tests and measurements. What leaves a client is made from an ``Update``.
    ///
    /// - Parameters:
    ///   - values: ``Ring/countRange`` of them.
    ///   - codec: to use this one whatever its size.
    package static func encode(
        _ values: Span<Int64>,
        in ring: Ring,
        as codec: UpdateCodec? = nil
    ) -> (codec: UpdateCodec, plaintext: [UInt8]) {
        precondition(Ring.countRange.contains(values.count), "an update has 1 to 2^28 coordinates")
        let packedBytes = BitPacking.byteCount(count: values.count, ring: ring)
        if codec != .packed {
            let frame = BytePlanes.split(values, in: ring).withSpan { planes in
                Zstandard.compress(planes, blockBytes: values.count)
            }
            if var frame, codec == .zstd || frame.count < packedBytes {
                defer { erase(&frame) }
                var plaintext = emptyPlaintext(payloadBytes: frame.count)
                for index in frame.indices {
                    plaintext[lengthBytes + index] = frame[index]
                }
                return (.zstd, plaintext)
            }
        }
        var plaintext = emptyPlaintext(payloadBytes: packedBytes)
        var bytes = plaintext.mutableSpan
        var payload = bytes._mutatingExtracting(lengthBytes..<(lengthBytes + packedBytes))
        BitPacking.pack(values, in: ring, into: &payload)
        return (.packed, plaintext)
    }

    /// The payload within a plaintext, every length and every byte of padding checked.
    static func payload(of plaintext: [UInt8], count: Int, ring: Ring) throws(UpdateError) -> Range<Int> {
        let largest = largestPlaintext(count: count, ring: ring)
        guard plaintext.count >= bucketBytes, plaintext.count <= largest, plaintext.count % bucketBytes == 0 else {
            throw .malformed(
                what: "update plaintext of \(plaintext.count) bytes",
                expected: "a multiple of \(bucketBytes) up to \(largest)"
            )
        }
        let payloadBytes = plaintext[..<lengthBytes].reduce(0) { $0 << 8 | Int($1) }
        guard payloadBytes <= largest, bucketed(payloadBytes) == plaintext.count else {
            throw .malformed(
                what: "update plaintext's length field \(payloadBytes)",
                expected: "a payload that just fits \(plaintext.count) bytes"
            )
        }
        let payload = lengthBytes..<(lengthBytes + payloadBytes)
        guard plaintext[payload.upperBound...].allSatisfy({ $0 == 0 }) else {
            throw .malformed(what: "update plaintext's padding", expected: "zeros")
        }
        return payload
    }

    private static func bucketed(_ payloadBytes: Int) -> Int {
        (lengthBytes + payloadBytes + bucketBytes - 1) / bucketBytes * bucketBytes
    }

    private static func emptyPlaintext(payloadBytes: Int) -> [UInt8] {
        var plaintext = [UInt8](repeating: 0, count: bucketed(payloadBytes))
        for index in 0..<lengthBytes {
            plaintext[index] = UInt8(truncatingIfNeeded: payloadBytes >> (8 * (lengthBytes - 1 - index)))
        }
        return plaintext
    }
}
