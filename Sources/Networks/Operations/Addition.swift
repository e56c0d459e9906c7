// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// y = a + b: where a residual layer's branches meet.
package struct Addition: Operation {
    package let kind = "Addition"
    package let inputs: [Shape]
    package var output: Shape { input }

    init(_ shape: Shape) {
        inputs = [shape, shape]
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        tile.copy(tile.inputs[0], to: tile.output)
        let other = tile.inputs[1]
        other.buffer.read(other.range(0..<tile.examples)) { other in
            tile.output.buffer.write(tile.output.range(0..<tile.examples)) { Elementwise.add(other, to: &$0) }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        for gradient in tile.inputGradients {
            if let gradient { tile.copy(tile.given, to: gradient) }
        }
    }
}
