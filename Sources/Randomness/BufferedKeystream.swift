// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// A keystream with a buffer, so that single words are cheap; long requests bypass the buffer. Words that were handed out
/// are still in the buffer until the next refill; the buffer is erased with the stream.
struct BufferedKeystream: ~Copyable {
    /// 32 KiB: long enough that the cost of a call of libcrypto vanishes, short enough for the first-level cache.
    private static let capacity = 4096

    /// From here on a request is filled directly: 4 KiB, where a call of libcrypto is some tenth of the cost.
    private static let longRequest = 512

    private var keystream: Keystream
    private var buffer = SecretBuffer<UInt64>(count: capacity)
    private var position = capacity

    init(key: borrowing SecretBytes, initialCounter: [UInt8]) {
        do {
            keystream = try Keystream(key: key, initialCounter: initialCounter)
        } catch {
            fatalError("a key of \(key.count) bytes and a counter of \(initialCounter.count) were refused: \(error)")
        }
    }

    /// Goes on with the stream of another key and drops what was buffered of the old one.
    mutating func restart(key: borrowing SecretBytes, initialCounter: [UInt8]) {
        do {
            try keystream.restart(key: key, initialCounter: initialCounter)
        } catch {
            fatalError("a key of \(key.count) bytes and a counter of \(initialCounter.count) were refused: \(error)")
        }
        buffer.erase()
        position = buffer.count
    }

    mutating func next() -> UInt64 {
        if position == buffer.count {
            buffer.withMutableSpan { keystream.fill(&$0) }
            position = 0
        }
        let word = buffer[position]
        position += 1
        return word
    }

    mutating func fill(_ words: inout MutableSpan<UInt64>) {
        var filled = 0
        while filled < words.count, position < buffer.count {
            words[filled] = buffer[position]
            position += 1
            filled += 1
        }
        var rest = words._mutatingExtracting(filled...)
        if rest.count >= Self.longRequest {
            keystream.fill(&rest)
        } else {
            for index in rest.indices {
                rest[index] = next()
            }
        }
    }
}
