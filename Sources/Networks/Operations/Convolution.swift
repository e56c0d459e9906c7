// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// A convolution in two dimensions: PyTorch's `Conv2d`, weight [out, in / groups, kernel height, kernel width].
package struct Convolution: Operation {
    package let kind = "Conv2d"
    package let inputs: [Shape]
    package let parameters: [OperationParameter]
    private let convolution: ConvolutionProducts

    /// - Parameters:
    ///   - input: [channels, height, width], channels-last.
    ///   - outputs: output channels, a multiple of the window's groups.
    ///   - window: over `input`.
    package init(input: Shape, outputs: Int, window: Window, hasBias: Bool = true) throws(OperationError) {
        convolution = try ConvolutionProducts(outputs: outputs, window: window)
        inputs = [input]
        parameters = convolution.parameters(hasBias: hasBias)
    }

    package var output: Shape { convolution.output }
    private var hasBias: Bool { parameters.count == 2 }

    package var gradientNeeds: Needs { .input }

    package var goesBackSingly: Bool { true }

    package func scratchCount(capacity: Int, arithmetic: ProductArithmetic) -> Int {
        convolution.scratchCount(capacity: capacity, arithmetic: arithmetic)
    }

    private func weight(_ tile: Tile, _ parameters: Buffer<Float>) -> ConvolutionWeight {
        ConvolutionWeight(buffer: parameters, offset: tile.parameterOffset)
    }

    private func biasOffset(_ tile: Tile) -> Int { tile.parameterOffset + convolution.weightCount }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        convolution.forward(tile, weight: weight(tile, parameters))
        if hasBias { convolution.addBias(tile, parameters: parameters, at: biasOffset(tile)) }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        convolution.backward(tile, weight: weight(tile, parameters))
    }

    package var products: [WeightProduct] { [convolution.product] }

    package func operandExamples(_ product: Int, capacity: Int) -> Int {
        convolution.blockExamples(capacity: capacity)
    }

    package func operands(_ product: Int, group: Int, examples: Range<Int>, _ tile: Tile) -> WeightOperands {
        convolution.operands(group: group, examples: examples, tile)
    }

    package var hasDirectGradient: Bool { hasBias }

    package func visitDirectGradient(
        example: Int,
        _ tile: Tile,
        parameters: Buffer<Float>,
        _ visit: (Int, Span<Float>) -> Void
    ) {
        guard hasBias else { return }
        tile.visitBias(tile.given, example: example, columns: convolution.channels, at: biasOffset(tile), visit)
    }
}

extension Layer {
    /// A convolution with a square kernel and the same stride, padding and dilation both ways.
    package static func convolution(
        _ outputs: Int,
        kernel: Int,
        stride: Int = 1,
        padding: Int = 0,
        dilation: Int = 1,
        groups: Int = 1,
        bias: Bool = true
    ) -> Layer {
        convolution(
            outputs,
            kernel: (kernel, kernel),
            stride: (stride, stride),
            padding: (padding, padding),
            dilation: (dilation, dilation),
            groups: groups,
            bias: bias
        )
    }

    /// A convolution; all pairs are height first.
    package static func convolution(
        _ outputs: Int,
        kernel: (height: Int, width: Int),
        stride: (y: Int, x: Int) = (1, 1),
        padding: (y: Int, x: Int) = (0, 0),
        dilation: (y: Int, x: Int) = (1, 1),
        groups: Int = 1,
        bias: Bool = true
    ) -> Layer {
        Layer(kind: "Conv2d", order: .channelsLast) { input throws(OperationError) in
            let window = try Window.checked(
                input: input,
                kernel: kernel,
                stride: stride,
                padding: padding,
                dilation: dilation,
                groups: groups
            )
            return try Convolution(input: input, outputs: outputs, window: window, hasBias: bias)
        }
    }
}
