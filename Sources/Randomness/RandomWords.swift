// SPDX-License-Identifier: Apache-2.0

/// A source of uniform, independent 64-bit words: the only thing that the samplers of this project draw from.
///
/// The room gives streams of three kinds, and which one a value is shows in its type:
/// * `SecretStream`: keyed by the operating system, never reproducible. Everything that privacy rests on.
/// * `PublicStream`: keyed by a seed that everybody may know. Initial weights, and nothing else.
/// * `InsecureTestStream`, `InsecureScriptedStream`: for tests.
///
/// No draw of this room makes a decision in floating point, except those that say so in their name and type
/// (`unitFloat`, `unitDouble`).
package protocol RandomWords: ~Copyable {
    /// The next word.
    mutating func next() -> UInt64

    /// Overwrites `words` with the next `words.count` words, the same ones that as many calls of `next` would give.
    mutating func fill(_ words: inout MutableSpan<UInt64>)
}

extension RandomWords where Self: ~Copyable {
    /// One word at a time.
    @inlinable
    package mutating func fill(_ words: inout MutableSpan<UInt64>) {
        for index in words.indices {
            words[index] = next()
        }
    }
}
