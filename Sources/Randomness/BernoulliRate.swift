// SPDX-License-Identifier: Apache-2.0

/// A coin for many throws: true with probability ⌊q · 2^64⌋ / 2^64, which is at most the rate q it was made for and
/// within 2⁻⁶⁴ of it, so that an accountant that uses q never claims too little. A rate of 1 is exactly 1.
package struct BernoulliRate: Hashable, Sendable {
    /// The rate q the coin was made for.
    package let rate: Double

    /// A word below this is true; 2^64 − 1 is reached by no rate below 1.
    package let threshold: UInt64

    /// Whether the rate is 1, where every word is true.
    @usableFromInline
    let isCertain: Bool

    /// - Parameter rate: the probability, in 0 ... 1; the caller has checked it.
    package init(_ rate: Double) {
        precondition(rate >= 0 && rate <= 1, "a rate lies in 0 ... 1")
        self.rate = rate
        isCertain = rate == 1
        // A power of two as factor is exact, and the conversion truncates: this is the floor.
        threshold = isCertain ? .max : UInt64(rate * 0x1p64)
    }

    /// One throw, one word.
    @inlinable
    package func draw<Words: RandomWords & ~Copyable>(from stream: inout Words) -> Bool {
        let word = stream.next()
        return word < threshold || isCertain
    }
}
