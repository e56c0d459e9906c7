// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension LevelCheck {
    /// The part of ``differences(on:)`` about rounding to fewer bits; NaNs are compared bit by bit too.
    static func roundingDifferences(on values: [Float]) -> [String] {
        let count = values.count
        let words = values.map { $0.bitPattern &* 0x9E37_79B9 }
        var names: [String] = []
        for format in NumberFormat.allCases {
            var (first, second) = (values, values)
            func compare(_ name: String) {
                if first.map(\.bitPattern) != second.map(\.bitPattern) { names.append("\(name) \(format.rawValue)") }
            }
            unsafe sotto_round(&first, values, count, format.code)
            unsafe sotto_round_portable(&second, values, count, format.code)
            compare("round")
            unsafe sotto_truncate(&first, values, count, format.code)
            unsafe sotto_truncate_portable(&second, values, count, format.code)
            compare("truncate")
            unsafe sotto_round_stochastic(&first, values, words, count, format.code)
            unsafe sotto_round_stochastic_portable(&second, values, words, count, format.code)
            compare("round stochastically")
            guard format != .tf32 else { continue }
            var (bits, portableBits) = ([UInt16](repeating: 0, count: count), [UInt16](repeating: 1, count: count))
            unsafe sotto_pack16(&bits, values, count, format.code)
            unsafe sotto_pack16_portable(&portableBits, values, count, format.code)
            if bits != portableBits { names.append("pack \(format.rawValue)") }
            unsafe sotto_unpack16(&first, bits, count, format.code)
            unsafe sotto_unpack16_portable(&second, bits, count, format.code)
            compare("unpack")
        }
        for arithmetic in [ProductArithmetic(.tf32), .init(.tf32, rounding: .truncated), .init(.bf16), .init(.fp16)] {
            var (first, second) = (values, values)
            unsafe sotto_round_operands(values, count, &first, count, 1, count, arithmetic.code)
            unsafe sotto_round_operands_portable(values, count, &second, count, 1, count, arithmetic.code)
            if first.map(\.bitPattern) != second.map(\.bitPattern) { names.append("round operands \(arithmetic)") }
        }
        return names
    }

    /// Whether the processor's dot products give the bits of their emulation; empty where it has none.
    static func dotDifferences(on values: [Float]) -> [String] {
        let count = values.count / 4
        let matrix = MatrixView(Buffer(Array(values.prefix(4 * count))), rows: count, columns: 4)
        func product(_ usesDotProducts: Bool) -> [UInt32] {
            let result = MatrixView(Buffer(count: 16), rows: 4, columns: 4)
            let arithmetic = ProductArithmetic(.bf16, usesDotProducts: usesDotProducts)
            FixedOrderProduct.multiply(matrix.transposed, matrix, into: result, arithmetic: arithmetic)
            return result.buffer.read { span in span.indices.map { (span[$0].isNaN ? .nan : span[$0]).bitPattern } }
        }
        return product(true) == product(false) ? [] : ["dot products"]
    }
}
