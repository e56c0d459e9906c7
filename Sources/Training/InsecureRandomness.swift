// SPDX-License-Identifier: Apache-2.0

package import Randomness

/// Coins and noise that everybody who knows the seed can draw again: the same draws and the same noise for every run of a
/// comparison, whatever it computes with and on however many workers. Nothing that is made with it is private.
package struct InsecureRandomness: Hashable, Sendable {
    package let seed: UInt64

    package init(seed: UInt64) {
        self.seed = seed
    }

    /// The stream of one purpose at one place, for example of a step or of a client and its round.
    package func stream(_ purpose: StreamPurpose, _ place: Int...) -> InsecureTestStream {
        var value = ExampleSeed.value(seed: seed, index: Int(purpose.rawValue))
        for index in place { value = ExampleSeed.value(seed: value, index: index) }
        return InsecureTestStream(seed: value)
    }
}
