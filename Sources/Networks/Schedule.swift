// SPDX-License-Identifier: Apache-2.0

import Kernels

/// What a worker does with a tile, step by step. How long every value must live follows from it, and from that the arena.
package struct Schedule: Hashable, Sendable {
    /// One step.
    package enum Action: Hashable, Sendable {
        /// Computes a node's output.
        case forward(Int)
        /// Turns the logits into the gradient of every example's own loss.
        case loss
        /// Computes the gradients of a node's inputs.
        case backward(Int)
        /// One example at a time, takes the gradient of a pooling's output back through it and through the activation before
        /// it: it ends where the activation's output was, so that the two are never there together. The node is the pooling
        /// or, where the gradient of the pooling's output is computed in the same way, the convolution that reads it.
        case backwardThrough(Int)
        /// Lends the operands of a node's parameter gradients, in pass `pass` over the nodes with parameters.
        case gradient(node: Int, pass: Int)
        /// All gradients of pass `pass` were lent.
        case end(pass: Int)
    }

    /// How the gradients of a tile are lent.
    package enum Kind: Hashable, Sendable {
        /// Never: only the logits are computed.
        case forward
        /// Once, during the backward pass; every value is freed as soon as it can be.
        case streamed
        /// In pass 0 during the backward pass, and in pass 1 again after it: what they are made of is kept.
        case kept
        /// In pass 0 during a first backward pass and in pass 1 during a second: everything is computed twice.
        case recomputed
    }

    package let kind: Kind
    package let actions: [Action]

    /// The schedule of a kind for a network.
    ///
    /// - Parameter once: nodes whose operands a `kept` schedule lends in pass 0 only.
    package init(_ kind: Kind, _ network: Network, once: Set<Int> = []) {
        self.kind = kind
        let nodes = network.nodes.indices
        let lent = nodes.reversed().filter { !network.nodes[$0].operation.parameters.isEmpty }
        var actions: [Action] = nodes.map { .forward($0) }
        func appendBackward(pass: Int) {
            actions.append(.loss)
            for node in nodes.reversed() {
                let isLast = node + 1 == network.nodes.count
                if !isLast, network.passesThrough(node + 1) || network.startsChain(node + 1) { continue }
                let gradient = Action.gradient(node: node, pass: pass)
                if network.startsChain(node) {
                    actions += [gradient, .backwardThrough(node)]
                    continue
                }
                if network.passesThrough(node) {
                    actions.append(.backwardThrough(node))
                    continue
                }
                if network.nodes[node].operation.gradientFollowsBackward {
                    actions += [.backward(node), gradient]
                    continue
                }
                if !network.nodes[node].operation.parameters.isEmpty { actions.append(gradient) }
                if network.nodes[node].inputs.contains(where: { network.needsGradient($0) }) {
                    actions.append(.backward(node))
                }
            }
        }
        switch kind {
        case .forward: break
        case .streamed:
            appendBackward(pass: 0)
            actions.append(.end(pass: 0))
        case .kept:
            appendBackward(pass: 0)
            actions.append(.end(pass: 0))
            actions += lent.filter { !once.contains($0) }.map { .gradient(node: $0, pass: 1) }
            actions.append(.end(pass: 1))
        case .recomputed:
            appendBackward(pass: 0)
            actions.append(.end(pass: 0))
            actions += nodes.map { .forward($0) }
            appendBackward(pass: 1)
            actions.append(.end(pass: 1))
        }
        self.actions = actions
    }
}

extension Schedule.Action {
    /// Which part of a step it belongs to.
    var phase: Phase {
        switch self {
        case .forward: .forward
        case .loss, .backward, .backwardThrough: .backward
        case .gradient(_, let pass), .end(let pass): pass == 0 ? .perExampleNorm : .clipAndSum
        }
    }
}

extension Network {
    /// Whether the gradient of a node's input can take the place of the output of the activation right before it.
    func passesThrough(_ index: Int) -> Bool {
        let node = nodes[index]
        // Graphs are mostly chains: only a node that reads its predecessor, which nobody else reads, is considered.
        guard index > 0, node.inputs == [index], isReadOnce(index) else { return false }
        let before = nodes[index - 1]
        guard before.inputs.count == 1, isReadOnce(before.inputs[0]), needsGradient(before.inputs[0]) else {
            return false
        }
        let (pool, activation) = (node.operation, before.operation)
        return pool.parameters.isEmpty && !pool.isView && !pool.worksInPlace && !pool.backwardNeeds.contains(.input)
            && activation.parameters.isEmpty && !activation.isView && activation.worksInPlace
            && activation.backwardNeeds == .output
    }

    /// Whether a node is a convolution that reads the output of a pooling with ``passesThrough(_:)``, which nobody else reads.
    func startsChain(_ index: Int) -> Bool {
        let node = nodes[index]
        return index > 1 && node.operation.goesBackSingly && node.inputs == [index] && isReadOnce(index)
            && passesThrough(index - 1)
    }

    /// The pooling of a chain that begins with a node; nil where none does.
    func pooling(ofChain node: Int) -> Int? {
        if startsChain(node) { return node - 1 }
        return passesThrough(node) ? node : nil
    }

    /// Whether pooling and activation of a chain use no scratch, so that what a convolution made there stays for the next
    /// examples.
    func chainSharesScratch(_ action: Schedule.Action, _ arithmetic: ProductArithmetic) -> Bool {
        guard case .backwardThrough(let node) = action, let pooling = pooling(ofChain: node) else { return false }
        return [pooling, pooling - 1].allSatisfy {
            nodes[$0].operation.scratchCount(capacity: 1, arithmetic: arithmetic) == 0
        }
    }

    /// Whether exactly one node reads a value.
    private func isReadOnce(_ value: Int) -> Bool {
        nodes.reduce(0) { $0 + $1.inputs.count { $0 == value } } == 1
    }
}
