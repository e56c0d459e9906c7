// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// A received update whose every byte was checked, ready to be added: as packed or as byte planes, which is half the
/// size of the vector or less. It is erased when it ends.
package struct DecodedUpdate: ~Copyable, Sendable {
    package let codec: UpdateCodec
    package let ring: Ring
    /// The number of coordinates.
    package let count: Int
    private let content: SecretBytes

    /// Decodes a plaintext.
    ///
    /// - Parameters:
    ///   - plaintext: as ``UpdateEncoding`` describes it.
    ///   - count: the coordinates that the plan says; the memory taken is at most 8 bytes for each, and only after the
    ///     length, the padding and a frame's header agree with it.
    /// - Throws: ``UpdateError`` for whatever is not the encoding of `count` values of the ring.
    package init(plaintext: [UInt8], codec: UpdateCodec, ring: Ring, count: Int) throws(UpdateError) {
        try SealedUpdate.checkLengths(ring: ring, count: count, plaintextLength: plaintext.count)
        let range = try UpdateEncoding.payload(of: plaintext, count: count, ring: ring)
        let payload = plaintext.span.extracting(range)
        switch codec {
        case .packed:
            try BitPacking.validate(payload, count: count, ring: ring)
            content = SecretBytes(copying: payload)
        case .zstd:
            let planes = try Zstandard.decompress(payload, expected: BytePlanes.planeCount(ring) * count)
            try planes.withSpan { (planes) throws(UpdateError) in
                try BytePlanes.validate(planes, count: count, ring: ring)
            }
            content = planes
        }
        self.codec = codec
        self.ring = ring
        self.count = count
    }

    /// The centred representatives.
    package borrowing func values() -> [Int64] {
        var values = [Int64](repeating: 0, count: count)
        var span = values.mutableSpan
        add(to: &span)
        return values
    }

    /// Adds the representatives to as many sums, modulo 2^64.
    borrowing func add(to sum: inout MutableSpan<Int64>) {
        content.withSpan { content in
            switch codec {
            case .packed: BitPacking.add(content, in: ring, to: &sum)
            case .zstd: BytePlanes.add(content, in: ring, to: &sum)
            }
        }
    }
}
