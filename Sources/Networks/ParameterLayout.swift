// SPDX-License-Identifier: Apache-2.0

/// One named tensor inside of the flat parameter vector.
package struct ParameterSlice: Hashable, Sendable {
    /// PyTorch's name: the layer's path in nested `nn.Sequential`s and the role, `0.weight`, or the name that was given.
    package let name: String
    /// Shape, place of the dimensions and start.
    package let parameter: OperationParameter
    /// Where the slice begins in the flat vector.
    package let offset: Int

    /// PyTorch's shape.
    package var shape: Shape { parameter.shape }
    /// The slice's place in the flat vector.
    package var range: Range<Int> { offset..<offset + shape.count }

    /// For every element in PyTorch's row-major order, its place within the slice.
    package func places() -> [Int] {
        let extents = shape.dimensions
        var strides = [Int](repeating: 1, count: extents.count)
        var stride = 1
        for dimension in parameter.storage.reversed() {
            strides[dimension] = stride
            stride *= extents[dimension]
        }
        var places = [0]
        places.reserveCapacity(shape.count)
        for (extent, stride) in zip(extents, strides) {
            places = places.flatMap { base in (0..<extent).map { base + $0 * stride } }
        }
        return places
    }
}

/// The order of all parameters in one flat vector: the order of the operations, without gaps.
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
            return ParameterSlice(name: name, parameter: parameter, offset: offset)
        }
        count = offset
    }
}
