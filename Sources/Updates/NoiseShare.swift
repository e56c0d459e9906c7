// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
package import Noise
package import Randomness

/// One client's noise for one round, drawn before the data is touched, so that neither its time nor its failure depends
/// on data. It can be added once and is erased when it ends.
package struct NoiseShare: ~Copyable, Sendable {
    /// In grid units.
    package let standardDeviation: Double
    /// Whether it came from a ``SecretStream``.
    package let isSecure: Bool
    private let values: SecretBuffer<Int64>

    /// The number of coordinates.
    package var count: Int { values.count }

    /// Draws `count` independent values from a secret stream.
    package static func draw(
        count: Int,
        mechanism: some NoiseMechanism,
        stream: inout SecretStream
    ) -> NoiseShare {
        NoiseShare(count: count, mechanism: mechanism, isSecure: true, stream: &stream)
    }

    /// Draws `count` independent values from any stream. What is not a ``SecretStream`` is not secure, and the update
    /// that it is added to says so.
    package static func draw(
        count: Int,
        mechanism: some NoiseMechanism,
        stream: inout some RandomWords & ~Copyable
    ) -> NoiseShare {
        NoiseShare(count: count, mechanism: mechanism, isSecure: false, stream: &stream)
    }

    /// No noise at all, for tests of everything else: the result is not private.
    package static func insecureZero(count: Int) -> NoiseShare {
        NoiseShare(standardDeviation: 0, isSecure: false, values: SecretBuffer(count: count))
    }

    private init(standardDeviation: Double, isSecure: Bool, values: consuming SecretBuffer<Int64>) {
        self.standardDeviation = standardDeviation
        self.isSecure = isSecure
        self.values = values
    }

    private init(
        count: Int,
        mechanism: some NoiseMechanism,
        isSecure: Bool,
        stream: inout some RandomWords & ~Copyable
    ) {
        var values = SecretBuffer<Int64>(count: count)
        values.withMutableSpan { mechanism.fill(&$0, from: &stream) }
        self.init(standardDeviation: mechanism.standardDeviation, isSecure: isSecure, values: values)
    }

    /// Adds the share to as many values, modulo 2^64.
    borrowing func add(to sum: inout MutableSpan<Int64>) {
        values.withSpan { noise in
            for index in sum.indices {
                sum[index] &+= noise[index]
            }
        }
    }
}
