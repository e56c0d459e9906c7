// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension LevelCheck {
    /// Normalisations in every layout, and dropout, on `values`, at least 8.
    static func normalisations(on values: [Float]) -> [LevelLoop] {
        let columns = [1, 5, 16, 40].filter { $0 <= values.count }
        return dropout(values)
            + columns.flatMap { columns in
                let rows = values.count / columns
                return [
                    (name: "row", sotto_norm_row, groups: rows), ("row group", sotto_norm_row_groups, 1),
                    ("column group", sotto_norm_column_groups, columns % 5 == 0 ? 5 : 1),
                ].flatMap { name, layout, groups in
                    let norm = sotto_norm(
                        layout: layout,
                        rows: rows,
                        columns: columns,
                        groups: groups,
                        centred: 1,
                        epsilon: 1e-5
                    )
                    return normalisation(values, norm, name: "\(name) normalisation")
                }
            }
    }

    private static func dropout(_ values: [Float]) -> [LevelLoop] {
        let count = values.count
        return [
            LevelLoop("dropout", from: values) {
                unsafe sotto_dropout(&$0, count, 1, 2, 1 << 31, 2)
            } _: {
                unsafe sotto_dropout_portable(&$0, count, 1, 2, 1 << 31, 2)
            }
        ]
    }

    private static func normalisation(_ values: [Float], _ norm: sotto_norm, name: String) -> [LevelLoop] {
        let count = norm.rows * norm.columns
        let weights = max(norm.rows, norm.columns)
        let given = Array(values.prefix(count).reversed())
        let weight = (0..<weights).map { values[$0 % values.count] }
        let bias = Array(weight.reversed())
        var state = [Float](repeating: 0, count: 3 * norm.groups)
        var output = given
        unsafe sotto_normalise_portable(values, norm, weight, bias, &output, &state)
        // The results one after another: values, then state or scratch, or the two gradients.
        let (forward, backward) = (count + 3 * norm.groups, count + 2 * norm.groups)
        return [
            LevelLoop(name, forward) {
                unsafe $0.withUnsafeMutableBufferPointer { result in
                    let start = result.baseAddress!
                    unsafe sotto_normalise(values, norm, weight, bias, start, start + count)
                }
            } _: {
                unsafe $0.withUnsafeMutableBufferPointer { result in
                    let start = result.baseAddress!
                    unsafe sotto_normalise_portable(values, norm, weight, bias, start, start + count)
                }
            },
            LevelLoop("\(name) backward", backward) { [state] in
                unsafe $0.withUnsafeMutableBufferPointer { result in
                    let start = result.baseAddress!
                    unsafe sotto_normalise_backward(values, state, given, norm, weight, start, start + count)
                }
            } _: { [state] in
                unsafe $0.withUnsafeMutableBufferPointer { result in
                    let start = result.baseAddress!
                    unsafe sotto_normalise_backward_portable(values, state, given, norm, weight, start, start + count)
                }
            },
            LevelLoop("\(name) parameters", 2 * weights) { [state] in
                unsafe $0.withUnsafeMutableBufferPointer { result in
                    let start = result.baseAddress!
                    unsafe sotto_normalise_parameters(values, state, given, norm, start, start + weights)
                }
            } _: { [state] in
                unsafe $0.withUnsafeMutableBufferPointer { result in
                    let start = result.baseAddress!
                    unsafe sotto_normalise_parameters_portable(values, state, given, norm, start, start + weights)
                }
            },
        ]
    }
}
