// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Gradient descent with momentum on a piece of the parameters: v = m v + g, p = p - rate v; the same bits at every
/// processor level.
package struct Descent: Hashable, Sendable {
    /// m.
    package let momentum: Float
    package let rate: Float

    package init(momentum: Float, rate: Float) {
        self.momentum = momentum
        self.rate = rate
    }

    /// g[i] = Float(Double(sum[i]) * scale).
    ///
    /// - Parameter velocity: as many as parameters, or none where there is no momentum.
    package func step(
        _ parameters: inout MutableSpan<Float>,
        velocity: inout MutableSpan<Float>,
        sum: Span<Int64>,
        scale: Double
    ) {
        let count = sum.count
        precondition(
            parameters.count == count && (velocity.count == count || velocity.isEmpty),
            "one value a parameter"
        )
        let hasVelocity = !velocity.isEmpty
        unsafe parameters.withUnsafeMutableBufferPointer { parameters in
            unsafe velocity.withUnsafeMutableBufferPointer { velocity in
                unsafe sum.withUnsafeBufferPointer { sum in
                    let start = hasVelocity ? velocity.baseAddress : nil
                    unsafe sotto_descend_integers(
                        parameters.baseAddress,
                        start,
                        sum.baseAddress,
                        count,
                        scale,
                        momentum,
                        rate
                    )
                }
            }
        }
    }

    /// g[i] = sum[i] * scale.
    ///
    /// - Parameter velocity: as many as parameters, or none where there is no momentum.
    package func step(
        _ parameters: inout MutableSpan<Float>,
        velocity: inout MutableSpan<Float>,
        plainSum sum: Span<Float>,
        scale: Float
    ) {
        let count = sum.count
        precondition(
            parameters.count == count && (velocity.count == count || velocity.isEmpty),
            "one value a parameter"
        )
        let hasVelocity = !velocity.isEmpty
        unsafe parameters.withUnsafeMutableBufferPointer { parameters in
            unsafe velocity.withUnsafeMutableBufferPointer { velocity in
                unsafe sum.withUnsafeBufferPointer { sum in
                    let start = hasVelocity ? velocity.baseAddress : nil
                    unsafe sotto_descend_floats(
                        parameters.baseAddress,
                        start,
                        sum.baseAddress,
                        count,
                        scale,
                        momentum,
                        rate
                    )
                }
            }
        }
    }
}
