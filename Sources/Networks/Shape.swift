// SPDX-License-Identifier: Apache-2.0

/// The extents of a tensor, outermost first: [channels, height, width] for an image.
package struct Shape: Hashable, Sendable, CustomStringConvertible {
    /// Every extent, each at least 1.
    package let dimensions: [Int]
    /// The product of the extents: 1 for a scalar.
    package let count: Int

    /// Traps where an extent is below 1 or the product does not fit 31 bits, the limit of the matrix library.
    package init(_ dimensions: [Int]) {
        var count = 1
        for extent in dimensions {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            precondition(extent >= 1 && !overflow && product <= Int32.max, "a shape's extents are out of range")
            count = product
        }
        self.dimensions = dimensions
        self.count = count
    }

    /// As PyTorch prints it: `[1, 28, 28]`.
    package var description: String {
        "[" + dimensions.map(String.init).joined(separator: ", ") + "]"
    }
}
