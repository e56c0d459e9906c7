// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// y = W x + b: PyTorch's `Linear`, weight [out, in].
package struct Linear: Operation {
    package let kind = "Linear"
    package let input: Shape
    package let output: Shape
    private let forwardProduct: RowProduct
    private let backwardProduct: RowProduct

    /// - Parameters:
    ///   - input: one dimension.
    ///   - outputs: at least 1.
    package init(input: Shape, outputs: Int) throws(OperationError) {
        guard input.dimensions.count == 1 else {
            throw OperationError(reason: "it needs one dimension; put Flatten before it")
        }
        guard outputs >= 1, outputs <= Int(Int32.max) / input.count else {
            throw OperationError(reason: "\(outputs) outputs; there must be at least one and a weight below 2^31")
        }
        self.input = input
        output = Shape([outputs])
        forwardProduct = RowProduct(inner: input.count, columns: outputs, isTransposed: true)
        backwardProduct = RowProduct(inner: outputs, columns: input.count, isTransposed: false)
    }

    package var parameters: [OperationParameter] {
        [
            OperationParameter(role: "weight", shape: Shape([output.count, input.count]), fanIn: input.count),
            OperationParameter(role: "bias", shape: output, fanIn: input.count),
        ]
    }

    private var weightCount: Int { input.count * output.count }

    private func weight(_ tile: Tile) -> Range<Int> {
        tile.parameterOffset..<tile.parameterOffset + weightCount
    }

    private func bias(_ tile: Tile) -> Range<Int> {
        tile.parameterOffset + weightCount..<tile.parameterOffset + weightCount + output.count
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        tile.input.buffer.read { x in
            tile.output.buffer.write { y in
                parameters.read(weight(tile)) { weight in
                    forwardProduct.multiply(
                        x,
                        stride: tile.input.stride,
                        weight,
                        into: &y,
                        stride: tile.output.stride
                    )
                }
                parameters.read(bias(tile)) { bias in
                    Elementwise.addColumnBias(
                        bias,
                        to: &y,
                        rows: Network.tileRows,
                        columns: output.count,
                        stride: tile.output.stride
                    )
                }
            }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        tile.outputGradient.buffer.read { given in
            tile.inputGradient.buffer.write { result in
                parameters.read(weight(tile)) { weight in
                    backwardProduct.multiply(
                        given,
                        stride: tile.outputGradient.stride,
                        weight,
                        into: &result,
                        stride: tile.inputGradient.stride
                    )
                }
            }
        }
    }

    /// The outer product of the output gradient and the input.
    package func gradient(example: Int, _ tile: Tile, into gradient: Buffer<Float>) {
        tile.outputGradient.buffer.read(tile.outputGradient.range(example)) { given in
            gradient.write(weight(tile)) { weight in
                tile.input.buffer.read(tile.input.range(example)) { x in
                    Elementwise.outerProduct(given, x, into: &weight)
                }
            }
            gradient.write(bias(tile)) { Elementwise.copy(given, into: &$0) }
        }
    }
}

extension Layer {
    /// A linear layer of `outputs` outputs.
    package static func linear(_ outputs: Int) -> Layer {
        Layer(kind: "Linear") { input throws(OperationError) in try Linear(input: input, outputs: outputs) }
    }
}
