// SPDX-License-Identifier: Apache-2.0

internal import Kernels

/// One action after another.
extension NetworkExecution {
    /// An action on all examples, whose values are in the arena.
    func run(_ step: Step, _ parameters: Buffer<Float>, _ labels: [Int32], _ visitor: (any GradientVisitor)?) {
        switch step.action {
        case .forward(let node): goForward(node, step.tile, parameters)
        case .loss: for example in 0..<examples { setLossGradient(step.tile, labels, example: example) }
        case .backward(let node): goBack(node, step.tile, step.sums, parameters)
        case .backwardThrough(let node):
            for example in 0..<examples {
                let chain = step.chains[example]
                let pooling = goBack(from: node, convolution: chain.convolution, pooling: chain.pooling, parameters)
                network.nodes[pooling - 1].operation.backward(chain.activation, parameters: parameters)
                chain.pooling.copy(chain.activation.inputGradient, to: chain.activation.output)
            }
        case .gradient(let node, let pass):
            visitor?.visit(node: node, pass: pass, tile: step.tile, parameters: parameters)
        case .end(let pass):
            visitor?.end(pass: pass, examples: examples)
        }
    }

    /// An action on one block of examples after another, whose values rest in 16 bits.
    func run(
        _ step: Step,
        _ blocks: BlockStep,
        _ parameters: Buffer<Float>,
        _ labels: [Int32],
        _ visitor: (any GradientVisitor)?
    ) {
        switch step.action {
        case .forward(let node):
            if network.nodes[node].operation.isView { return }
            blocks.forEachBlock(of: examples, arena: arena, seeds: seeds) { goForward(node, step.tile, parameters) }
        case .loss:
            blocks.forEachNumberedBlock(of: examples) { block in
                for example in block { setLossGradient(step.tile, labels, example: example) }
            }
        case .backward(let node):
            if network.nodes[node].operation.isView, step.sums.allSatisfy({ $0 == nil }) { return }
            blocks.forEachBlock(of: examples, arena: arena, seeds: seeds) {
                goBack(node, step.tile, step.sums, parameters)
            }
        case .backwardThrough(let node):
            guard let chain = blocks.chain else { return }
            blocks.forEachBlock(of: examples, arena: arena, seeds: seeds) {
                let pooling = goBack(from: node, convolution: chain.convolution, pooling: chain.pooling, parameters)
                blocks.loadLate()
                network.nodes[pooling - 1].operation.backward(chain.activation, parameters: parameters)
            }
        case .gradient(let node, let pass):
            area?.occupant = nil
            step.tile.examples = examples
            visitor?.visit(node: node, pass: pass, tile: step.tile, parameters: parameters)
        case .end(let pass):
            visitor?.end(pass: pass, examples: examples)
        }
    }

    private func goForward(_ node: Int, _ tile: Tile, _ parameters: Buffer<Float>) {
        let operation = network.nodes[node].operation
        if !operation.isView { operation.forward(tile, parameters: parameters) }
    }

    private func setLossGradient(_ tile: Tile, _ labels: [Int32], example: Int) {
        CrossEntropy.gradient(
            tile.output,
            example: example,
            classes: network.classes,
            labels: labels,
            into: tile.given
        )
        guard numerics.lossScale != 1 else { return }
        tile.given.buffer.write(tile.given.range(example)) { Elementwise.scale(&$0, by: numerics.lossScale) }
    }

    private func goBack(_ node: Int, _ tile: Tile, _ sums: [TileValue?], _ parameters: Buffer<Float>) {
        let operation = network.nodes[node].operation
        if !operation.isView {
            operation.backward(tile, parameters: parameters)
        } else {
            tile.copyGradient()
        }
        for (position, sum) in sums.enumerated() {
            guard let sum, let part = tile.inputGradients[position] else { continue }
            part.buffer.read(part.range(0..<tile.examples)) { part in
                sum.buffer.write(sum.range(0..<tile.examples)) { Elementwise.add(part, to: &$0) }
            }
        }
    }

    /// The first part of a chain, as far as the gradient by the pooling's input; gives the pooling.
    private func goBack(from node: Int, convolution: Tile?, pooling: Tile, _ parameters: Buffer<Float>) -> Int {
        if let convolution { network.nodes[node].operation.backward(convolution, parameters: parameters) }
        let index = convolution == nil ? node : node - 1
        network.nodes[index].operation.backward(pooling, parameters: parameters)
        return index
    }
}
