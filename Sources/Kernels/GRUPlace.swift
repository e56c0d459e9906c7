// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// One place of a GRU for some examples, without its products; one row of every matrix is one example's.
///
/// Gates lie in PyTorch's order: r, z, n. With h' the state before, n = tanh(input's part + r · inner), where inner is the
/// state's part, and h = (1 - z) n + z h'.
package struct GRUPlace: Sendable {
    package let examples: Int
    private let gates, inner: MatrixView
    private let previousStates: MatrixView?

    /// - Parameters:
    ///   - examples: rows to compute.
    ///   - gates: [at least examples, 3 · hidden].
    ///   - inner: [at least examples, hidden].
    ///   - previousStates: the states of the place before; nil at the first.
    package init(examples: Int, gates: MatrixView, inner: MatrixView, previousStates: MatrixView?) {
        self.examples = examples
        self.gates = gates
        self.inner = inner
        self.previousStates = previousStates
        check(gates, 3)
        check(inner, 1)
        if let previousStates { check(previousStates, 1) }
    }

    private func check(_ view: MatrixView, _ parts: Int) {
        precondition(view.rows >= examples && view.columns == parts * inner.columns, "sizes differ")
    }

    private var c: sotto_gru_place {
        unsafe sotto_gru_place(
            examples: examples,
            hidden: inner.columns,
            gates: gates.c,
            inner: inner.c,
            previous_states: previousStates.c
        )
    }

    /// Turns the input's products in the gates into activations, and computes `inner` and the states.
    ///
    /// - Parameters:
    ///   - products: the previous state's, [at least examples, 3 · hidden]; nil at the first place.
    ///   - bias: [2, 3 · hidden], of input and state.
    ///   - states: [at least examples, hidden].
    package func forward(products: MatrixView?, bias: MatrixView?, states: MatrixView) {
        if let products { check(products, 3) }
        if let bias { precondition(bias.rows == 2 && bias.columns == gates.columns && bias.isDense, "sizes differ") }
        check(states, 1)
        unsafe sotto_gru_forward(c, products.c, bias.c.first, states.c)
    }

    /// Turns the gates' activations into the gradients by the input's products, and `inner` into the gradient by itself.
    ///
    /// - Parameters:
    ///   - given, products, carry: add up to the gradient by the states. `carry` becomes what of it goes to the previous
    ///     states other than by their products.
    ///   - errors: becomes the gradient by the previous states' products, [at least examples, 3 · hidden].
    package func backward(given: MatrixView, products: MatrixView, carry: MatrixView, errors: MatrixView) {
        check(given, 1)
        check(products, 1)
        check(carry, 1)
        check(errors, 3)
        unsafe sotto_gru_backward(c, given.c, products.c, carry.c, errors.c)
    }
}
