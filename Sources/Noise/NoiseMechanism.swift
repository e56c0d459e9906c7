// SPDX-License-Identifier: Apache-2.0

package import Randomness

/// Integer noise that is drawn independently for every coordinate.
///
/// The room promises that a sampler's law is the one its name says, with the distance that its proof states, and that
/// no floating-point rounding ever decides a sample. It does not promise constant time: which of the rare exact
/// decisions are taken, and which lines of a table are read, depends on the sample. The number of trials does not: in
/// rejection sampling it is independent of the accepted value. So a caller draws all noise of a step at once, before it
/// touches data, and releases at a planned time.
package protocol NoiseMechanism: Sendable {
    /// The mechanism's name and parameters, for a report.
    var name: String { get }

    /// The parameter σ, in grid units.
    var standardDeviation: Double { get }

    /// The variance of the law, in squared grid units; at most σ².
    var variance: Double { get }

    /// Overwrites every element of `out` with an independent sample.
    ///
    /// - Parameter words: room to draw ahead, empty before and after; its length is a matter of speed alone.
    func fill<Words: RandomWords & ~Copyable>(
        _ out: inout MutableSpan<Int64>,
        from stream: inout Words,
        by words: inout WordBlock
    )
}

extension NoiseMechanism {
    /// Overwrites every element of `out` with an independent sample.
    package func fill<Words: RandomWords & ~Copyable>(_ out: inout MutableSpan<Int64>, from stream: inout Words) {
        var words = WordBlock(capacity: 2 * out.count)
        fill(&out, from: &stream, by: &words)
    }
}
