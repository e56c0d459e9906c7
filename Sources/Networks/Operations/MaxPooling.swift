// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// The greatest element of every window of every channel: PyTorch's `MaxPool2d`.
///
/// A NaN in a window wins; the gradient goes to the first element, row by row, that is the maximum.
package struct MaxPooling: Operation {
    package let kind = "MaxPool2d"
    package let inputs: [Shape]
    package let output: Shape
    private let window: Window

    init(input: Shape, window: Window) throws(OperationError) {
        guard 2 * window.paddingY <= window.kernelHeight, 2 * window.paddingX <= window.kernelWidth else {
            throw OperationError(reason: "its padding must be at most half of the kernel")
        }
        guard window.seesImageEverywhere else {
            throw OperationError(reason: "every place of its window must see the image; take less padding or dilation")
        }
        self.window = window
        inputs = [input]
        output = Shape([window.channels, window.outputHeight, window.outputWidth], isChannelsLast: true)
    }

    /// Where each maximum was.
    package var stateCount: Int { output.count }
    package var packsState: Bool { window.packsPlaces }
    package var backwardNeeds: Needs { .state }

    package func packState(_ state: Span<Float>, into bits: inout MutableSpan<UInt16>) {
        window.packPlaces(state, into: &bits)
    }

    package func unpackState(_ bits: Span<UInt16>, into state: inout MutableSpan<Float>) {
        window.unpackPlaces(bits, into: &state)
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            tile.input.buffer.read(tile.input.range(example)) { image in
                tile.output.buffer.write(tile.output.range(example)) { maximum in
                    tile.state.buffer.write(tile.state.range(example)) { argument in
                        window.maximum(of: image, into: &maximum, argument: &argument)
                    }
                }
            }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            tile.state.buffer.read(tile.state.range(example)) { argument in
                tile.given.buffer.read(tile.given.range(example)) { given in
                    tile.inputGradient.buffer.write(tile.inputGradient.range(example)) { result in
                        window.maximumBackward(argument: argument, outputGradient: given, into: &result)
                    }
                }
            }
        }
    }
}

extension Layer {
    /// Max pooling with a square window.
    package static func maxPooling(_ kernel: Int, stride: Int, padding: Int = 0, dilation: Int = 1) -> Layer {
        maxPooling(
            (kernel, kernel),
            stride: (stride, stride),
            padding: (padding, padding),
            dilation: (dilation, dilation)
        )
    }

    /// Max pooling; all pairs are height first.
    package static func maxPooling(
        _ kernel: (height: Int, width: Int),
        stride: (y: Int, x: Int),
        padding: (y: Int, x: Int) = (0, 0),
        dilation: (y: Int, x: Int) = (1, 1)
    ) -> Layer {
        Layer(kind: "MaxPool2d", order: .channelsLast) { input throws(OperationError) in
            let window = try Window.checked(
                input: input,
                kernel: kernel,
                stride: stride,
                padding: padding,
                dilation: dilation
            )
            return try MaxPooling(input: input, window: window)
        }
    }
}
