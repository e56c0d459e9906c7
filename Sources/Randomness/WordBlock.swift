// SPDX-License-Identifier: Apache-2.0

package import Cryptography

/// Words drawn ahead from a stream, so that a sampler's inner loop calls nothing. Erased when the block ends.
///
/// The order of the stream is kept: held words come first. A sampler that tops up only to what it certainly needs uses
/// exactly the words that it would have drawn one by one.
package struct WordBlock: ~Copyable {
    /// The most words a block holds: 32 KiB.
    package static let largestCapacity = 4096

    @usableFromInline
    var storage: SecretBuffer<UInt64>
    @usableFromInline
    var position = 0
    @usableFromInline
    var end = 0

    /// An empty block.
    ///
    /// - Parameter capacity: how many words it can hold, at most `largestCapacity` of them.
    package init(capacity: Int) {
        storage = SecretBuffer(count: min(capacity, Self.largestCapacity))
    }

    /// How many words are held.
    package var count: Int { end - position }

    /// Lends the held words to `body`, which says how many of the first ones it used; those are forgotten.
    @inlinable
    package mutating func use(_ body: (Span<UInt64>) -> Int) {
        let used = storage.withSpan { body($0.extracting(position..<end)) }
        precondition(used >= 0 && used <= end - position, "more words used than held")
        position += used
    }

    /// Draws until `wanted` words are held, or the block is full; nothing where they are held already.
    ///
    /// Held words are moved to the front, so it is best called when few are left.
    package mutating func topUp<Words: RandomWords & ~Copyable>(to wanted: Int, from stream: inout Words) {
        let held = count
        let enough = min(wanted, storage.count)
        guard held < enough else { return }
        let start = position
        position = 0
        end = enough
        storage.withMutableSpan { words in
            for index in 0..<held {
                words[index] = words[start + index]
            }
            var fresh = words._mutatingExtracting(held..<enough)
            stream.fill(&fresh)
        }
    }

    /// The next word of the stream: a held one while there is one.
    package mutating func next<Words: RandomWords & ~Copyable>(from stream: inout Words) -> UInt64 {
        guard position < end else { return stream.next() }
        defer { position += 1 }
        return storage[position]
    }
}
