// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// Two-dimensional cross-correlation with bias: PyTorch's `Conv2d`, weight [out, in, kernel height, kernel width].
///
/// One example at a time: patches (one row a position), then one product. Every example's products have the same shape
/// and alignment, so their bits do not depend on the row.
package struct Convolution: Operation {
    package let kind = "Conv2d"
    package let input: Shape
    package let output: Shape
    private let window: Window
    private let channels: Int

    /// - Parameters:
    ///   - input: [channels, height, width].
    ///   - outputs: channels after, at least 1.
    package init(
        input: Shape,
        outputs: Int,
        kernel: (height: Int, width: Int),
        stride: (y: Int, x: Int),
        padding: (y: Int, x: Int)
    ) throws(OperationError) {
        guard outputs >= 1 else {
            throw OperationError(reason: "\(outputs) output channels; there must be at least one")
        }
        window = try Window.checked(input: input, kernel: kernel, stride: stride, padding: padding)
        channels = outputs
        self.input = input
        let (patches, tooMany) = window.patchCount.multipliedReportingOverflow(by: max(window.positions, outputs))
        guard !tooMany, patches <= Int32.max, outputs <= Int(Int32.max) / window.positions else {
            throw OperationError(reason: "its weight, patches or output have 2^31 elements or more")
        }
        output = Shape([outputs, window.outputHeight, window.outputWidth])
    }

    package var parameters: [OperationParameter] {
        let kernel = [window.kernelHeight, window.kernelWidth]
        return [
            OperationParameter(
                role: "weight",
                shape: Shape([channels, window.channels] + kernel),
                fanIn: window.patchCount
            ),
            OperationParameter(role: "bias", shape: Shape([channels]), fanIn: window.patchCount),
        ]
    }

    package var scratchCount: Int { window.positions * window.patchCount }

    private var weightCount: Int { channels * window.patchCount }
    private var weightLayout: MatrixLayout { MatrixLayout(rows: channels, columns: window.patchCount) }
    private var outputLayout: MatrixLayout { MatrixLayout(rows: channels, columns: window.positions) }
    private var patchLayout: MatrixLayout { MatrixLayout(rows: window.positions, columns: window.patchCount) }

    private func weight(_ tile: Tile) -> Range<Int> {
        tile.parameterOffset..<tile.parameterOffset + weightCount
    }

    private func bias(_ tile: Tile) -> Range<Int> {
        tile.parameterOffset + weightCount..<tile.parameterOffset + weightCount + channels
    }

    /// The patches of one example's input, in the scratch.
    private func makePatches(_ example: Int, _ tile: Tile) {
        tile.input.buffer.read(tile.input.range(example)) { image in
            tile.scratch.write(0..<scratchCount) { window.patches(of: image, into: &$0) }
        }
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            makePatches(example, tile)
            tile.output.buffer.write(tile.output.range(example)) { y in
                tile.scratch.read(0..<scratchCount) { patches in
                    parameters.read(weight(tile)) { weight in
                        MatrixProduct.multiply(weight, weightLayout, patches, patchLayout.transposed, into: &y)
                    }
                }
                parameters.read(bias(tile)) { bias in
                    Elementwise.addRowBias(bias, to: &y, rows: channels, columns: window.positions)
                }
            }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            tile.outputGradient.buffer.read(tile.outputGradient.range(example)) { given in
                tile.scratch.write(0..<scratchCount) { patches in
                    parameters.read(weight(tile)) { weight in
                        MatrixProduct.multiply(given, outputLayout.transposed, weight, weightLayout, into: &patches)
                    }
                }
            }
            tile.scratch.read(0..<scratchCount) { patches in
                tile.inputGradient.buffer.write(tile.inputGradient.range(example)) { image in
                    window.image(ofPatches: patches, into: &image)
                }
            }
        }
    }

    package func gradient(example: Int, _ tile: Tile, into gradient: Buffer<Float>) {
        makePatches(example, tile)
        tile.outputGradient.buffer.read(tile.outputGradient.range(example)) { given in
            tile.scratch.read(0..<scratchCount) { patches in
                gradient.write(weight(tile)) { weight in
                    MatrixProduct.multiply(given, outputLayout, patches, patchLayout, into: &weight)
                }
            }
            gradient.write(bias(tile)) { bias in
                Reductions.rowSums(given, rows: channels, columns: window.positions, into: &bias)
            }
        }
    }
}

extension Layer {
    /// A convolution with a square kernel and the same stride and padding both ways.
    package static func convolution(_ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0) -> Layer {
        convolution(outputs, kernel: (kernel, kernel), stride: (stride, stride), padding: (padding, padding))
    }

    /// A convolution; all pairs are height first.
    package static func convolution(
        _ outputs: Int,
        kernel: (height: Int, width: Int),
        stride: (y: Int, x: Int),
        padding: (y: Int, x: Int)
    ) -> Layer {
        Layer(kind: "Conv2d") { input throws(OperationError) in
            try Convolution(input: input, outputs: outputs, kernel: kernel, stride: stride, padding: padding)
        }
    }
}

extension Window {
    /// A window over `input`, or why there is none.
    static func checked(
        input: Shape,
        kernel: (height: Int, width: Int),
        stride: (y: Int, x: Int),
        padding: (y: Int, x: Int)
    ) throws(OperationError) -> Window {
        guard input.dimensions.count == 3 else {
            throw OperationError(reason: "it needs [channels, height, width]")
        }
        let (height, width) = (input.dimensions[1], input.dimensions[2])
        let limit = 1 << 15
        guard (1...limit).contains(kernel.height), (1...limit).contains(kernel.width), (1...limit).contains(stride.y),
            (1...limit).contains(stride.x), (0...limit).contains(padding.y), (0...limit).contains(padding.x)
        else {
            throw OperationError(reason: "kernel and stride must be in 1...\(limit) and padding in 0...\(limit)")
        }
        guard kernel.height <= height + 2 * padding.y, kernel.width <= width + 2 * padding.x else {
            let least = "[\(max(kernel.height - 2 * padding.y, 1)), \(max(kernel.width - 2 * padding.x, 1))]"
            throw OperationError(
                reason: "its \(kernel.height) x \(kernel.width) window needs an image of at least \(least)"
            )
        }
        return Window(
            channels: input.dimensions[0],
            height: height,
            width: width,
            kernel: kernel,
            stride: stride,
            padding: padding
        )
    }
}
