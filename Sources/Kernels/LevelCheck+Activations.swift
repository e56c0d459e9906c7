// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension LevelCheck {
    /// The activations on `values`, backward with the values in reverse as the gradient.
    static func activations(on values: [Float]) -> [LevelLoop] {
        let gradient = [Float](values.reversed())
        let count = values.count
        return [
            LevelLoop("ReLU", from: values) {
                unsafe sotto_relu(&$0, count)
            } _: {
                unsafe sotto_relu_portable(&$0, count)
            },
            LevelLoop("ReLU backward", from: gradient) {
                unsafe sotto_relu_backward(values, &$0, count)
            } _: {
                unsafe sotto_relu_backward_portable(values, &$0, count)
            },
            LevelLoop("tanh", from: values) {
                unsafe sotto_tanh(&$0, count)
            } _: {
                unsafe sotto_tanh_portable(&$0, count)
            },
            LevelLoop("tanh backward", from: gradient) {
                unsafe sotto_tanh_backward(values, &$0, count)
            } _: {
                unsafe sotto_tanh_backward_portable(values, &$0, count)
            },
            LevelLoop("sigmoid", from: values) {
                unsafe sotto_sigmoid(&$0, count)
            } _: {
                unsafe sotto_sigmoid_portable(&$0, count)
            },
            LevelLoop("sigmoid backward", from: gradient) {
                unsafe sotto_sigmoid_backward(values, &$0, count)
            } _: {
                unsafe sotto_sigmoid_backward_portable(values, &$0, count)
            },
        ] + gatedActivations(on: values, gradient: gradient)
    }

    private static func gatedActivations(on values: [Float], gradient: [Float]) -> [LevelLoop] {
        let count = values.count
        return [
            LevelLoop("GELU", from: values) {
                unsafe sotto_gelu(&$0, count)
            } _: {
                unsafe sotto_gelu_portable(&$0, count)
            },
            LevelLoop("GELU backward", from: gradient) {
                unsafe sotto_gelu_backward(values, &$0, count)
            } _: {
                unsafe sotto_gelu_backward_portable(values, &$0, count)
            },
            LevelLoop("GELU by tanh", from: values) {
                unsafe sotto_gelu_tanh(&$0, count)
            } _: {
                unsafe sotto_gelu_tanh_portable(&$0, count)
            },
            LevelLoop("GELU by tanh backward", from: gradient) {
                unsafe sotto_gelu_tanh_backward(values, &$0, count)
            } _: {
                unsafe sotto_gelu_tanh_backward_portable(values, &$0, count)
            },
            LevelLoop("SiLU", from: values) {
                unsafe sotto_silu(&$0, count)
            } _: {
                unsafe sotto_silu_portable(&$0, count)
            },
            LevelLoop("SiLU backward", from: gradient) {
                unsafe sotto_silu_backward(values, &$0, count)
            } _: {
                unsafe sotto_silu_backward_portable(values, &$0, count)
            },
        ]
    }
}
