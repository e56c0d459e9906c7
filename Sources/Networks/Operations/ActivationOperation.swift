// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// y = f(x), elementwise.
package struct ActivationOperation: Operation {
    package let function: Activation
    package let inputs: [Shape]
    package var output: Shape { input }

    package var kind: String {
        switch function {
        case .relu: "ReLU"
        case .tanh: "Tanh"
        case .sigmoid: "Sigmoid"
        case .gelu, .geluTanh: "GELU"
        case .silu: "SiLU"
        }
    }

    package var worksInPlace: Bool { true }
    package var backwardNeeds: Needs { function.needsInput ? .input : .output }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        tile.copyInput()
        tile.output.buffer.write(tile.output.range(0..<tile.examples)) { function.apply(&$0) }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        tile.copyGradient()
        let kept = function.needsInput ? tile.input : tile.output
        kept.buffer.read(kept.range(0..<tile.examples)) { kept in
            tile.inputGradient.buffer.write(tile.inputGradient.range(0..<tile.examples)) { gradient in
                function.applyBackward(kept: kept, gradient: &gradient)
            }
        }
    }
}

extension Layer {
    /// An elementwise function.
    package static func activation(_ function: Activation) -> Layer {
        let kind = ActivationOperation(function: function, inputs: []).kind
        return Layer(kind: kind) { input throws(OperationError) in
            ActivationOperation(function: function, inputs: [input])
        }
    }

    package static let relu = activation(.relu)
    package static let tanh = activation(.tanh)
    package static let sigmoid = activation(.sigmoid)
    /// x Φ(x), by the error function.
    package static let gelu = activation(.gelu)
    /// GELU by the hyperbolic tangent, PyTorch's `approximate="tanh"`.
    package static let geluTanh = activation(.geluTanh)
    package static let silu = activation(.silu)
}
