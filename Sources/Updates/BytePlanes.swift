// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// The codec ``UpdateCodec/zstd``: the zigzag code `2v` or `-2v - 1` of each centred representative, which is below
/// 2^bits, is split into bytes; plane k holds byte k (from the lowest) of all coordinates; the planes, one after
/// another from the lowest, are the content of one zstd frame.
///
/// Noise makes the low planes incompressible and the high ones nearly constant. A frame has one Huffman table a block,
/// so each plane begins a block of its own.
enum BytePlanes {
    static func planeCount(_ ring: Ring) -> Int {
        (ring.bits + 7) / 8
    }

    /// The planes of `values`, not compressed.
    static func split(_ values: Span<Int64>, in ring: Ring) -> SecretBytes {
        var planes = SecretBytes(count: planeCount(ring) * values.count)
        planes.withMutableSpan { bytes in
            for index in values.indices {
                let value = ring.reduce(values[index])
                var code = UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))
                var position = index
                while position < bytes.count {
                    bytes[position] = UInt8(truncatingIfNeeded: code)
                    code &>>= 8
                    position += values.count
                }
            }
        }
        return planes
    }

    /// Refuses planes that hold a code of 2^bits or more.
    static func validate(_ planes: Span<UInt8>, count: Int, ring: Ring) throws(UpdateError) {
        let highest = planeCount(ring) - 1
        let unused = 8 * (highest + 1) - ring.bits
        var seen: UInt8 = 0
        for position in (highest * count)..<((highest + 1) * count) {
            seen |= planes[position]
        }
        guard unused == 0 || seen >> UInt8(8 - unused) == 0 else {
            throw .malformed(what: "zstd payload's highest plane", expected: "codes below 2^\(ring.bits)")
        }
    }

    /// Adds valid planes to a sum modulo 2^64; `sum.count` is the number of coordinates.
    static func add(_ planes: Span<UInt8>, in ring: Ring, to sum: inout MutableSpan<Int64>) {
        let highest = planeCount(ring) - 1
        precondition(planes.count == (highest + 1) * sum.count, "the planes were validated")
        for index in sum.indices {
            var code: UInt64 = 0
            var position = highest * sum.count + index
            while position >= 0 {
                code = code &<< 8 | UInt64(planes[position])
                position -= sum.count
            }
            sum[index] &+= Int64(bitPattern: code &>> 1) ^ -Int64(bitPattern: code & 1)
        }
    }
}
