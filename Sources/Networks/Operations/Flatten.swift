// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// The same numbers in one dimension: PyTorch's `Flatten`.
package struct Flatten: Operation {
    package let kind = "Flatten"
    package let input: Shape
    package var output: Shape { Shape([input.count]) }
    package var isView: Bool { true }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {}
    package func backward(_ tile: Tile, parameters: Buffer<Float>) {}
}

extension Layer {
    /// Flatten.
    package static let flatten = Layer(kind: "Flatten") { input throws(OperationError) in Flatten(input: input) }
}
