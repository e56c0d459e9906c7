// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// A keystream with a buffer, so that single words are cheap; long requests bypass the buffer. Words that were handed out
/// are still in the buffer until the next refill; the buffer is erased with the stream.
struct BufferedKeystream: ~Copyable {
    /// 8 KiB: long enough that a call of libcrypto is some twentieth of the cost, and little where there are many streams.
    private static let capacity = 1024

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
        if position == buffer.count { refill() }
        let word = buffer[position]
        position += 1
        return word
    }

    mutating func fill(_ words: inout MutableSpan<UInt64>) {
        let held = min(words.count, buffer.count - position)
        var first = words._mutatingExtracting(..<held)
        take(&first)
        var rest = words._mutatingExtracting(held...)
        if rest.count >= Self.longRequest {
            keystream.fill(&rest)
        } else if !rest.isEmpty {
            refill()
            take(&rest)
        }
    }

    private mutating func refill() {
        buffer.withMutableSpan { keystream.fill(&$0) }
        position = 0
    }

    /// Overwrites `words` with the next words of the buffer, which holds so many.
    private mutating func take(_ words: inout MutableSpan<UInt64>) {
        buffer.withSpan { Self.copy($0.extracting(position..<position + words.count), to: &words) }
        position += words.count
    }

    /// Both have the same length. Nothing is captured, so that the loop is one of vectors.
    private static func copy(_ source: Span<UInt64>, to target: inout MutableSpan<UInt64>) {
        precondition(source.count == target.count, "lengths differ")
        for index in source.indices {
            target[index] = source[index]
        }
    }
}
