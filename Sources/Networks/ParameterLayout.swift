// SPDX-License-Identifier: Apache-2.0

/// One named tensor inside of the flat parameter vector.
package struct ParameterSlice: Hashable, Sendable {
    /// PyTorch's name in an `nn.Sequential`: the operation's index (they all count) and role, `0.weight`.
    package let name: String
    /// PyTorch's shape: [out, in] for a linear weight, [out, in, kernel height, kernel width] for a convolution.
    package let shape: Shape
    /// Where the slice begins in the flat vector.
    package let offset: Int
    /// How many inputs one output sums over: sets the spread of the initial values.
    package let fanIn: Int

    /// The slice's place in the flat vector.
    package var range: Range<Int> { offset..<offset + shape.count }
}

/// The order of all parameters in one flat vector: the order of the operations, weight before bias, no gaps.
package struct ParameterLayout: Hashable, Sendable {
    /// Every slice, by offset.
    package let slices: [ParameterSlice]
    /// The length of the flat vector.
    package let count: Int

    /// Lays slices out one after another.
    init(_ named: [(name: String, parameter: OperationParameter)]) {
        var offset = 0
        slices = named.map { name, parameter in
            defer { offset += parameter.shape.count }
            return ParameterSlice(name: name, shape: parameter.shape, offset: offset, fanIn: parameter.fanIn)
        }
        count = offset
    }
}
