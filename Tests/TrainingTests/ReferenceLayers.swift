// SPDX-License-Identifier: Apache-2.0

import Networks

/// y = W x + b on the last axis.
struct ReferenceLinear: ReferenceLayer {
    let outputs: Int

    init(_ outputs: Int) { self.outputs = outputs }

    var layer: Layer { .linear(outputs) }

    func parameterShapes(_ input: [Int]) -> [[Int]] { [[outputs, input[input.count - 1]], [outputs]] }

    func forward(_ x: ReferenceTensor, _ parameters: [[Double]]) -> ReferenceTensor {
        let width = x.shape[x.shape.count - 1]
        var y = ReferenceTensor(zeros: x.shape.dropLast() + [outputs])
        for place in 0..<x.values.count / width {
            for output in 0..<outputs {
                var sum = parameters[1][output]
                for k in 0..<width { sum += parameters[0][output * width + k] * x.values[place * width + k] }
                y.values[place * outputs + output] = sum
            }
        }
        return y
    }

    func backward(
        _ x: ReferenceTensor,
        _ parameters: [[Double]],
        _ given: ReferenceTensor
    ) -> (input: ReferenceTensor, parameters: [[Double]]) {
        let width = x.shape[x.shape.count - 1]
        var input = ReferenceTensor(zeros: x.shape)
        var weight = [Double](repeating: 0, count: outputs * width)
        var bias = [Double](repeating: 0, count: outputs)
        for place in 0..<x.values.count / width {
            for output in 0..<outputs {
                let error = given.values[place * outputs + output]
                bias[output] += error
                for k in 0..<width {
                    weight[output * width + k] += error * x.values[place * width + k]
                    input.values[place * width + k] += error * parameters[0][output * width + k]
                }
            }
        }
        return (input, [weight, bias])
    }
}

/// tanh or max(0, x).
enum ReferenceActivation: ReferenceLayer {
    case tanh
    case relu

    var layer: Layer { self == .tanh ? .tanh : .relu }

    func forward(_ x: ReferenceTensor, _ parameters: [[Double]]) -> ReferenceTensor {
        ReferenceTensor(x.shape, x.values.map { self == .tanh ? referenceTanh($0) : max(0, $0) })
    }

    func backward(
        _ x: ReferenceTensor,
        _ parameters: [[Double]],
        _ given: ReferenceTensor
    ) -> (input: ReferenceTensor, parameters: [[Double]]) {
        let gradient = zip(x.values, given.values).map { x, error in
            switch self {
            case .tanh: error * (1 - referenceTanh(x) * referenceTanh(x))
            case .relu: x > 0 ? error : 0
            }
        }
        return (ReferenceTensor(x.shape, gradient), [])
    }
}

/// All axes in one.
struct ReferenceFlatten: ReferenceLayer {
    var layer: Layer { .flatten }

    func forward(_ x: ReferenceTensor, _ parameters: [[Double]]) -> ReferenceTensor {
        ReferenceTensor([x.values.count], x.values)
    }

    func backward(
        _ x: ReferenceTensor,
        _ parameters: [[Double]],
        _ given: ReferenceTensor
    ) -> (input: ReferenceTensor, parameters: [[Double]]) {
        (ReferenceTensor(x.shape, given.values), [])
    }
}
