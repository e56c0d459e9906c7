// SPDX-License-Identifier: Apache-2.0

/// What a stream is for. Streams of different purposes are different streams, also under one key.
package enum StreamPurpose: UInt32, Hashable, Sendable, CaseIterable {
    /// Which examples a step takes.
    case draw = 1
    /// The noise of a mechanism.
    case noise = 2
    /// Masks of secure aggregation.
    case mask = 3
    /// The dither of randomised rounding.
    case rounding = 4
    /// Initial weights.
    case initialisation = 5
    /// Names of things: tasks, rounds, nonces of requests.
    case identifier = 6
    /// Tests.
    case test = 7
}

extension StreamPurpose {
    /// The initial counter block of a keystream: purpose and worker as big-endian 32-bit numbers, then a 64-bit count of
    /// cipher blocks that starts at zero and is never used up (2^64 blocks are 2^68 bytes).
    func counterBlock(worker: Int) -> [UInt8] {
        guard let worker = UInt32(exactly: worker) else {
            preconditionFailure("a worker's index is not negative and fits 32 bits")
        }
        let words = [rawValue, worker, 0, 0]
        return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) } }
    }
}
