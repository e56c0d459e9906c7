// SPDX-License-Identifier: Apache-2.0

/// How an update's payload is written.
package enum UpdateCodec: UInt32, CaseIterable, Sendable {
    /// Every coordinate in the ring's bits, one after another (``BitPacking``).
    case packed = 0
    /// Zigzag, byte planes, one zstd frame (``BytePlanes``).
    case zstd = 1
}
