// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// The mean of every window of every channel: PyTorch's `AvgPool2d`.
package struct AveragePooling: Operation {
    package let kind = "AvgPool2d"
    package let inputs: [Shape]
    package let output: Shape
    private let window: Window
    private let countsPadding: Bool

    init(input: Shape, window: Window, countsPadding: Bool) throws(OperationError) {
        guard 2 * window.paddingY <= window.kernelHeight, 2 * window.paddingX <= window.kernelWidth else {
            throw OperationError(reason: "its padding must be at most half of the kernel")
        }
        self.window = window
        self.countsPadding = countsPadding
        inputs = [input]
        output = Shape([window.channels, window.outputHeight, window.outputWidth], isChannelsLast: true)
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            tile.input.buffer.read(tile.input.range(example)) { image in
                tile.output.buffer.write(tile.output.range(example)) {
                    window.average(of: image, countsPadding: countsPadding, into: &$0)
                }
            }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            tile.given.buffer.read(tile.given.range(example)) { given in
                tile.inputGradient.buffer.write(tile.inputGradient.range(example)) {
                    window.averageBackward(outputGradient: given, countsPadding: countsPadding, into: &$0)
                }
            }
        }
    }
}

/// The mean over a grid of bins that covers the image: PyTorch's `AdaptiveAvgPool2d`.
package struct AdaptiveAveragePooling: Operation {
    package let kind = "AdaptiveAvgPool2d"
    package let inputs: [Shape]
    package let output: Shape
    private let bins: AdaptiveWindow

    /// - Parameters:
    ///   - input: [channels, height, width], channels-last.
    ///   - height, width: of the output, at least 1.
    init(input: Shape, height: Int, width: Int) throws(OperationError) {
        guard input.dimensions.count == 3 else { throw OperationError(reason: "it needs [channels, height, width]") }
        let channels = input.dimensions[0]
        guard Shape.isPossible([channels, height, width]) else {
            throw OperationError(reason: "an output of \(height) x \(width); both must be at least 1")
        }
        inputs = [input]
        output = Shape([channels, height, width], isChannelsLast: true)
        bins = AdaptiveWindow(
            channels: channels,
            height: input.dimensions[1],
            width: input.dimensions[2],
            outputHeight: height,
            outputWidth: width
        )
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            tile.input.buffer.read(tile.input.range(example)) { image in
                tile.output.buffer.write(tile.output.range(example)) { bins.average(of: image, into: &$0) }
            }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            tile.given.buffer.read(tile.given.range(example)) { given in
                tile.inputGradient.buffer.write(tile.inputGradient.range(example)) {
                    bins.averageBackward(outputGradient: given, into: &$0)
                }
            }
        }
    }
}

extension Layer {
    /// Average pooling with a square window.
    package static func averagePooling(
        _ kernel: Int,
        stride: Int,
        padding: Int = 0,
        countsPadding: Bool = true
    ) -> Layer {
        averagePooling(
            (kernel, kernel),
            stride: (stride, stride),
            padding: (padding, padding),
            countsPadding: countsPadding
        )
    }

    /// Average pooling; all pairs are height first.
    ///
    /// - Parameter countsPadding: whether a window at the border divides by all its places, PyTorch's
    ///   `count_include_pad`.
    package static func averagePooling(
        _ kernel: (height: Int, width: Int),
        stride: (y: Int, x: Int),
        padding: (y: Int, x: Int) = (0, 0),
        countsPadding: Bool = true
    ) -> Layer {
        Layer(kind: "AvgPool2d", order: .channelsLast) { input throws(OperationError) in
            let window = try Window.checked(input: input, kernel: kernel, stride: stride, padding: padding)
            return try AveragePooling(input: input, window: window, countsPadding: countsPadding)
        }
    }

    /// Average pooling to an image of this size.
    package static func adaptiveAveragePooling(height: Int, width: Int) -> Layer {
        Layer(kind: "AdaptiveAvgPool2d", order: .channelsLast) { input throws(OperationError) in
            try AdaptiveAveragePooling(input: input, height: height, width: width)
        }
    }
}
