// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit

/// One operation with all that it reads and writes, for some examples.
struct OperationTile {
    let operation: any Operation
    let tile: Tile
    let parameters: Buffer<Float>

    init(_ operation: any Operation, examples: Int, arithmetic: ProductArithmetic, seed: UInt64 = 1) {
        self.operation = operation
        func value(_ count: Int, seed: UInt64) -> TileValue {
            TileValue(
                buffer: Buffer(testFloats(max(1, count * examples), seed: seed)),
                offset: 0,
                count: count,
                capacity: examples
            )
        }
        let input = operation.input.count
        parameters = Buffer(testFloats(operation.parameters.reduce(0) { $0 + $1.shape.count }, seed: seed + 1))
        tile = Tile(
            inputs: [value(input, seed: seed + 2)],
            output: value(operation.output.count, seed: seed + 3),
            state: value(operation.stateCount, seed: seed + 4),
            inputGradients: [value(input, seed: seed + 5)],
            outputGradient: value(operation.output.count, seed: seed + 6),
            scratch: Buffer(count: operation.scratchCount(capacity: examples, arithmetic: arithmetic)),
            scratchOffset: 0,
            parameterOffset: 0,
            node: 0,
            seeds: Buffer(count: examples),
            isInPlace: false,
            isGradientInPlace: false,
            isTraining: true,
            arithmetic: arithmetic,
            examples: examples
        )
    }

    /// All examples of a value.
    static func floats(_ value: TileValue) -> [Float] {
        value.buffer.read(value.range(0..<value.capacity)) { span in span.indices.map { span[$0] } }
    }

    /// One product's gradient of one example, [groups][rows][columns], as the engine makes it.
    func gradient(_ product: Int, example: Int) -> [Float] {
        let shape = operation.products[product]
        return (0..<shape.groups).flatMap { group in
            let operands = operation.operands(product, group: group, examples: example..<example + 1, tile)
            let target = MatrixView(
                Buffer(count: shape.rows * shape.columns),
                rows: shape.rows,
                columns: shape.columns
            )
            FixedOrderProduct.multiply(
                operands.errors.transposed,
                operands.right,
                into: target,
                arithmetic: tile.arithmetic
            )
            return target.buffer.read { span in span.indices.map { span[$0] } }
        }
    }
}

extension ProductArithmetic {
    /// All that products can be computed with.
    static let everyKind =
        [
            ProductArithmetic(.tf32, rounding: .truncated), ProductArithmetic(.bf16, usesDotProducts: false),
        ]
        + Precision.allCases.flatMap { [ProductArithmetic($0), ProductArithmetic($0, accumulation: .fp64)] }

    /// x as an operand of a product.
    func rounded(_ x: Float) -> Double {
        var value = [x]
        var span = value.mutableSpan
        round(&span)
        return Double(value[0])
    }
}
