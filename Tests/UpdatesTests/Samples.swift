// SPDX-License-Identifier: Apache-2.0

import Accounting
import Cryptography
import Noise
import Randomness
import Updates

/// A certificate for tests of what happens after clipping.
func certificate(dimension: Int) -> SensitivityCertificate {
    SensitivityCertificate(
        method: "test",
        bound: 1 << 20,
        gridExponent: 18,
        dimension: dimension,
        inflation: 1,
        derivation: "none: the values of a test"
    )
}

/// `count` values uniform over the whole ring.
func uniformValues(_ count: Int, in ring: Ring, from stream: inout InsecureTestStream) -> [Int64] {
    (0..<count).map { _ in ring.reduce(Int64(bitPattern: stream.next())) }
}

/// `count` values of a discrete Gaussian of deviation 64 * `multiple`.
func gaussianValues(_ count: Int, multiple: UInt64, from stream: inout InsecureTestStream) throws -> [Int64] {
    var values = [Int64](repeating: 0, count: count)
    var span = values.mutableSpan
    try DiscreteGaussian(multiple: multiple).fill(&span, from: &stream)
    return values
}

/// The encoding of an array.
func encode(
    _ values: [Int64],
    in ring: Ring,
    as codec: UpdateCodec? = nil
) -> (codec: UpdateCodec, plaintext: [UInt8]) {
    UpdateEncoding.encode(values.span, in: ring, as: codec)
}

/// The values that a plaintext decodes to.
func decode(_ plaintext: [UInt8], _ codec: UpdateCodec, _ ring: Ring, _ count: Int) throws(UpdateError) -> [Int64] {
    try DecodedUpdate(plaintext: plaintext, codec: codec, ring: ring, count: count).values()
}

/// A plaintext around any payload: length, payload, zeros up to the bucket.
func plaintext(around payload: [UInt8], statedLength: Int? = nil) -> [UInt8] {
    let stated = UInt32(statedLength ?? payload.count)
    let bytes = (0..<4).map { UInt8(truncatingIfNeeded: stated >> UInt32(24 - 8 * $0)) } + payload
    return bytes + [UInt8](repeating: 0, count: (1024 - bytes.count % 1024) % 1024)
}

/// A zstd frame of stored and run-length blocks, written by the rules of RFC 8878 and not by libzstd.
struct HandmadeFrame {
    enum Block {
        case stored([UInt8])
        case run(UInt8, count: Int)
    }

    /// What the header states; `nil` states no size (and a window of 128 KiB).
    var statedSize: UInt64?
    var blocks: [Block]

    var bytes: [UInt8] {
        var frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
        if let statedSize {
            // Single segment, frame content size in 8 bytes, no checksum, no dictionary.
            frame.append(0b1110_0000)
            frame += (0..<8).map { UInt8(truncatingIfNeeded: statedSize >> UInt64(8 * $0)) }
        } else {
            frame += [0, 7 << 3]
        }
        for (index, block) in blocks.enumerated() {
            let last = index == blocks.count - 1 ? 1 : 0
            switch block {
            case .stored(let content):
                frame += header(last | content.count << 3) + content
            case .run(let byte, let count):
                frame += header(last | 1 << 1 | count << 3) + [byte]
            }
        }
        return frame
    }

    private func header(_ value: Int) -> [UInt8] {
        (0..<3).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
