// SPDX-License-Identifier: Apache-2.0

import Networks

extension ClippingPlan {
    /// How the gradients of one node are made.
    package enum NodePath: Hashable, Sendable {
        /// Weight by weight: norms in pass 0, sums in pass 1.
        case byWeight
        /// All of an example's at once in pass 0, and kept until its clip factor is known; `offset` floats lie before them
        /// in what is kept of an example.
        case kept(offset: Int)
        /// All of an example's at once after pass 0, one example after another; `offset` floats lie before them in the room
        /// that the examples share.
        case shared(offset: Int)
    }

    /// The paths of nodes of which every coordinate is summed as integers: their gradients are made once instead of twice
    /// where there is room.
    ///
    /// What is kept should be less than the operands that need not be kept for it, and what examples share should stay in
    /// cache.
    static func nodePaths(_ network: Network, _ weights: [Weight]) -> [NodePath] {
        var paths = [NodePath](repeating: .byWeight, count: network.nodes.count)
        let candidates = network.nodes.indices.filter { index in
            let operation = network.nodes[index].operation
            return !operation.parameters.isEmpty && operation.vocabulary == nil
                && weights.allSatisfy { $0.node != index || $0.sum == .integers }
        }
        var (kept, shared) = (0, 0)
        for index in candidates.sorted(by: { network.nodes[$0].parameterCount < network.nodes[$1].parameterCount }) {
            let node = network.nodes[index]
            let count = node.parameterCount
            if count <= node.operation.input.count + node.operation.output.count {
                paths[index] = .kept(offset: kept)
                kept += count
            } else if shared + count <= ClippingCost().wholeCoordinates {
                paths[index] = .shared(offset: shared)
                shared += count
            }
        }
        return paths
    }

    /// Whether a weight's errors may be overwritten when they are summed: their node has no other product, and the backward
    /// pass is over.
    func scalesInPlace(_ weight: Weight) -> Bool {
        schedule == .kept && network.nodes[weight.node].products.count == 1
    }

    /// Floats that are kept of an example's gradient.
    var keptCount: Int {
        nodePaths.indices.reduce(0) { count, node in
            if case .kept = nodePaths[node] { count + network.nodes[node].parameterCount } else { count }
        }
    }

    /// Floats of an example's gradient in the room that examples share.
    var sharedCount: Int {
        nodePaths.indices.reduce(0) { count, node in
            if case .shared = nodePaths[node] { count + network.nodes[node].parameterCount } else { count }
        }
    }

    /// Of nodes with a weight that is summed by leaves, how many examples' operands one float product takes.
    var examplesAtOnce: [Int: Int] {
        var found: [Int: Int] = [:]
        for weight in weights {
            guard let leaf = weight.leafCapacity else { continue }
            let operation = network.nodes[weight.node].operation
            let examples = min(leaf, operation.operandExamples(weight.product, capacity: capacity))
            found[weight.node] = max(found[weight.node] ?? 1, examples)
        }
        return found
    }

    /// Bytes of the values of a worker's tile that rest between operations.
    package var keptActivationBytes: Int {
        capacity
            * NetworkExecution.bytesPerExample(
                network,
                schedule: schedule,
                once: onceNodes,
                storage: options.numerics.storage
            )
    }

    /// Nodes whose operands are read in pass 0 only.
    var onceNodes: Set<Int> {
        Set(nodePaths.indices.filter { if case .kept = nodePaths[$0] { true } else { false } })
    }
}

extension Network.Node {
    /// Coordinates of the node's parameters.
    var parameterCount: Int { operation.parameters.reduce(0) { $0 + $1.shape.count } }
}
