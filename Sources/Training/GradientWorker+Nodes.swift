// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks

/// Gradients of whole nodes, one example's at a time.
extension GradientWorker {
    /// Makes all gradients of a node for one example; they begin at `start`, in the order of the flat vector.
    func makeGradient(_ node: Int, _ tile: Tile, example: Int, into gradient: Buffer<Float>, at start: Int) {
        guard let parameters else { return }
        let operation = plan.network.nodes[node].operation
        let products = plan.network.nodes[node].products
        if operation.hasDirectGradient {
            for (index, parameter) in operation.parameters.enumerated()
            where !products.contains(where: { $0.parameter == index }) {
                let first = start + operation.offset(ofParameter: index)
                gradient.write(first..<first + parameter.shape.count) { Elementwise.clear(&$0) }
            }
            operation.visitDirectGradient(example: example, tile, parameters: parameters) { offset, values in
                let first = start + offset - tile.parameterOffset
                gradient.write(first..<first + values.count) { Elementwise.copy(values, into: &$0) }
            }
        }
        for (product, shape) in products.enumerated() {
            let offset = start + operation.offset(ofParameter: shape.parameter)
            for group in 0..<shape.groups {
                let operands = operation.operands(product, group: group, examples: example..<example + 1, tile)
                let target = shape.target(gradient, offset: offset, group: group)
                FixedOrderProduct.multiply(
                    operands.errors.transposed,
                    operands.right,
                    into: target,
                    arithmetic: tile.arithmetic
                )
            }
        }
    }

    /// Makes and keeps a node's gradients, and adds them to the norms.
    func keepGradients(_ node: Int, _ tile: Tile, offset: Int) {
        let count = plan.network.nodes[node].parameterCount
        for example in 0..<tile.examples {
            let start = scratch.keptStart(example) + offset
            tile.bring(example..<example + 1)
            makeGradient(node, tile, example: example, into: scratch.kept, at: start)
            scratch.kept.read(start..<start + count) {
                scratch.add(squaredNorm: Reductions.sumOfSquares($0), example: example)
            }
        }
    }

    /// Ends pass 0: makes what examples share room for, finds the clip factors, and adds what is there to the sum.
    func finishExamples(_ factor: ClipFactor, _ examples: Int) {
        for example in 0..<examples {
            if let gradient = scratch.gradient {
                for piece in pieces where !piece.isKept {
                    guard let tile = tiles[piece.node] else { continue }
                    tile.bring(example..<example + 1, ahead: false)
                    makeGradient(piece.node, tile, example: example, into: gradient, at: piece.offset)
                }
                gradient.read { scratch.add(squaredNorm: Reductions.sumOfSquares($0), example: example) }
            }
            scratch.finish(factor, example: example)
            addNodes(example)
        }
    }

    private func addNodes(_ example: Int) {
        let factor = scratch.factor(example)
        guard let sum, factor > 0 else { return }
        for piece in pieces {
            let start = piece.isKept ? scratch.keptStart(example) + piece.offset : piece.offset
            guard let gradient = piece.isKept ? scratch.kept : scratch.gradient else { continue }
            gradient.read(start..<start + piece.count) { sum.add($0, scale: factor * perUnit, at: piece.place) }
        }
    }
}

/// All coordinates of one node, whose gradients are made once.
struct GradientPiece {
    let node: Int
    /// Whether every example's gradients are kept, or there is room for those of one.
    let isKept: Bool
    /// Where they begin, and where in the flat vector.
    let offset, place: Int
    let count: Int

    /// Those of a plan.
    static func all(_ plan: ClippingPlan) -> [GradientPiece] {
        plan.network.nodes.indices.compactMap { index in
            let node = plan.network.nodes[index]
            func piece(isKept: Bool, offset: Int) -> GradientPiece {
                GradientPiece(
                    node: index,
                    isKept: isKept,
                    offset: offset,
                    place: node.parameterOffset,
                    count: node.parameterCount
                )
            }
            return switch plan.nodePaths[index] {
            case .byWeight: nil
            case .kept(let offset): piece(isKept: true, offset: offset)
            case .shared(let offset): piece(isKept: false, offset: offset)
            }
        }
    }
}
