// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// The same image with its memory turned from [channels][height · width] to [height · width][channels], or back.
///
/// Networks insert it where an operation wants images the other way; it has no name and no index of its own.
struct Reordering: Operation {
    let kind = "Reordering"
    let inputs: [Shape]
    let output: Shape

    init(_ shape: Shape) {
        inputs = [shape]
        output = Shape(shape.dimensions, isChannelsLast: !shape.isChannelsLast)
    }

    private var channels: Int { input.dimensions[0] }
    private var pixels: Int { input.count / channels }

    /// With one channel or one pixel both orders are the same.
    var isView: Bool { channels == 1 || pixels == 1 }

    func forward(_ tile: Tile, parameters: Buffer<Float>) {
        turn(tile.input, into: tile.output, rows: input.isChannelsLast ? pixels : channels, tile.examples)
    }

    func backward(_ tile: Tile, parameters: Buffer<Float>) {
        turn(tile.given, into: tile.inputGradient, rows: input.isChannelsLast ? channels : pixels, tile.examples)
    }

    private func turn(_ source: TileValue, into target: TileValue, rows: Int, _ examples: Int) {
        for example in 0..<examples {
            source.buffer.read(source.range(example)) { from in
                target.buffer.write(target.range(example)) { to in
                    Elementwise.transpose(from, rows: rows, columns: from.count / rows, into: &to)
                }
            }
        }
    }
}

/// The same numbers in one dimension: PyTorch's `Flatten`.
package struct Flatten: Operation {
    package let kind = "Flatten"
    package let inputs: [Shape]
    package var output: Shape { Shape([input.count]) }
    package var isView: Bool { true }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {}
    package func backward(_ tile: Tile, parameters: Buffer<Float>) {}
}

extension Layer {
    /// Flatten, in PyTorch's order.
    package static let flatten = Layer(kind: "Flatten", order: .rowMajor) { input throws(OperationError) in
        Flatten(inputs: [input])
    }
}
