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
        let other = [Float](values.reversed())
        let finite = values.map { $0.isFinite ? $0 : 1 }
        let count = values.count
        let elementwise = [
            Loop("tanh", count) {
                unsafe sotto_tanh(values, &$0, count)
            } _: {
                unsafe sotto_tanh_portable(values, &$0, count)
            },
            Loop("tanh backward", count) {
                unsafe sotto_tanh_backward(values, other, &$0, count)
            } _: {
                unsafe sotto_tanh_backward_portable(values, other, &$0, count)
            },
            Loop("ReLU", count) {
                unsafe sotto_relu(values, &$0, count)
            } _: {
                unsafe sotto_relu_portable(values, &$0, count)
            },
            Loop("ReLU backward", count) {
                unsafe sotto_relu_backward(values, other, &$0, count)
            } _: {
                unsafe sotto_relu_backward_portable(values, other, &$0, count)
            },
            Loop("cross-entropy backward", count) {
                unsafe sotto_cross_entropy_backward(finite, count, 3, &$0)
            } _: {
                unsafe sotto_cross_entropy_backward_portable(finite, count, 3, &$0)
            },
            Loop("row sums", 2) {
                unsafe sotto_row_sums(values, 2, count / 2, &$0)
            } _: {
                unsafe sotto_row_sums_portable(values, 2, count / 2, &$0)
            },
        ]
        let loops = elementwise + pooling(values, stride: 1) + pooling(values, stride: 2)
        return loops.filter { !$0.levelsAgree }.map(\.name) + integerDifferences(on: finite)
    }

    private static func pooling(_ values: [Float], stride: Int) -> [Loop] {
        let (height, width) = (2, values.count / 2)
        let window = sotto_window(
            channels: 1,
            height: height,
            width: width,
            kernel_height: 2,
            kernel_width: 2,
            stride_y: 1,
            stride_x: stride,
            padding_y: 0,
            padding_x: 0,
            output_height: 1,
            output_width: (width - 2) / stride + 1
        )
        var output = [Float](repeating: 0, count: window.output_width)
        unsafe sotto_max_pool_portable(values, window, &output)
        return [
            Loop("max pooling", output.count) {
                unsafe sotto_max_pool(values, window, &$0)
            } _: {
                unsafe sotto_max_pool_portable(values, window, &$0)
            },
            Loop("max pooling backward", height * width) { [output] in
                unsafe sotto_max_pool_backward(values, output, values, window, &$0)
            } _: { [output] in
                unsafe sotto_max_pool_backward_portable(values, output, values, window, &$0)
            },
        ]
    }

    private static func integerDifferences(on finite: [Float]) -> [String] {
        var names: [String] = []
        let count = finite.count
        var (first, second) = ([Int32](repeating: 0, count: count), [Int32](repeating: 0, count: count))
        let sum = unsafe sotto_quantise(finite, count, 0x1p20, 0x1p30, &first)
        let portableSum = unsafe sotto_quantise_portable(finite, count, 0x1p20, 0x1p30, &second)
        if first != second || sum.low != portableSum.low || sum.high != portableSum.high { names.append("quantise") }
        var (total, portableTotal) = (first.map { Int64($0) << 31 }, first.map { Int64($0) << 31 })
        unsafe sotto_add_int32(&total, first, count)
        unsafe sotto_add_int32_portable(&portableTotal, first, count)
        if total != portableTotal { names.append("add integers") }
        let squares = unsafe sotto_sum_of_squares(finite, count)
        let portableSquares = unsafe sotto_sum_of_squares_portable(finite, count)
        if squares != portableSquares { names.append("sum of squares") }
        return names
    }
}

/// A loop at two levels, each writing `count` floats.
private struct Loop {
    let name: String
    let levelsAgree: Bool

    /// Runs both; which NaN is written does not count, as IEEE 754 leaves it open.
    init(
        _ name: String,
        _ count: Int,
        _ picked: (inout [Float]) -> Void,
        _ portable: (inout [Float]) -> Void
    ) {
        var first = [Float](repeating: 0, count: count)
        var second = first
        picked(&first)
        portable(&second)
        self.name = name
        levelsAgree = zip(first, second).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
    }
}
