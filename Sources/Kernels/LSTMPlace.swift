// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// One place of an LSTM for some examples, without its products; one row of every matrix is one example's.
///
/// Gates lie in PyTorch's order: i, f, g, o. With c' the cells before, c = f c' + i g and h = o tanh(c).
package struct LSTMPlace: Sendable {
    package let examples: Int
    private let gates, cells: MatrixView
    private let previousCells: MatrixView?

    /// - Parameters:
    ///   - examples: rows to compute.
    ///   - gates: [at least examples, 4 · hidden].
    ///   - cells: [at least examples, hidden].
    ///   - previousCells: the cells of the place before; nil at the first.
    package init(examples: Int, gates: MatrixView, cells: MatrixView, previousCells: MatrixView?) {
        self.examples = examples
        self.gates = gates
        self.cells = cells
        self.previousCells = previousCells
        check(gates, 4)
        check(cells, 1)
        if let previousCells { check(previousCells, 1) }
    }

    private func check(_ view: MatrixView, _ parts: Int) {
        precondition(view.rows >= examples && view.columns == parts * cells.columns, "sizes differ")
    }

    private var c: sotto_lstm_place {
        unsafe sotto_lstm_place(
            examples: examples,
            hidden: cells.columns,
            gates: gates.c,
            cells: cells.c,
            previous_cells: previousCells.c
        )
    }

    /// Turns the input's products in the gates into activations, and computes cells and states.
    ///
    /// - Parameters:
    ///   - products: the previous state's, [at least examples, 4 · hidden]; nil at the first place.
    ///   - bias: [2, 4 · hidden], of input and state.
    ///   - states: [at least examples, hidden].
    package func forward(products: MatrixView?, bias: MatrixView?, states: MatrixView) {
        if let products { check(products, 4) }
        if let bias { precondition(bias.rows == 2 && bias.columns == gates.columns && bias.isDense, "sizes differ") }
        check(states, 1)
        unsafe sotto_lstm_forward(c, products.c, bias.c.first, states.c)
    }

    /// Turns the gates' activations into the gradients by what they were before their functions.
    ///
    /// - Parameters:
    ///   - given, products: add up to the gradient by the states.
    ///   - carry: the gradient by the cells, of later places; becomes the one by the cells before.
    ///   - row: [1, hidden], scratch.
    package func backward(given: MatrixView, products: MatrixView, carry: MatrixView, row: MatrixView) {
        check(given, 1)
        check(products, 1)
        check(carry, 1)
        precondition(row.columns == cells.columns, "sizes differ")
        unsafe sotto_lstm_backward(c, given.c, products.c, carry.c, row.buffer.base + row.offset)
    }
}

extension MatrixView {
    /// Whether its rows follow one another without gaps.
    var isDense: Bool { stride == columns }

    /// For the loops in C.
    var c: sotto_rows { unsafe sotto_rows(first: buffer.base + offset, stride: stride) }
}

extension MatrixView? {
    /// For the loops in C: absent where it is nil.
    var c: sotto_rows { unsafe self?.c ?? sotto_rows(first: nil, stride: 0) }
}
