// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// y = max(x, 0), elementwise.
package struct ReLU: Operation {
    package let kind = "ReLU"
    package let input: Shape
    package var output: Shape { input }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        tile.input.buffer.read(tile.input.rows(tile.examples)) { x in
            tile.output.buffer.write(tile.output.rows(tile.examples)) { Elementwise.relu(x, into: &$0) }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        let rows = tile.output.rows(tile.examples)
        tile.output.buffer.read(rows) { output in
            tile.outputGradient.buffer.read(rows) { given in
                tile.inputGradient.buffer.write(rows) { result in
                    Elementwise.reluBackward(output: output, outputGradient: given, into: &result)
                }
            }
        }
    }
}

extension Layer {
    /// ReLU.
    package static let relu = Layer(kind: "ReLU") { input throws(OperationError) in ReLU(input: input) }
}
