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
        precondition(sum.count == parameters.count, "one value a parameter")
        unsafe sum.withUnsafeBufferPointer { sum in
            unsafe withPointers(&parameters, &velocity) { parameters, velocity in
                unsafe sotto_descend_integers(parameters, velocity, sum.baseAddress, sum.count, scale, momentum, rate)
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
        precondition(sum.count == parameters.count, "one value a parameter")
        unsafe sum.withUnsafeBufferPointer { sum in
            unsafe withPointers(&parameters, &velocity) { parameters, velocity in
                unsafe sotto_descend_floats(parameters, velocity, sum.baseAddress, sum.count, scale, momentum, rate)
            }
        }
    }

    /// Lends both for writing; nil for a velocity that has no elements.
    private func withPointers(
        _ parameters: inout MutableSpan<Float>,
        _ velocity: inout MutableSpan<Float>,
        _ body: (UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?) -> Void
    ) {
        precondition(velocity.isEmpty || velocity.count == parameters.count, "one value a parameter, or none")
        let hasVelocity = !velocity.isEmpty
        unsafe parameters.withUnsafeMutableBufferPointer { parameters in
            unsafe velocity.withUnsafeMutableBufferPointer { velocity in
                unsafe body(parameters.baseAddress, hasVelocity ? velocity.baseAddress : nil)
            }
        }
    }
}
