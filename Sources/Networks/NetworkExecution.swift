// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// Takes what a schedule lends: the operands of the parameters' gradients, while they are there.
package protocol GradientVisitor: AnyObject {
    /// The gradients of a node with parameters can be read from `tile` now.
    func visit(node: Int, pass: Int, tile: Tile, parameters: Buffer<Float>)
    /// Every node of this pass was visited.
    func end(pass: Int, examples: Int)
}

/// One worker's arena, and what it does with a tile of at most `capacity` examples.
///
/// Used in the order `load`, `run`, then `score` or `logits`. An example's bits do not depend on its row, on the other rows,
/// or on how many there are. All memory is taken when it is made.
package final class NetworkExecution {
    /// The network.
    package let network: Network
    /// What is done with a tile.
    package let schedule: Schedule
    /// The most examples of a tile.
    package let capacity: Int
    /// What it computes with.
    package let numerics: Numerics
    /// Examples in the tile, 0...`capacity`.
    package private(set) var examples = 0

    private final class Step {
        let action: Schedule.Action
        let tile: Tile
        /// Gradients to add the computed ones to.
        let sums: [TileValue?]
        /// For every example that there is room for, the tiles of a chain.
        let chains: [TileChain]

        init(action: Schedule.Action, tile: Tile, sums: [TileValue?], chains: [TileChain]) {
            self.action = action
            self.tile = tile
            self.sums = sums
            self.chains = chains
        }
    }

    /// Measures the forward and backward passes and, as `perExampleNorm` and `clipAndSum`, what the visitor does in
    /// passes 0 and 1.
    package var clock: PhaseClock?

    private let arena: Buffer<Float>
    private let seeds: Buffer<UInt64>
    private let input, logits: TileValue
    private var steps: [Step] = []

    /// Allocates `plannedBytes`.
    ///
    /// - Parameters:
    ///   - once: nodes whose operands a `kept` schedule lends in pass 0 only.
    ///   - numerics: a schedule without gradients has no use for its loss scale.
    package init(
        _ network: Network,
        schedule kind: Schedule.Kind,
        capacity: Int,
        once: Set<Int> = [],
        numerics: Numerics = .single
    ) {
        precondition(capacity >= 1, "a tile has room for at least one example")
        self.network = network
        self.capacity = capacity
        self.numerics = numerics
        schedule = Schedule(kind, network, once: once)
        let layout = ArenaLayout(schedule, network)
        let values = layout.count * capacity
        let scratchCount = Self.scratchCount(network, capacity: capacity, numerics)
        arena = Buffer(count: values + scratchCount + Self.passingCount(network, schedule))
        seeds = Buffer(count: capacity)
        let arena = self.arena
        func value(_ place: ArenaLayout.Place) -> TileValue {
            TileValue(buffer: arena, offset: place.offset * capacity, count: place.count, capacity: capacity)
        }
        let nothing = TileValue(buffer: arena, offset: 0, count: 0, capacity: capacity)
        input = value(layout.input)
        logits = value(layout.logits)
        for (action, places) in zip(schedule.actions, layout.places) {
            let node: Int? =
                switch action {
                case .forward(let node), .backward(let node), .backwardThrough(let node), .gradient(let node, _): node
                case .loss, .end: nil
                }
            let tile = Tile(
                inputs: places.inputs.map(value),
                output: places.output.map(value) ?? nothing,
                state: places.state.map(value) ?? nothing,
                inputGradients: places.inputGradients.map { $0.map(value) },
                outputGradient: places.outputGradient.map(value),
                scratch: arena,
                scratchOffset: values,
                parameterOffset: node.map { network.nodes[$0].parameterOffset } ?? 0,
                node: node ?? 0,
                seeds: seeds,
                isInPlace: places.isInPlace,
                isGradientInPlace: places.isGradientInPlace,
                isTraining: kind != .forward,
                arithmetic: numerics.arithmetic,
                examples: 0
            )
            var chains: [TileChain] = []
            if case .backwardThrough(let node) = action {
                let convolutionOffset = network.startsChain(node) ? network.nodes[node].parameterOffset : nil
                let pooling = network.pooling(ofChain: node) ?? node
                let sharesScratch = [pooling, pooling - 1].allSatisfy {
                    let operation = network.nodes[$0].operation
                    return operation.scratchCount(capacity: 1, arithmetic: numerics.arithmetic) == 0
                }
                chains = (0..<capacity).map {
                    TileChain(
                        tile,
                        example: $0,
                        passing: values + scratchCount,
                        convolutionOffset: convolutionOffset,
                        sharesScratch: sharesScratch
                    )
                }
            }
            steps.append(Step(action: action, tile: tile, sums: places.sums.map { $0.map(value) }, chains: chains))
        }
    }

    /// The bytes that an execution allocates.
    package static func plannedBytes(
        _ network: Network,
        schedule kind: Schedule.Kind,
        capacity: Int,
        once: Set<Int> = [],
        numerics: Numerics = .single
    ) -> Int {
        let schedule = Schedule(kind, network, once: once)
        let layout = ArenaLayout(schedule, network)
        let scratch = scratchCount(network, capacity: capacity, numerics) + passingCount(network, schedule)
        let floats = layout.count * capacity + scratch
        return floats * MemoryLayout<Float>.stride + capacity * MemoryLayout<UInt64>.stride
    }

    /// The bytes that one more example of a tile takes, scratch apart.
    package static func bytesPerExample(_ network: Network, schedule kind: Schedule.Kind) -> Int {
        max(1, ArenaLayout(Schedule(kind, network), network).count * MemoryLayout<Float>.stride)
    }

    private static func scratchCount(_ network: Network, capacity: Int, _ numerics: Numerics) -> Int {
        let arithmetic = numerics.arithmetic
        return network.nodes.map { $0.operation.scratchCount(capacity: capacity, arithmetic: arithmetic) }.max() ?? 0
    }

    /// Floats of one example's gradient on its way through an activation.
    private static func passingCount(_ network: Network, _ schedule: Schedule) -> Int {
        schedule.actions.reduce(0) { count, action in
            guard case .backwardThrough(let node) = action else { return count }
            return max(count, TileChain.passingCount(node, network))
        }
    }

    /// Fills the tile: `fill(i, row)` writes all of example i's input and gives its public seed.
    ///
    /// - Parameter examples: 0...`capacity`.
    package func load(examples: Int, _ fill: (Int, inout MutableSpan<Float>) -> UInt64) {
        precondition(examples >= 0 && examples <= capacity, "a tile holds up to \(capacity) examples")
        self.examples = examples
        for example in 0..<examples {
            input.buffer.write(input.range(example)) { row in
                let seed = fill(example, &row)
                seeds.write { $0[example] = seed }
            }
        }
    }

    /// Runs the schedule.
    ///
    /// - Parameters:
    ///   - labels: `labelsPerExample` for each example, below `classes`, or -1 to ignore a token; not read by a schedule
    ///     without a loss.
    ///   - visitor: takes the gradients.
    package func run(parameters: Buffer<Float>, labels: [Int32] = [], visitor: (any GradientVisitor)? = nil) {
        precondition(parameters.count == network.parameterCount, "the parameters belong to another network")
        if schedule.kind != .forward { check(labels) }
        guard examples > 0 else { return }
        clock?.begin()
        for step in steps {
            step.tile.examples = examples
            run(step, parameters, labels, visitor)
            clock?.end(step.action.phase)
        }
    }

    private func run(
        _ step: Step,
        _ parameters: Buffer<Float>,
        _ labels: [Int32],
        _ visitor: (any GradientVisitor)?
    ) {
        switch step.action {
        case .forward(let node):
            if !network.nodes[node].operation.isView {
                network.nodes[node].operation.forward(step.tile, parameters: parameters)
            }
        case .loss:
            for example in 0..<examples {
                CrossEntropy.gradient(
                    step.tile.output,
                    example: example,
                    classes: network.classes,
                    labels: labels,
                    into: step.tile.given
                )
                guard numerics.lossScale != 1 else { continue }
                step.tile.given.buffer.write(step.tile.given.range(example)) {
                    Elementwise.scale(&$0, by: numerics.lossScale)
                }
            }
        case .backward(let node):
            if !network.nodes[node].operation.isView {
                network.nodes[node].operation.backward(step.tile, parameters: parameters)
            }
            for (position, sum) in step.sums.enumerated() {
                guard let sum, let part = step.tile.inputGradients[position] else { continue }
                part.buffer.read(part.range(0..<examples)) { part in
                    sum.buffer.write(sum.range(0..<examples)) { Elementwise.add(part, to: &$0) }
                }
            }
        case .backwardThrough(let node):
            for example in 0..<examples { goBack(step.chains[example], from: node, parameters) }
        case .gradient(let node, let pass):
            visitor?.visit(node: node, pass: pass, tile: step.tile, parameters: parameters)
        case .end(let pass):
            visitor?.end(pass: pass, examples: examples)
        }
    }

    private func goBack(_ chain: TileChain, from node: Int, _ parameters: Buffer<Float>) {
        var pooling = node
        if let convolution = chain.convolution {
            network.nodes[node].operation.backward(convolution, parameters: parameters)
            pooling -= 1
        }
        network.nodes[pooling].operation.backward(chain.pooling, parameters: parameters)
        network.nodes[pooling - 1].operation.backward(chain.activation, parameters: parameters)
        chain.pooling.copy(chain.activation.inputGradient, to: chain.activation.output)
    }

    /// The logits of one example, after `run` of a forward schedule.
    package func logits(example: Int) -> [Float] {
        precondition(example >= 0 && example < examples, "no such example in the tile")
        precondition(schedule.kind == .forward, "only a forward schedule keeps the logits")
        return logits.buffer.read(logits.range(example)) { row in row.indices.map { row[$0] } }
    }

    /// The sum of the examples' losses in nats, how many labels are classified right and how many there are, after `run` of
    /// a forward schedule.
    ///
    /// A place with a NaN among its logits is wrong and its loss is infinite; so the sum is never NaN. Of equal
    /// greatest logits the first decides.
    package func score(labels: [Int32]) -> (loss: Double, correct: Int, labels: Int) {
        precondition(schedule.kind == .forward, "only a forward schedule keeps the logits")
        check(labels)
        var score = (loss: 0.0, correct: 0, labels: 0)
        for example in 0..<examples {
            let one = CrossEntropy.score(logits, example: example, classes: network.classes, labels: labels)
            score = (score.loss + one.loss, score.correct + one.correct, score.labels + one.labels)
        }
        return score
    }

    private func check(_ labels: [Int32]) {
        precondition(labels.count == examples * network.labelsPerExample, "one label a place")
        let least: Int32 = network.labelsPerExample > 1 ? -1 : 0
        for label in labels {
            precondition(label >= least && label < network.classes, "a label is not below \(network.classes)")
        }
    }
}
