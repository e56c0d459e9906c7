// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// The greatest element of every window of every channel: PyTorch's `MaxPool2d` without padding.
///
/// A NaN in a window wins; the gradient goes to the first element that equals the maximum.
package struct MaxPooling: Operation {
    package let kind = "MaxPool2d"
    package let input: Shape
    package let output: Shape
    private let window: Window

    /// - Parameter input: [channels, height, width].
    package init(
        input: Shape,
        kernel: (height: Int, width: Int),
        stride: (y: Int, x: Int)
    ) throws(OperationError) {
        window = try Window.checked(input: input, kernel: kernel, stride: stride, padding: (0, 0))
        self.input = input
        output = Shape([window.channels, window.outputHeight, window.outputWidth])
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            tile.input.buffer.read(tile.input.range(example)) { image in
                tile.output.buffer.write(tile.output.range(example)) { window.maximum(of: image, into: &$0) }
            }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            tile.input.buffer.read(tile.input.range(example)) { image in
                tile.output.buffer.read(tile.output.range(example)) { output in
                    tile.outputGradient.buffer.read(tile.outputGradient.range(example)) { given in
                        tile.inputGradient.buffer.write(tile.inputGradient.range(example)) { result in
                            window.maximumBackward(image: image, output: output, outputGradient: given, into: &result)
                        }
                    }
                }
            }
        }
    }
}

extension Layer {
    /// Max pooling with a square window.
    package static func maxPooling(_ kernel: Int, stride: Int) -> Layer {
        Layer(kind: "MaxPool2d") { input throws(OperationError) in
            try MaxPooling(input: input, kernel: (kernel, kernel), stride: (stride, stride))
        }
    }
}
