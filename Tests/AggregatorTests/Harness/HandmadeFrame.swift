// SPDX-License-Identifier: Apache-2.0

/// A zstd frame by hand (RFC 8878, section 3.1.1): raw and run-length blocks only, so that it can lie about its size.
struct HandmadeFrame {
    enum Block {
        case stored([UInt8])
        case run(UInt8, count: Int)
    }

    var statedSize: UInt64?
    var blocks: [Block]

    var bytes: [UInt8] {
        // Without a single segment a window follows: 128 KiB.
        var bytes: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
        if let statedSize {
            bytes += [0xE0] + (0..<8).map { UInt8(truncatingIfNeeded: statedSize >> (8 * UInt64($0))) }
        } else {
            bytes += [0x00, 0x38]
        }
        for (index, block) in blocks.enumerated() {
            let isLast = index == blocks.count - 1
            switch block {
            case .stored(let content): bytes += header(isLast, kind: 0, size: content.count) + content
            case .run(let byte, let count): bytes += header(isLast, kind: 1, size: count) + [byte]
            }
        }
        return bytes
    }

    private func header(_ isLast: Bool, kind: Int, size: Int) -> [UInt8] {
        let value = (isLast ? 1 : 0) | kind << 1 | size << 3
        return (0..<3).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    /// A plaintext around a payload: its length in four big-endian bytes, and zeros up to a multiple of 1,024 bytes.
    static func plaintext(around payload: [UInt8]) -> [UInt8] {
        let length = (0..<4).map { UInt8(truncatingIfNeeded: payload.count >> (24 - 8 * $0)) }
        let size = (payload.count + 4 + 1023) / 1024 * 1024
        return length + payload + [UInt8](repeating: 0, count: size - payload.count - 4)
    }
}
