// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension LevelCheck {
    /// Attention's softmax on `values`, at least 8, as the scores of as many places as they suffice for.
    static func attention(on values: [Float]) -> [LevelLoop] {
        let places = Int(Double(values.count).squareRoot())
        return [Int32(0), 1].flatMap { causal in
            [
                LevelLoop("attention softmax", from: values) {
                    unsafe sotto_attention_softmax(&$0, places, 0.5, causal)
                } _: {
                    unsafe sotto_attention_softmax_portable(&$0, places, 0.5, causal)
                },
                LevelLoop("attention softmax backward", from: values.reversed()) {
                    unsafe sotto_attention_softmax_backward(values, &$0, places, 0.5, causal)
                } _: {
                    unsafe sotto_attention_softmax_backward_portable(values, &$0, places, 0.5, causal)
                },
            ]
        }
    }

    /// A place of an LSTM and of a GRU, one example with `values` for the gates and everything else.
    static func recurrence(on values: [Float]) -> [LevelLoop] {
        let hidden = values.count
        // Up to fifteen blocks of `hidden` floats: what each loop reads and writes.
        let start = (0..<15).flatMap { block in values[block % 8..<hidden] + values[0..<block % 8] }
        return [
            LevelLoop("LSTM", from: start) {
                unsafe withBlocks(&$0, hidden) { unsafe sotto_lstm_forward($0.lstm, $0.products, nil, $0.result) }
            } _: {
                unsafe withBlocks(&$0, hidden) {
                    unsafe sotto_lstm_forward_portable($0.lstm, $0.products, nil, $0.result)
                }
            },
            LevelLoop("LSTM backward", from: start) {
                unsafe withBlocks(&$0, hidden) {
                    unsafe sotto_lstm_backward($0.lstm, $0.products, $0.result, $0.carry, $0.errors.first!)
                }
            } _: {
                unsafe withBlocks(&$0, hidden) {
                    unsafe sotto_lstm_backward_portable($0.lstm, $0.products, $0.result, $0.carry, $0.errors.first!)
                }
            },
            LevelLoop("GRU", from: start) {
                unsafe withBlocks(&$0, hidden) { unsafe sotto_gru_forward($0.gru, $0.products, nil, $0.result) }
            } _: {
                unsafe withBlocks(&$0, hidden) {
                    unsafe sotto_gru_forward_portable($0.gru, $0.products, nil, $0.result)
                }
            },
            LevelLoop("GRU backward", from: start) {
                unsafe withBlocks(&$0, hidden) {
                    unsafe sotto_gru_backward($0.gru, $0.products, $0.result, $0.carry, $0.errors)
                }
            } _: {
                unsafe withBlocks(&$0, hidden) {
                    unsafe sotto_gru_backward_portable($0.gru, $0.products, $0.result, $0.carry, $0.errors)
                }
            },
        ]
    }

    /// Where one example's blocks lie in one array.
    @unsafe private struct Blocks {
        let base: UnsafeMutablePointer<Float>
        let hidden: Int

        private func rows(_ block: Int) -> sotto_rows {
            unsafe sotto_rows(first: base + block * hidden, stride: 0)
        }

        var lstm: sotto_lstm_place {
            unsafe sotto_lstm_place(
                examples: 1,
                hidden: hidden,
                gates: rows(0),
                cells: rows(4),
                previous_cells: rows(5)
            )
        }
        var gru: sotto_gru_place {
            unsafe sotto_gru_place(
                examples: 1,
                hidden: hidden,
                gates: rows(0),
                inner: rows(4),
                previous_states: rows(5)
            )
        }
        var products: sotto_rows { unsafe rows(6) }
        var result: sotto_rows { unsafe rows(10) }
        var carry: sotto_rows { unsafe rows(11) }
        var errors: sotto_rows { unsafe rows(12) }
    }

    private static func withBlocks(_ values: inout [Float], _ hidden: Int, _ body: (Blocks) -> Void) {
        unsafe values.withUnsafeMutableBufferPointer { values in
            unsafe body(Blocks(base: values.baseAddress!, hidden: hidden))
        }
    }
}
