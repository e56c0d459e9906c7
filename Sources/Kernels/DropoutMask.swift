// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Sets elements to zero at random and scales the others so that the mean stays: inverted dropout.
///
/// Which elements is a public function of a seed, a stream and the element's index alone (SplitMix64, started at a hash of
/// seed and stream). It is no source of secret randomness, and the privacy of training does not rest on it.
package struct DropoutMask: Hashable, Sendable {
    private let threshold: UInt32
    private let scale: Float

    /// - Parameter rate: the probability of zero, in 0..<1; taken to the nearest multiple of 2^-32 below 1.
    package init(rate: Double) {
        precondition(rate >= 0 && rate < 1, "a rate of dropout is in 0..<1")
        threshold = UInt32(min((rate * 0x1p32).rounded(), 0x1p32 - 1))
        scale = Float(1 / (1 - Double(threshold) * 0x1p-32))
    }

    /// x[i] = 0 or x[i] / (1 - rate); a dropped NaN is 0 too.
    package func apply(_ x: inout MutableSpan<Float>, seed: UInt64, stream: UInt64) {
        unsafe x.withUnsafeMutableBufferPointer { x in
            unsafe sotto_dropout(x.baseAddress, x.count, seed, stream, threshold, scale)
        }
    }
}
