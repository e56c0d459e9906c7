// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks

/// One example's way through a network and back, slowly: every value is an array of its own, and is rounded to a format, if
/// there is one, when the action that made it is over. It knows no arena, no places and no blocks.
struct RoundedWalk {
    let network: Network
    let parameters: Buffer<Float>
    let format: NumberFormat?
    var lossScale: Float = 1

    /// Values, gradients by them and operations' states, while one example is on its way.
    private struct State {
        var values: [Int: [Float]] = [:]
        var gradients: [Int: [Float]] = [:]
        var states: [Int: [Float]] = [:]
    }

    /// How many tokens there are, where the input is tokens: an embedding reads them, perhaps by way of views.
    static func vocabulary(_ network: Network) -> Int? {
        network.nodes.compactMap(\.operation.vocabulary).first
    }

    /// The logits.
    func logits(_ example: [Float]) -> [Float] {
        var state = State()
        goForward(example, seed: 0, isTraining: false, &state)
        return state.values[network.nodes.count] ?? []
    }

    /// Lends the operands of one example's gradients.
    func visit(_ example: [Float], label: Int, seed: UInt64, by visitor: any GradientVisitor) {
        var state = State()
        goForward(example, seed: seed, isTraining: true, &state)
        for action in Schedule(.streamed, network).actions {
            switch action {
            case .forward: break
            case .loss:
                let logits = state.values[network.nodes.count] ?? []
                var gradient = logits
                var span = gradient.mutableSpan
                Elementwise.crossEntropyBackward(logits: logits.span, label: label, into: &span)
                for index in gradient.indices { gradient[index] *= lossScale }
                state.gradients[network.nodes.count] = rounded(gradient)
            case .gradient(let node, let pass):
                let desk = desk(node, state, seed: seed)
                visitor.visit(node: node, pass: pass, tile: desk.tile, parameters: parameters)
            case .backward(let node): goBack(node, seed: seed, &state)
            case .backwardThrough(let node): goThrough(node, seed: seed, &state)
            case .end(let pass): visitor.end(pass: pass, examples: 1)
            }
        }
    }

    private func rounded(_ values: [Float]) -> [Float] {
        var values = values
        var span = values.mutableSpan
        format?.round(&span)
        return values
    }

    private func goForward(_ example: [Float], seed: UInt64, isTraining: Bool, _ state: inout State) {
        state.values[0] = Self.vocabulary(network) == nil ? rounded(example) : example
        for (index, node) in network.nodes.enumerated() {
            guard !node.operation.isView else {
                state.values[index + 1] = state.values[node.inputs[0]]
                continue
            }
            let desk = desk(index, state, seed: seed, isTraining: isTraining)
            node.operation.forward(desk.tile, parameters: parameters)
            state.values[index + 1] = rounded(desk.read(desk.tile.output))
            state.states[index] = desk.read(desk.tile.state)
        }
    }

    /// Whether a parameter comes before a value.
    private func needsGradient(_ value: Int) -> Bool {
        guard value > 0 else { return false }
        let node = network.nodes[value - 1]
        return !node.operation.parameters.isEmpty || node.inputs.contains { needsGradient($0) }
    }

    private func goBack(_ index: Int, seed: UInt64, _ state: inout State) {
        let node = network.nodes[index]
        let desk = desk(index, state, seed: seed)
        if !node.operation.isView { node.operation.backward(desk.tile, parameters: parameters) }
        state.states[index] = desk.read(desk.tile.state)
        for (position, value) in node.inputs.enumerated() where needsGradient(value) {
            let part = desk.read(node.operation.isView ? desk.tile.given : desk.gradients[position])
            let sum = state.gradients[value].map { zip($0, part).map { $0 + $1 } } ?? part
            state.gradients[value] = rounded(sum)
        }
    }

    /// A pooling and the activation before it are one action, perhaps with the convolution after it.
    private func goThrough(_ index: Int, seed: UInt64, _ state: inout State) {
        let isConvolution = network.nodes[index].operation.goesBackSingly
        let pooling = isConvolution ? index - 1 : index
        for node in stride(from: index, through: pooling - 1, by: -1) {
            let desk = desk(node, state, seed: seed)
            network.nodes[node].operation.backward(desk.tile, parameters: parameters)
            let gradient = desk.read(desk.gradients[0])
            state.gradients[network.nodes[node].inputs[0]] = node == pooling - 1 ? rounded(gradient) : gradient
        }
    }

    /// A tile of one example with every value apart.
    private struct Desk {
        let tile: Tile
        /// The gradients by the inputs, wanted or not.
        let gradients: [TileValue]

        func read(_ value: TileValue) -> [Float] {
            value.buffer.read(value.range(0)) { span in span.indices.map { span[$0] } }
        }
    }

    private func desk(_ index: Int, _ state: State, seed: UInt64, isTraining: Bool = true) -> Desk {
        let node = network.nodes[index]
        func value(_ values: [Float]?, count: Int) -> TileValue {
            let values = values ?? Array(repeating: .nan, count: count)
            return TileValue(buffer: Buffer(values), offset: 0, count: count, capacity: 1)
        }
        let inputs = node.inputs.enumerated().map { position, value_ in
            value(state.values[value_], count: node.operation.inputs[position].count)
        }
        let gradients = node.operation.inputs.map { value(nil, count: $0.count) }
        let tile = Tile(
            inputs: inputs,
            output: value(state.values[index + 1], count: node.operation.output.count),
            state: value(state.states[index], count: node.operation.stateCount),
            inputGradients: zip(node.inputs, gradients).map { needsGradient($0) ? $1 : nil },
            outputGradient: state.gradients[index + 1].map { value($0, count: node.operation.output.count) },
            scratch: Buffer(count: node.operation.scratchCount(capacity: 1, arithmetic: .single)),
            scratchOffset: 0,
            parameterOffset: node.parameterOffset,
            node: index,
            seeds: Buffer([seed]),
            isInPlace: false,
            isGradientInPlace: false,
            isTraining: isTraining,
            arithmetic: .single,
            examples: 1
        )
        return Desk(tile: tile, gradients: gradients)
    }
}
