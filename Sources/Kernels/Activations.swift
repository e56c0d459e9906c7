// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// A function of one element at a time between two layers, computed in place.
///
/// Accuracy is relative to the true value wherever that is a normal number, also where it falls to zero. A NaN stays a
/// NaN; an infinity gives the function's limit (PyTorch gives NaN for `gelu` and `silu` of -infinity, ours give -0).
package enum Activation: String, Hashable, Sendable, CaseIterable {
    /// max(x, 0).
    case relu
    /// tanh(x), within 2 ulp.
    case tanh
    /// 1 / (1 + e^-x), within 4 ulp; 0 below -87.
    case sigmoid
    /// x Φ(x), Φ the standard normal distribution function, within 6 ulp; -0 below -13.19.
    case gelu
    /// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, within 6 ulp; -0 below -9.98.
    case geluTanh
    /// x / (1 + e^-x), within 6 ulp; -0 below -87.
    case silu

    /// Whether the derivative is a function of the input (true) or of the output (false): what to keep for
    /// `applyBackward(kept:gradient:)`.
    package var needsInput: Bool {
        switch self {
        case .relu, .tanh, .sigmoid: false
        case .gelu, .geluTanh, .silu: true
        }
    }

    /// x = f(x).
    package func apply(_ x: inout MutableSpan<Float>) {
        unsafe x.withUnsafeMutableBufferPointer { x in
            switch self {
            case .relu: unsafe sotto_relu(x.baseAddress, x.count)
            case .tanh: unsafe sotto_tanh(x.baseAddress, x.count)
            case .sigmoid: unsafe sotto_sigmoid(x.baseAddress, x.count)
            case .gelu: unsafe sotto_gelu(x.baseAddress, x.count)
            case .geluTanh: unsafe sotto_gelu_tanh(x.baseAddress, x.count)
            case .silu: unsafe sotto_silu(x.baseAddress, x.count)
            }
        }
    }

    /// gradient = gradient f'(x); ReLU's is 0 at 0, and there sets even a NaN gradient to 0.
    ///
    /// - Parameter kept: the inputs x where `needsInput`, else the outputs f(x).
    package func applyBackward(kept: Span<Float>, gradient: inout MutableSpan<Float>) {
        precondition(kept.count == gradient.count, "sizes differ")
        unsafe kept.withUnsafeBufferPointer { kept in
            unsafe gradient.withUnsafeMutableBufferPointer { gradient in
                switch self {
                case .relu: unsafe sotto_relu_backward(kept.baseAddress, gradient.baseAddress, kept.count)
                case .tanh: unsafe sotto_tanh_backward(kept.baseAddress, gradient.baseAddress, kept.count)
                case .sigmoid: unsafe sotto_sigmoid_backward(kept.baseAddress, gradient.baseAddress, kept.count)
                case .gelu: unsafe sotto_gelu_backward(kept.baseAddress, gradient.baseAddress, kept.count)
                case .geluTanh: unsafe sotto_gelu_tanh_backward(kept.baseAddress, gradient.baseAddress, kept.count)
                case .silu: unsafe sotto_silu_backward(kept.baseAddress, gradient.baseAddress, kept.count)
                }
            }
        }
    }
}
