// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Runs every loop that is compiled for several processor levels at the level picked here and at the baseline level.
///
/// An auditor on a new processor, and the tests, see by it that numbers do not depend on where they were computed.
package enum LevelCheck {
    /// The names of the loops whose bits differ between the levels, on `values`; empty is right.
    ///
    /// - Parameter values: at least 8; any bits.
    package static func differences(on values: [Float]) -> [String] {
        precondition(values.count >= 8, "too few values to check with")
        let finite = values.map { $0.isFinite ? $0 : 1 }
        let count = values.count
        let reductions = [
            LevelLoop("cross-entropy backward", count) {
                unsafe sotto_cross_entropy_backward(finite, count, 3, &$0)
            } _: {
                unsafe sotto_cross_entropy_backward_portable(finite, count, 3, &$0)
            },
            LevelLoop("row sums", 2) {
                unsafe sotto_row_sums(values, 2, count / 2, &$0)
            } _: {
                unsafe sotto_row_sums_portable(values, 2, count / 2, &$0)
            },
        ]
        let loops =
            reductions + activations(on: values) + windows(on: values) + normalisations(on: values)
            + attention(on: finite) + recurrence(on: values) + descents(on: finite)
        return loops.filter { !$0.levelsAgree }.map(\.name) + integerDifferences(on: finite)
            + accumulatorDifferences(on: values, scales: [1, 0.37, 0x1p20, 1e-8]) + roundingDifferences(on: values)
            + dotDifferences(on: finite)
    }

    private static func integerDifferences(on finite: [Float]) -> [String] {
        var names: [String] = []
        let count = finite.count
        let integers = finite.map { Int32(truncatingIfNeeded: $0.bitPattern) }
        var (total, portableTotal) = (integers.map { Int64($0) << 31 }, integers.map { Int64($0) << 31 })
        unsafe sotto_add_int32(&total, integers, count)
        unsafe sotto_add_int32_portable(&portableTotal, integers, count)
        if total != portableTotal { names.append("add integers") }
        let squares = unsafe sotto_sum_of_squares(finite, count)
        let portableSquares = unsafe sotto_sum_of_squares_portable(finite, count)
        if squares != portableSquares { names.append("sum of squares") }
        return names
    }
}
