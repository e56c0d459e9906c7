// SPDX-License-Identifier: Apache-2.0

/// SplitMix64 (Steele, Lea, Flood 2014): fast, reproducible, and predictable by anyone who saw one word. For tests only.
package struct InsecureTestStream: RandomWords {
    @usableFromInline
    var state: UInt64

    /// How many words were drawn.
    @usableFromInline
    package var drawn = 0

    package init(seed: UInt64) {
        state = seed
    }

    @inlinable
    package mutating func next() -> UInt64 {
        drawn += 1
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

/// Words that a test wrote down. Drawing more than there are ends the test run.
package struct InsecureScriptedStream: RandomWords {
    private let words: [UInt64]

    /// How many words were drawn.
    package private(set) var drawn = 0

    package init(_ words: [UInt64]) {
        self.words = words
    }

    package mutating func next() -> UInt64 {
        precondition(drawn < words.count, "the script has no more words")
        defer { drawn += 1 }
        return words[drawn]
    }
}
