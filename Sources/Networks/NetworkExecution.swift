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

    final class Step {
        let action: Schedule.Action
        let tile: Tile
        /// Gradients to add the computed ones to.
        let sums: [TileValue?]
        /// For every example that there is room for, the tiles of a chain.
        let chains: [TileChain]
        /// How the action works on blocks of examples, where values rest in 16 bits.
        let blocks: BlockStep?

        init(action: Schedule.Action, tile: Tile, sums: [TileValue?], chains: [TileChain], blocks: BlockStep?) {
            self.action = action
            self.tile = tile
            self.sums = sums
            self.chains = chains
            self.blocks = blocks
        }
    }

    /// Measures the forward and backward passes and, as `perExampleNorm` and `clipAndSum`, what the visitor does in
    /// passes 0 and 1.
    package var clock: PhaseClock?

    let arena: Buffer<Float>
    let seeds: Buffer<UInt64>
    /// The values that rest in 16 bits; nil where none do.
    let area: WorkArea?
    private let input, logits: TileValue
    /// Where input and logits rest in 16 bits.
    private let packedInput, packedLogits: PackedMove?
    private(set) var steps: [Step] = []

    /// Allocates `plannedBytes`.
    ///
    /// - Parameters:
    ///   - once: nodes whose operands a `kept` schedule lends in pass 0 only.
    ///   - atOnce: for nodes that need it, how many examples' operands must be there together: for values that rest in 16
    ///     bits, since all of those that rest in floats are.
    ///   - numerics: a schedule without gradients has no use for its loss scale.
    package init(
        _ network: Network,
        schedule kind: Schedule.Kind,
        capacity: Int,
        once: Set<Int> = [],
        atOnce: [Int: Int] = [:],
        numerics: Numerics = .single
    ) {
        precondition(capacity >= 1, "a tile has room for at least one example")
        self.network = network
        self.capacity = capacity
        self.numerics = numerics
        let sizes = Sizes(network, kind, capacity: capacity, once: once, atOnce: atOnce, numerics)
        schedule = sizes.schedule
        let layout = sizes.layout
        arena = Buffer(count: sizes.values + sizes.scratch + sizes.passing)
        seeds = Buffer(count: capacity)
        area =
            if let format = numerics.storage, let work = sizes.work {
                WorkArea(format, halves: layout.halves, floats: work.count, capacity: capacity)
            } else {
                nil
            }
        let (arena, area) = (self.arena, self.area)
        let nothing = TileValue(buffer: arena, offset: 0, count: 0, capacity: capacity)
        /// Where an action has a value: in the arena or, in blocks of `plan`, in the work area.
        func value(_ place: ArenaLayout.Place, _ plan: WorkPlan? = nil) -> TileValue {
            if place.room == .floats {
                return TileValue(buffer: arena, offset: place.offset * capacity, count: place.count, capacity: capacity)
            }
            guard let area, let plan, let offset = plan.offsets[place] else { return nothing }
            return area.value(offset: offset, count: place.count, block: plan.block)
        }
        packedInput = layout.input.room == .halves ? area?.move(layout.input) : nil
        packedLogits = layout.logits.room == .halves ? area?.move(layout.logits) : nil
        func end(_ place: ArenaLayout.Place) -> TileValue {
            area.flatMap { place.room == .halves ? $0.value(offset: 0, count: place.count, block: 1) : nil }
                ?? value(place)
        }
        input = end(layout.input)
        logits = end(layout.logits)
        for (index, (action, places)) in zip(schedule.actions, layout.places).enumerated() {
            let node: Int? =
                switch action {
                case .forward(let node), .backward(let node), .backwardThrough(let node), .gradient(let node, _): node
                case .loss, .end: nil
                }
            let plan = sizes.work?.plans[index]
            func gradient(_ position: Int) -> TileValue? {
                guard let place = places.inputGradients[position] else { return nil }
                guard let area, let plan,
                    let offset = plan.passing.indices.contains(position) ? plan.passing[position] : nil
                else { return value(place, plan) }
                return area.value(offset: offset, count: place.count, block: plan.block)
            }
            let tile = Tile(
                inputs: places.inputs.map { value($0, plan) },
                output: places.output.map { value($0, plan) } ?? nothing,
                state: places.state.map { value($0, plan) } ?? nothing,
                inputGradients: places.inputGradients.indices.map(gradient),
                outputGradient: places.outputGradient.map { value($0, plan) },
                scratch: arena,
                scratchOffset: sizes.values,
                parameterOffset: node.map { network.nodes[$0].parameterOffset } ?? 0,
                node: node ?? 0,
                seeds: area?.seeds ?? seeds,
                isInPlace: places.isInPlace,
                isGradientInPlace: places.isGradientInPlace,
                isTraining: kind != .forward,
                arithmetic: numerics.arithmetic,
                examples: 0
            )
            let sums = places.sums.map { $0.map { value($0, plan) } }
            var (chains, blocks): ([TileChain], BlockStep?) = ([], nil)
            var convolutionOffset: Int?
            if case .backwardThrough(let node) = action, network.startsChain(node) {
                convolutionOffset = network.nodes[node].parameterOffset
            }
            if let area, let plan {
                let owner: Int? =
                    if case .backwardThrough(let node) = action { network.pooling(ofChain: node) } else { node }
                blocks = BlockStep(
                    action,
                    tile,
                    sums,
                    plan,
                    area,
                    operation: owner.map { network.nodes[$0].operation },
                    convolutionOffset: convolutionOffset,
                    sharesScratch: network.chainSharesScratch(action, numerics.arithmetic)
                )
            } else if case .backwardThrough = action {
                let passing = sizes.values + sizes.scratch
                let sharesScratch = network.chainSharesScratch(action, numerics.arithmetic)
                chains = (0..<capacity).map {
                    TileChain(
                        tile,
                        example: $0,
                        passing: passing,
                        convolutionOffset: convolutionOffset,
                        sharesScratch: sharesScratch
                    )
                }
            }
            steps.append(Step(action: action, tile: tile, sums: sums, chains: chains, blocks: blocks))
        }
    }

    /// Fills the tile: `fill(i, row)` writes all of example i's input and gives its public seed.
    ///
    /// - Parameter examples: 0...`capacity`.
    package func load(examples: Int, _ fill: (Int, inout MutableSpan<Float>) -> UInt64) {
        precondition(examples >= 0 && examples <= capacity, "a tile holds up to \(capacity) examples")
        self.examples = examples
        area?.occupant = nil
        for example in 0..<examples {
            // What rests in 16 bits is written at the beginning of the work area first.
            input.buffer.write(input.range(packedInput == nil ? example : 0)) { row in
                let seed = fill(example, &row)
                seeds.write { $0[example] = seed }
            }
            packedInput?.pack(example..<example + 1)
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
            if let blocks = step.blocks {
                run(step, blocks, parameters, labels, visitor)
            } else {
                step.tile.examples = examples
                run(step, parameters, labels, visitor)
            }
            clock?.end(step.action.phase)
        }
    }

    /// The logits of one example, after `run` of a forward schedule.
    package func logits(example: Int) -> [Float] {
        precondition(example >= 0 && example < examples, "no such example in the tile")
        precondition(schedule.kind == .forward, "only a forward schedule keeps the logits")
        let logits = logits(of: example)
        return logits.buffer.read(logits.range(example)) { row in row.indices.map { row[$0] } }
    }

    /// The sum of the examples' losses in nats, how many labels are classified right and how many there are, after `run` of
    /// a forward schedule.
    ///
    /// A place with a NaN among its logits is wrong and its loss is infinite; so the sum is never NaN. Of equal
    /// greatest logits the first decides.
    package func score(labels: [Int32]) -> (loss: Double, correct: Int, labels: Int) {
        var score = (loss: 0.0, correct: 0, labels: 0)
        for example in 0..<examples {
            let one = self.score(of: example, labels: labels)
            score = (score.loss + one.loss, score.correct + one.correct, score.labels + one.labels)
        }
        return score
    }

    /// The same of one example of the tile, which depends on no other.
    ///
    /// - Parameter labels: of the whole tile.
    package func score(of example: Int, labels: [Int32]) -> (loss: Double, correct: Int, labels: Int) {
        precondition(schedule.kind == .forward, "only a forward schedule keeps the logits")
        check(labels)
        return CrossEntropy.score(
            logits(of: example),
            example: example,
            classes: network.classes,
            labels: labels
        )
    }

    /// The logits where those of one example can be read.
    private func logits(of example: Int) -> TileValue {
        guard let packedLogits else { return logits }
        area?.occupant = nil
        packedLogits.unpack(example..<example + 1)
        var lent = logits
        lent.first = -example
        return lent
    }

    private func check(_ labels: [Int32]) {
        precondition(labels.count == examples * network.labelsPerExample, "one label a place")
        let least: Int32 = network.labelsPerExample > 1 ? -1 : 0
        for label in labels {
            precondition(label >= least && label < network.classes, "a label is not below \(network.classes)")
        }
    }
}
