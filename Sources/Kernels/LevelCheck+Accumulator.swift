// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension LevelCheck {
    /// The part of ``differences(on:)`` about the loops that add scaled floats to integers; each scale is tried with both
    /// signs.
    package static func accumulatorDifferences(on values: [Float], scales: [Float]) -> [String] {
        let count = values.count
        var names: Set<String> = []
        for scale in scales + scales.map({ -$0 }) {
            var (narrow, portableNarrow) = ([Int32](repeating: 1, count: count), [Int32](repeating: 1, count: count))
            unsafe sotto_accumulate_narrow(&narrow, values, count, scale)
            unsafe sotto_accumulate_narrow_portable(&portableNarrow, values, count, scale)
            if narrow != portableNarrow { names.insert("accumulate narrow") }
            var squares = unsafe sotto_accumulate_narrow_measured(&narrow, values, count, scale)
            var portable = unsafe sotto_accumulate_narrow_measured_portable(&portableNarrow, values, count, scale)
            if narrow != portableNarrow || squares.low != portable.low || squares.high != portable.high {
                names.insert("accumulate narrow, measured")
            }
            var (wide, portableWide) = ([Int64](repeating: 1, count: count), [Int64](repeating: 1, count: count))
            unsafe sotto_accumulate_wide(&wide, values, count, scale)
            unsafe sotto_accumulate_wide_portable(&portableWide, values, count, scale)
            if wide != portableWide { names.insert("accumulate wide") }
            squares = unsafe sotto_accumulate_wide_measured(&wide, values, count, scale)
            portable = unsafe sotto_accumulate_wide_measured_portable(&portableWide, values, count, scale)
            if wide != portableWide || squares.low != portable.low || squares.high != portable.high {
                names.insert("accumulate wide, measured")
            }
        }
        return names.sorted()
    }
}
