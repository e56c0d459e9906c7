// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// y = (x - mean) / √(variance + ε) · weight + bias, for one example's values as a dense matrix [rows, columns].
///
/// The variance is the biased one. A NaN or an infinity among the values that share a mean makes them all NaN.
package struct Normalisation: Hashable, Sendable {
    /// Which values share a mean and a variance, and which a weight and a bias.
    package enum Layout: Hashable, Sendable {
        /// A mean for every row; a weight for every column.
        case rows
        /// A mean for every one of so many blocks of rows; a weight for every row.
        case rowGroups(Int)
        /// A mean for every one of so many blocks of columns; a weight for every column.
        case columnGroups(Int)
    }

    package let layout: Layout
    package let rows, columns: Int
    /// Whether the mean is subtracted; if not, the mean square takes the variance's place.
    package let isCentred: Bool
    /// ε.
    package let epsilon: Double

    /// - Parameters:
    ///   - isCentred: may be false for `rows` alone.
    ///   - epsilon: positive.
    package init(_ layout: Layout, rows: Int, columns: Int, isCentred: Bool = true, epsilon: Double) {
        precondition(rows > 0 && columns > 0 && epsilon > 0, "sizes and epsilon must be positive")
        switch layout {
        case .rows: break
        case .rowGroups(let groups): precondition(isCentred && groups > 0 && rows % groups == 0, "groups divide rows")
        case .columnGroups(let groups):
            precondition(isCentred && groups > 0 && columns % groups == 0, "groups divide columns")
        }
        self.layout = layout
        self.rows = rows
        self.columns = columns
        self.isCentred = isCentred
        self.epsilon = epsilon
    }

    private var groups: Int {
        switch layout {
        case .rows: rows
        case .rowGroups(let groups), .columnGroups(let groups): groups
        }
    }

    /// How many weights, and biases, there are.
    package var weightCount: Int {
        if case .rowGroups = layout { rows } else { columns }
    }
    /// Floats that `apply` leaves for the gradients.
    package var stateCount: Int { 3 * groups }
    /// Floats of scratch of `backward`.
    package var scratchCount: Int {
        if case .columnGroups = layout { 2 * groups } else { 0 }
    }

    private var c: sotto_norm {
        let form =
            switch layout {
            case .rows: sotto_norm_row
            case .rowGroups: sotto_norm_row_groups
            case .columnGroups: sotto_norm_column_groups
            }
        return sotto_norm(
            layout: form,
            rows: rows,
            columns: columns,
            groups: groups,
            centred: isCentred ? 1 : 0,
            epsilon: epsilon
        )
    }

    /// Computes y and what the gradients read.
    package func apply(
        _ x: Span<Float>,
        weight: Span<Float>,
        bias: Span<Float>,
        into y: inout MutableSpan<Float>,
        state: inout MutableSpan<Float>
    ) {
        precondition(x.count == rows * columns && y.count == x.count && state.count == stateCount, "sizes differ")
        precondition(weight.count == weightCount && bias.count == weightCount, "one weight and bias a column or row")
        unsafe x.withUnsafeBufferPointer { x in
            unsafe weight.withUnsafeBufferPointer { weight in
                unsafe bias.withUnsafeBufferPointer { bias in
                    unsafe y.withUnsafeMutableBufferPointer { y in
                        unsafe state.withUnsafeMutableBufferPointer { state in
                            unsafe sotto_normalise(
                                x.baseAddress!,
                                c,
                                weight.baseAddress!,
                                bias.baseAddress!,
                                y.baseAddress!,
                                state.baseAddress!
                            )
                        }
                    }
                }
            }
        }
    }

    /// The gradient by x from the gradient by y.
    ///
    /// - Parameter scratch: `scratchCount` floats.
    package func backward(
        _ x: Span<Float>,
        state: Span<Float>,
        outputGradient: Span<Float>,
        weight: Span<Float>,
        into inputGradient: inout MutableSpan<Float>,
        scratch: inout MutableSpan<Float>
    ) {
        precondition(x.count == rows * columns && outputGradient.count == x.count, "sizes differ")
        precondition(inputGradient.count == x.count && state.count == stateCount, "sizes differ")
        precondition(weight.count == weightCount && scratch.count == scratchCount, "sizes differ")
        unsafe x.withUnsafeBufferPointer { x in
            unsafe state.withUnsafeBufferPointer { state in
                unsafe outputGradient.withUnsafeBufferPointer { dy in
                    unsafe weight.withUnsafeBufferPointer { weight in
                        unsafe inputGradient.withUnsafeMutableBufferPointer { dx in
                            unsafe scratch.withUnsafeMutableBufferPointer { scratch in
                                unsafe sotto_normalise_backward(
                                    x.baseAddress!,
                                    state.baseAddress!,
                                    dy.baseAddress!,
                                    c,
                                    weight.baseAddress!,
                                    dx.baseAddress!,
                                    scratch.baseAddress
                                )
                            }
                        }
                    }
                }
            }
        }
    }

    /// The gradients by all weights, then by all biases, each summed in Double.
    package func parameterGradient(
        _ x: Span<Float>,
        state: Span<Float>,
        outputGradient: Span<Float>,
        into gradient: inout MutableSpan<Float>
    ) {
        precondition(x.count == rows * columns && outputGradient.count == x.count, "sizes differ")
        precondition(state.count == stateCount && gradient.count == 2 * weightCount, "sizes differ")
        unsafe x.withUnsafeBufferPointer { x in
            unsafe state.withUnsafeBufferPointer { state in
                unsafe outputGradient.withUnsafeBufferPointer { dy in
                    unsafe gradient.withUnsafeMutableBufferPointer { gradient in
                        unsafe sotto_normalise_parameters(
                            x.baseAddress!,
                            state.baseAddress!,
                            dy.baseAddress!,
                            c,
                            gradient.baseAddress!,
                            gradient.baseAddress! + weightCount
                        )
                    }
                }
            }
        }
    }
}
