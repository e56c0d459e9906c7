// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// y = tanh(x), elementwise.
package struct Tanh: Operation {
    package let kind = "Tanh"
    package let input: Shape
    package var output: Shape { input }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        tile.input.buffer.read(tile.input.rows(tile.examples)) { x in
            tile.output.buffer.write(tile.output.rows(tile.examples)) { Elementwise.tanh(x, into: &$0) }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        let rows = tile.output.rows(tile.examples)
        tile.output.buffer.read(rows) { output in
            tile.outputGradient.buffer.read(rows) { given in
                tile.inputGradient.buffer.write(rows) { result in
                    Elementwise.tanhBackward(output: output, outputGradient: given, into: &result)
                }
            }
        }
    }
}

extension Layer {
    /// Tanh.
    package static let tanh = Layer(kind: "Tanh") { input throws(OperationError) in Tanh(input: input) }
}
