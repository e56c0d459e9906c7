// SPDX-License-Identifier: Apache-2.0

internal import Randomness

/// A classifier as a chain of operations over one flat parameter vector.
///
/// The room *Networks* knows shapes, parameters and the gradients of single examples. Whatever can be built has an exact
/// per-example gradient that depends on nothing but the example and the parameters; whatever cannot is refused when
/// the network is built, with the operation's index, kind and reason. It knows nothing of clipping, noise, data or files.
package struct Network: Sendable {
    /// Rows of a tile: how many examples one worker computes at once.
    package static let tileRows = 32

    /// The preset's name, or the maker's.
    package let name: String
    /// Shape of one example.
    package let input: Shape
    /// The number of classes: the length of the logits.
    package let classes: Int
    /// The chain, input first.
    package let operations: [any Operation]
    /// Where each parameter is in the flat vector.
    package let layout: ParameterLayout
    /// Where the parameters of each operation begin.
    let parameterOffsets: [Int]

    /// The length of the flat parameter vector.
    package var parameterCount: Int { layout.count }

    /// Infers every shape; throws with the first operation that does not fit.
    package init(name: String, input: Shape, classes: Int, layers: [Layer]) throws(NetworkError) {
        guard classes >= 2, input.count >= 1 else { throw .size(input: input.dimensions, classes: classes) }
        var operations: [any Operation] = []
        var named: [(name: String, parameter: OperationParameter)] = []
        var offsets: [Int] = []
        var offset = 0
        var shape = input
        for (index, layer) in layers.enumerated() {
            do {
                let operation = try layer.build(shape)
                offsets.append(offset)
                for parameter in operation.parameters {
                    named.append(("\(index).\(parameter.role)", parameter))
                    offset += parameter.shape.count
                }
                operations.append(operation)
                shape = operation.output
            } catch {
                throw .operation(index: index, kind: layer.kind, input: shape, reason: error.reason)
            }
        }
        guard shape.dimensions == [classes], !named.isEmpty else { throw .output(shape, classes: classes) }
        self.name = name
        self.input = input
        self.classes = classes
        self.operations = operations
        layout = ParameterLayout(named)
        parameterOffsets = offsets
    }

    /// PyTorch's default: every weight and bias uniform in ±1/sqrt(fan-in), reproducible by the seed.
    package func initialParameters(seed: UInt64) -> [Float] {
        var stream = PublicStream(seed: seed, purpose: .initialisation)
        var values: [Float] = []
        values.reserveCapacity(layout.count)
        for slice in layout.slices {
            let bound = 1 / Float(slice.fanIn).squareRoot()
            for _ in 0..<slice.shape.count {
                values.append((2 * stream.unitFloat() - 1) * bound)
            }
        }
        return values
    }
}
