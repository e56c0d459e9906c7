// SPDX-License-Identifier: Apache-2.0

/// The extents of a tensor, outermost first: [channels, height, width] for an image.
package struct Shape: Hashable, Sendable, CustomStringConvertible {
    /// Every extent, each at least 1, in PyTorch's order.
    package let dimensions: [Int]
    /// The product of the extents: 1 for a scalar.
    package let count: Int
    /// Whether [channels, height, width] lies in memory as [height][width][channels]; else row-major.
    package let isChannelsLast: Bool

    /// Traps where an extent is below 1 or the product does not fit 31 bits, the limit of the matrix library.
    package init(_ dimensions: [Int], isChannelsLast: Bool = false) {
        precondition(!isChannelsLast || dimensions.count == 3, "only images are kept channels-last")
        precondition(Self.isPossible(dimensions), "a shape's extents are out of range")
        self.dimensions = dimensions
        count = dimensions.reduce(1, *)
        self.isChannelsLast = isChannelsLast
    }

    /// Whether a shape may have these extents.
    package static func isPossible(_ dimensions: [Int]) -> Bool {
        var count = 1
        for extent in dimensions {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard extent >= 1, !overflow, product <= Int32.max else { return false }
            count = product
        }
        return true
    }

    /// The same extents, channels-last in memory.
    package var channelsLast: Shape { Shape(dimensions, isChannelsLast: true) }
    /// The same extents, row-major in memory.
    package var rowMajor: Shape { Shape(dimensions) }

    /// The last extent: the length of the vectors that a linear layer or a normalisation takes.
    package var features: Int { dimensions.last ?? 1 }
    /// How many such vectors there are.
    package var places: Int { count / features }

    /// As PyTorch prints it: `[1, 28, 28]`.
    package var description: String {
        "[" + dimensions.map(String.init).joined(separator: ", ") + "]"
    }
}
