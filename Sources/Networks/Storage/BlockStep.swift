// SPDX-License-Identifier: Apache-2.0

import Kernels

/// One action on values that rest in 16 bits: a block of examples is brought to work, computed and left, block after block.
///
/// An operation's numbers for an example do not depend on the others, so the blocks change no bits. What an action leaves is
/// rounded; what it makes and reads itself is not.
final class BlockStep {
    let tile: Tile
    /// Gradients to add the computed ones to.
    let sums: [TileValue?]
    /// Examples at work at once.
    let block: Int
    /// The parts of a chain, each with a tile: a convolution, where it begins with one, a pooling and an activation.
    let chain: (convolution: Tile?, pooling: Tile, activation: Tile)?
    private let area: WorkArea
    private let sharesScratch: Bool
    private let loads, lateLoads, stores: [PackedMove]

    /// - Parameters:
    ///   - tile: a tile whose values lie as `plan` says, or in the arena.
    ///   - operation: the node's, in a chain the pooling's.
    ///   - convolutionOffset: where the parameters of a chain's convolution begin.
    ///   - sharesScratch: whether a chain's pooling and activation leave the convolution's scratch alone.
    init(
        _ action: Schedule.Action,
        _ tile: Tile,
        _ sums: [TileValue?],
        _ plan: WorkPlan,
        _ area: WorkArea,
        operation: (any Operation)?,
        convolutionOffset: Int?,
        sharesScratch: Bool
    ) {
        self.sharesScratch = sharesScratch
        self.tile = tile
        self.sums = sums
        self.area = area
        block = plan.block
        loads = area.moves(plan.loads, plan, operation)
        lateLoads = area.moves(plan.lateLoads, plan, operation)
        stores = area.moves(plan.stores, plan, operation)
        switch action {
        case .gradient: tile.lender = OperandLender(area, loads: loads, most: plan.block)
        default: break
        }
        guard case .backwardThrough = action else {
            chain = nil
            return
        }
        func passing(_ index: Int, _ shape: Shape?) -> TileValue? {
            guard let shape else { return nil }
            return plan.passing[index].map { area.value(offset: $0, count: shape.count, block: plan.block) }
        }
        let unpooled = passing(0, operation?.input)
        let pooled = passing(1, operation?.output)
        let pooling = tile.copy()
        pooling.outputGradient = pooled ?? tile.outputGradient
        pooling.inputGradients = [unpooled]
        pooling.isGradientInPlace = false
        let activation = pooling.copy()
        activation.output = tile.input
        activation.outputGradient = unpooled
        activation.isGradientInPlace = true
        var convolution: Tile?
        if let convolutionOffset, let pooled {
            convolution = tile.copy()
            // Nothing of an input is read but how many examples there is room for.
            convolution?.inputs = [pooled]
            convolution?.inputGradients = [pooled]
            convolution?.parameterOffset = convolutionOffset
        }
        chain = (convolution, pooling, activation)
    }

    /// Calls `body` for every block of `examples` examples, as tiles of their own: the block's first example is example 0.
    func forEachBlock(of examples: Int, arena: Buffer<Float>, seeds: Buffer<UInt64>, _ body: () -> Void) {
        forEachBlock(of: examples) { block in
            seeds.read(block) { from in
                area.seeds.write(0..<block.count) { to in
                    for row in to.indices { to[row] = from[row] }
                }
            }
            adjust(tile, block, arena)
            // Nobody else uses the scratch between two blocks of one action.
            tile.reusesPreparation = block.lowerBound > 0
            if let chain {
                if let convolution = chain.convolution {
                    adjust(convolution, block, arena)
                    convolution.reusesPreparation = sharesScratch && block.lowerBound > 0
                }
                adjust(chain.pooling, block, arena)
                adjust(chain.activation, block, arena)
            }
            body()
        }
    }

    /// Calls `body` with every block of `examples` examples, which keep their numbers.
    func forEachNumberedBlock(of examples: Int, _ body: (Range<Int>) -> Void) {
        tile.examples = examples
        forEachBlock(of: examples) { block in
            tile.shift(area.floats, to: -block.lowerBound)
            body(block)
        }
    }

    private func forEachBlock(of examples: Int, _ body: (Range<Int>) -> Void) {
        area.occupant = nil
        for first in stride(from: 0, to: examples, by: block) {
            present = first..<min(examples, first + block)
            for load in loads { load.unpack(present) }
            body(present)
            for store in stores { store.pack(present) }
        }
    }

    private var present = 0..<0

    /// Brings what a chain reads after its pooling.
    func loadLate() {
        for load in lateLoads { load.unpack(present) }
    }

    private func adjust(_ tile: Tile, _ block: Range<Int>, _ arena: Buffer<Float>) {
        tile.examples = block.count
        tile.shift(arena, to: block.lowerBound)
    }
}

extension Tile {
    /// Makes example 0 of every value in `buffer` the one in row `first`.
    func shift(_ buffer: Buffer<Float>, to first: Int) {
        for index in inputs.indices where inputs[index].buffer === buffer { inputs[index].first = first }
        if output.buffer === buffer { output.first = first }
        if state.buffer === buffer { state.first = first }
        for index in inputGradients.indices where inputGradients[index]?.buffer === buffer {
            inputGradients[index]?.first = first
        }
        if outputGradient?.buffer === buffer { outputGradient?.first = first }
    }
}
