// SPDX-License-Identifier: Apache-2.0

import Networks

/// A window that is moved over [channels, height, width].
struct ReferenceWindow: Sendable {
    typealias Pair = (y: Int, x: Int)

    var kernel: Pair
    var stride: Pair = (1, 1)
    var padding: Pair = (0, 0)
    var dilation: Pair = (1, 1)

    /// Height and width of the output.
    func output(_ input: [Int]) -> Pair {
        func extent(_ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> Int {
            (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
        }
        return (
            extent(input[1], kernel.y, stride.y, padding.y, dilation.y),
            extent(input[2], kernel.x, stride.x, padding.x, dilation.x)
        )
    }

    /// Calls `body` with every place of the kernel at an output's place: which one, and where in a channel of the image it
    /// is, nil in the padding.
    @inline(__always)
    func forEach(_ input: [Int], at place: Pair, _ body: (_ tap: Int, _ pixel: Int?) -> Void) {
        for ky in 0..<kernel.y {
            for kx in 0..<kernel.x {
                let y = place.y * stride.y - padding.y + ky * dilation.y
                let x = place.x * stride.x - padding.x + kx * dilation.x
                let isInside = y >= 0 && y < input[1] && x >= 0 && x < input[2]
                body(ky * kernel.x + kx, isInside ? y * input[2] + x : nil)
            }
        }
    }

    /// Calls `body` with every place of the output: which one, and its row and column.
    @inline(__always)
    func forEachOutput(_ input: [Int], _ body: (_ index: Int, _ place: Pair) -> Void) {
        let extents = output(input)
        for y in 0..<extents.y {
            for x in 0..<extents.x { body(y * extents.x + x, (y, x)) }
        }
    }
}

/// PyTorch's `Conv2d`.
struct ReferenceConvolution: ReferenceLayer {
    let outputs: Int
    let window: ReferenceWindow
    let groups: Int

    init(_ outputs: Int, _ window: ReferenceWindow, groups: Int = 1) {
        self.outputs = outputs
        self.window = window
        self.groups = groups
    }

    var layer: Layer {
        .convolution(
            outputs,
            kernel: (window.kernel.y, window.kernel.x),
            stride: window.stride,
            padding: window.padding,
            dilation: window.dilation,
            groups: groups
        )
    }

    func parameterShapes(_ input: [Int]) -> [[Int]] {
        [[outputs, input[0] / groups, window.kernel.y, window.kernel.x], [outputs]]
    }

    /// Calls `body` with every product of the sum: places of output, weight and input.
    @inline(__always)
    private func forEachProduct(_ input: [Int], _ body: (_ output: Int, _ weight: Int, _ input: Int) -> Void) {
        let (places, pixels) = (window.output(input), input[1] * input[2])
        let (inputs, taps) = (input[0] / groups, window.kernel.y * window.kernel.x)
        window.forEachOutput(input) { index, place in
            window.forEach(input, at: place) { tap, pixel in
                guard let pixel else { return }
                for output in 0..<outputs {
                    let first = output / (outputs / groups) * inputs
                    for channel in 0..<inputs {
                        body(
                            output * places.y * places.x + index,
                            (output * inputs + channel) * taps + tap,
                            (first + channel) * pixels + pixel
                        )
                    }
                }
            }
        }
    }

    func forward(_ x: ReferenceTensor, _ parameters: [[Double]]) -> ReferenceTensor {
        let places = window.output(x.shape)
        var y = ReferenceTensor(zeros: [outputs, places.y, places.x])
        for index in y.values.indices { y.values[index] = parameters[1][index / (places.y * places.x)] }
        forEachProduct(x.shape) { output, weight, input in
            y.values[output] += parameters[0][weight] * x.values[input]
        }
        return y
    }

    func backward(
        _ x: ReferenceTensor,
        _ parameters: [[Double]],
        _ given: ReferenceTensor
    ) -> (input: ReferenceTensor, parameters: [[Double]]) {
        var gradient = ReferenceTensor(zeros: x.shape)
        var weights = [Double](repeating: 0, count: parameters[0].count)
        var bias = [Double](repeating: 0, count: outputs)
        for (index, error) in given.values.enumerated() { bias[index / (given.values.count / outputs)] += error }
        forEachProduct(x.shape) { output, weight, input in
            weights[weight] += given.values[output] * x.values[input]
            gradient.values[input] += given.values[output] * parameters[0][weight]
        }
        return (gradient, [weights, bias])
    }
}

/// The greatest value of a window, the first where there are several; or the mean, zeros of the padding included.
struct ReferencePooling: ReferenceLayer {
    enum Kind: Sendable {
        case max
        case average
    }

    let kind: Kind
    let window: ReferenceWindow

    init(_ kind: Kind, _ window: ReferenceWindow) {
        self.kind = kind
        self.window = window
    }

    var layer: Layer {
        switch kind {
        case .max:
            .maxPooling(
                (window.kernel.y, window.kernel.x),
                stride: window.stride,
                padding: window.padding,
                dilation: window.dilation
            )
        case .average:
            .averagePooling((window.kernel.y, window.kernel.x), stride: window.stride, padding: window.padding)
        }
    }

    /// Calls `body` with what every output is made of: its place, an input's, and the input's share.
    private func forEachShare(_ x: ReferenceTensor, _ body: (_ output: Int, _ input: Int, _ share: Double) -> Void) {
        let places = window.output(x.shape)
        let pixels = x.shape[1] * x.shape[2]
        for channel in 0..<x.shape[0] {
            window.forEachOutput(x.shape) { index, place in
                let output = channel * places.y * places.x + index
                var greatest: Int?
                window.forEach(x.shape, at: place) { _, pixel in
                    guard let input = pixel.map({ channel * pixels + $0 }) else { return }
                    if kind == .average {
                        body(output, input, 1 / Double(window.kernel.y * window.kernel.x))
                    } else if greatest.map({ x.values[input] > x.values[$0] }) ?? true {
                        greatest = input
                    }
                }
                if let greatest { body(output, greatest, 1) }
            }
        }
    }

    func forward(_ x: ReferenceTensor, _ parameters: [[Double]]) -> ReferenceTensor {
        let places = window.output(x.shape)
        var y = ReferenceTensor(zeros: [x.shape[0], places.y, places.x])
        forEachShare(x) { output, input, share in y.values[output] += share * x.values[input] }
        return y
    }

    func backward(
        _ x: ReferenceTensor,
        _ parameters: [[Double]],
        _ given: ReferenceTensor
    ) -> (input: ReferenceTensor, parameters: [[Double]]) {
        var gradient = ReferenceTensor(zeros: x.shape)
        forEachShare(x) { output, input, share in gradient.values[input] += share * given.values[output] }
        return (gradient, [])
    }
}
