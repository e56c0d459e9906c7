// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// A convolution whose weight has, in every output channel, mean 0 and variance 1: timm's `StdConv2d`, ŵ = (w - mean) /
/// √(variance + ε) with the biased variance (Qiao et al., "Micro-Batch Training with Batch-Channel Normalization and Weight
/// Standardization", arXiv 1903.10520).
///
/// The gradient by w is the gradient by ŵ through the standardisation's Jacobian, which is no sum of outer products: it is
/// computed whole for every example.
package struct StandardisedConvolution: Operation {
    package let kind = "StdConv2d"
    package let inputs: [Shape]
    package let parameters: [OperationParameter]
    private let convolution: ConvolutionProducts
    private let standardisation: Normalisation

    /// - Parameters:
    ///   - input: [channels, height, width], channels-last.
    ///   - outputs: output channels, a multiple of the window's groups.
    ///   - window: over `input`.
    init(input: Shape, outputs: Int, window: Window, epsilon: Double, hasBias: Bool) throws(OperationError) {
        convolution = try ConvolutionProducts(outputs: outputs, window: window)
        try NormalisationOperation.check(epsilon)
        inputs = [input]
        parameters = convolution.parameters(hasBias: hasBias)
        standardisation = Normalisation(.rows, rows: outputs, columns: window.patchCount, epsilon: epsilon)
    }

    package var output: Shape { convolution.output }
    private var hasBias: Bool { parameters.count == 2 }
    private var taps: Int { convolution.window.patchCount }
    private var weightCount: Int { convolution.weightCount }

    package var gradientNeeds: Needs { .input }

    /// Beside what the products need: ŵ, its gradient or both, the gradient by w, the statistics, and the constants.
    package func scratchCount(capacity: Int, arithmetic: ProductArithmetic) -> Int {
        convolution.scratchCount(capacity: capacity, arithmetic: arithmetic) + 2 * weightCount
            + standardisation.stateCount + 2 * taps
    }

    /// Where ŵ, or the gradient by it, is in the scratch.
    private func standardised(_ tile: Tile) -> Range<Int> {
        let start =
            tile.scratchOffset
            + convolution.scratchCount(
                capacity: tile.input.capacity,
                arithmetic: tile.arithmetic
            )
        return start..<start + weightCount
    }

    /// Where the gradient by w is, or ŵ while that is made.
    private func second(_ tile: Tile) -> Range<Int> {
        let start = standardised(tile).upperBound
        return start..<start + weightCount
    }

    private func statistics(_ tile: Tile) -> Range<Int> {
        let start = second(tile).upperBound
        return start..<start + standardisation.stateCount
    }

    /// Where the weight of one or the bias of zero, the same for every tap, is made.
    private func constants(_ tile: Tile, of value: Float) -> Range<Int> {
        let start = statistics(tile).upperBound + (value == 0 ? taps : 0)
        tile.scratch.write(start..<start + taps) { constants in
            for tap in constants.indices { constants[tap] = value }
        }
        return start..<start + taps
    }

    /// Computes ŵ in `place`, and the statistics.
    private func standardise(_ tile: Tile, _ parameters: Buffer<Float>, into place: Range<Int>) {
        let (ones, zeros) = (constants(tile, of: 1), constants(tile, of: 0))
        parameters.read(tile.parameterOffset..<tile.parameterOffset + weightCount) { weight in
            tile.scratch.read(ones) { ones in
                tile.scratch.read(zeros) { zeros in
                    tile.scratch.write(place) { result in
                        tile.scratch.write(statistics(tile)) { statistics in
                            standardisation.apply(weight, weight: ones, bias: zeros, into: &result, state: &statistics)
                        }
                    }
                }
            }
        }
    }

    private func standardisedWeight(_ tile: Tile, _ parameters: Buffer<Float>) -> ConvolutionWeight {
        standardise(tile, parameters, into: standardised(tile))
        return ConvolutionWeight(buffer: tile.scratch, offset: standardised(tile).lowerBound)
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        convolution.forward(tile, weight: standardisedWeight(tile, parameters))
        guard hasBias else { return }
        convolution.addBias(tile, parameters: parameters, at: tile.parameterOffset + weightCount)
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        convolution.backward(tile, weight: standardisedWeight(tile, parameters))
    }

    package var hasDirectGradient: Bool { true }

    package func visitDirectGradient(
        example: Int,
        _ tile: Tile,
        parameters: Buffer<Float>,
        _ visit: (Int, Span<Float>) -> Void
    ) {
        standardise(tile, parameters, into: second(tile))
        for group in 0..<convolution.groups {
            let operands = convolution.operands(group: group, examples: example..<example + 1, tile)
            let place = MatrixView(
                tile.scratch,
                offset: standardised(tile).lowerBound + group * convolution.width * taps,
                rows: convolution.width,
                columns: taps
            )
            FixedOrderProduct.multiply(
                operands.errors.transposed,
                operands.right,
                into: place,
                arithmetic: tile.arithmetic
            )
        }
        mapGradient(tile, parameters)
        tile.scratch.read(second(tile)) { visit(tile.parameterOffset, $0) }
        guard hasBias else { return }
        let bias = tile.parameterOffset + weightCount
        tile.visitBias(tile.given, example: example, columns: convolution.channels, at: bias, visit)
    }

    /// From the gradient by ŵ to the gradient by w.
    private func mapGradient(_ tile: Tile, _ parameters: Buffer<Float>) {
        let ones = constants(tile, of: 1)
        parameters.read(tile.parameterOffset..<tile.parameterOffset + weightCount) { weight in
            tile.scratch.read(ones) { ones in
                tile.scratch.read(statistics(tile)) { statistics in
                    tile.scratch.read(standardised(tile)) { given in
                        tile.scratch.write(second(tile)) { result in
                            var nothing = MutableSpan<Float>()
                            standardisation.backward(
                                weight,
                                state: statistics,
                                outputGradient: given,
                                weight: ones,
                                into: &result,
                                scratch: &nothing
                            )
                        }
                    }
                }
            }
        }
    }
}

extension Layer {
    /// A weight-standardised convolution with a square kernel and the same stride, padding and dilation both ways.
    package static func standardisedConvolution(
        _ outputs: Int,
        kernel: Int,
        stride: Int = 1,
        padding: Int = 0,
        dilation: Int = 1,
        groups: Int = 1,
        bias: Bool = true,
        epsilon: Double = 1e-6
    ) -> Layer {
        standardisedConvolution(
            outputs,
            kernel: (kernel, kernel),
            stride: (stride, stride),
            padding: (padding, padding),
            dilation: (dilation, dilation),
            groups: groups,
            bias: bias,
            epsilon: epsilon
        )
    }

    /// A weight-standardised convolution; all pairs are height first.
    package static func standardisedConvolution(
        _ outputs: Int,
        kernel: (height: Int, width: Int),
        stride: (y: Int, x: Int) = (1, 1),
        padding: (y: Int, x: Int) = (0, 0),
        dilation: (y: Int, x: Int) = (1, 1),
        groups: Int = 1,
        bias: Bool = true,
        epsilon: Double = 1e-6
    ) -> Layer {
        Layer(kind: "StdConv2d", order: .channelsLast) { input throws(OperationError) in
            let window = try Window.checked(
                input: input,
                kernel: kernel,
                stride: stride,
                padding: padding,
                dilation: dilation,
                groups: groups
            )
            return try StandardisedConvolution(
                input: input,
                outputs: outputs,
                window: window,
                epsilon: epsilon,
                hasBias: bias
            )
        }
    }
}
