// SPDX-License-Identifier: Apache-2.0

package import Accounting
package import Randomness

/// Poisson sampling: every example joins a step by its own secret coin, so that a draw's size is random and may be
/// zero.
///
/// A coin compares 64 secret bits with a threshold `t = floor(q * 2^64)`: the probability is exactly `t / 2^64 <= q`,
/// and ``rate``, which the accountant charges for, is that very number (t has at most 53 significant bits, so it is a
/// `Double` without rounding). The sampler itself wraps the accounting event: what was drawn otherwise cannot be
/// accounted as Poisson. A draw is as private as the data: it must not be logged, and its size must not be sent.
package struct PoissonSampler: Hashable, Sendable {
    /// The probability with which an example is really drawn.
    package let rate: Double
    private let coin: BernoulliRate

    /// - Parameter rate: the sampling rate q asked for, `2^-64 <= q <= 1`.
    /// - Throws: ``DatasetError/rateOutOfRange(_:)``, for a NaN as well.
    package init(rate: Double) throws(DatasetError) {
        guard rate >= 0x1p-64, rate <= 1 else { throw .rateOutOfRange(rate) }
        coin = BernoulliRate(rate)
        self.rate = rate == 1 ? 1 : Double(coin.threshold) * 0x1p-64
    }

    /// Flips one coin an example.
    ///
    /// - Parameters:
    ///   - count: the examples to draw from.
    ///   - stream: 64 bits are taken from it for every example, whatever the rate and the outcome.
    /// - Returns: the positions drawn, in increasing order; empty is an outcome like any other.
    package func draw(count: Int, from stream: inout some RandomWords & ~Copyable) -> [Int] {
        var drawn: [Int] = []
        draw(count: count, from: &stream, into: &drawn)
        return drawn
    }

    /// The same into an array that keeps its memory.
    package func draw(count: Int, from stream: inout some RandomWords & ~Copyable, into drawn: inout [Int]) {
        drawn.removeAll(keepingCapacity: true)
        var block = InlineArray<256, UInt64>(repeating: 0)
        var first = 0
        while first < count {
            let coins = min(block.count, count - first)
            var all = block.mutableSpan
            var words = all._mutatingExtracting(0..<coins)
            stream.fill(&words)
            for index in 0..<coins where words[index] < coin.threshold || rate == 1 {
                drawn.append(first + index)
            }
            first += coins
        }
    }

    /// The accounting event of one step that draws its examples with this sampler and then releases `mechanism` once.
    package func event(for mechanism: PrivacyEvent) -> PrivacyEvent {
        .poissonSampled(rate: rate, event: mechanism)
    }
}
