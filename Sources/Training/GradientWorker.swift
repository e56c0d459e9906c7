// SPDX-License-Identifier: Apache-2.0

import Datasets
import Kernels
import Networks

/// One worker: its arena, its integers, and the clipping of one tile after another.
///
/// All memory is taken when it is made; a tile allocates nothing.
final class GradientWorker: GradientVisitor {
    let plan: ClippingPlan
    /// The clipped sum of this worker's tiles; nil where nothing is clipped.
    let sum: Accumulator?
    /// The plain sum of this worker's tiles; nil where it is clipped.
    let plainSum: Buffer<Float>?

    private let execution: NetworkExecution
    let scratch: ClippingScratch
    /// The factor from a gradient's units to grid units.
    let perUnit: Float
    private let clip: IntegerClip
    /// From norms and masses to clip factors: of whole examples, and of one node where every layer has its own threshold.
    private let factor, layerFactor: ClipFactor
    /// Terms of one float product of a leaf's sum (``LeafLayer/productTerms``).
    static let productTerms = FixedOrderProduct.blockTerms
    private(set) var tiles: [Tile?]
    /// What is made once of every example's gradient.
    let pieces: [GradientPiece]
    /// The draw and the tile at hand.
    private var draw: DrawOrder?
    private var tileRange = 0..<0
    private(set) var parameters: Buffer<Float>?
    private var labels: [Int32] = []

    /// Where norms are left, by the example's index.
    private let norms: Buffer<Double>?
    /// Counts what clipping does, where somebody wants to know.
    private let diagnostics: ClippingDiagnostics?
    /// Measures, where somebody wants to know.
    let clock: PhaseClock?

    init(
        _ plan: ClippingPlan,
        norms: Buffer<Double>? = nil,
        diagnostics: ClippingDiagnostics? = nil,
        clock: PhaseClock? = nil
    ) {
        self.plan = plan
        self.norms = norms
        self.diagnostics = diagnostics
        self.clock = clock
        let dimension = plan.network.parameterCount
        execution = NetworkExecution(
            plan.network,
            schedule: plan.schedule,
            capacity: plan.capacity,
            once: plan.onceNodes,
            atOnce: plan.examplesAtOnce,
            numerics: plan.options.numerics
        )
        execution.clock = clock
        scratch = ClippingScratch(plan)
        scratch.diagnostics = diagnostics
        pieces = GradientPiece.all(plan)
        sum = plan.method == .none ? nil : Accumulator(count: dimension, width: plan.width)
        plainSum = plan.method == .none ? Buffer(count: dimension) : nil
        clip = IntegerClip(bound: plan.grid.bound, gridExponent: plan.scaledGridExponent, dimension: dimension)
        perUnit = Float(sign: .plus, exponent: plan.scaledGridExponent, significand: 1)
        let layers = plan.network.nodes.count { !$0.operation.parameters.isEmpty }
        factor = ClipFactor(plan, clip: plan.clip)
        layerFactor = ClipFactor(plan, clip: plan.clip / Double(layers).squareRoot())
        tiles = Array(repeating: nil, count: plan.network.nodes.count)
        labels.reserveCapacity(plan.capacity * plan.network.labelsPerExample)
    }

    /// Bytes of one worker.
    static func plannedBytes(_ plan: ClippingPlan) -> Int {
        NetworkExecution.plannedBytes(
            plan.network,
            schedule: plan.schedule,
            capacity: plan.capacity,
            once: plan.onceNodes,
            atOnce: plan.examplesAtOnce,
            numerics: plan.options.numerics
        )
            + ClippingScratch.plannedBytes(plan)
            + plan.network.parameterCount * (plan.method == .none ? 4 : plan.width.bytes)
    }

    /// Forgets the sum.
    func clear() {
        sum?.clear()
        if let plainSum { plainSum.clear(0..<plainSum.count) }
    }

    /// Adds the clipped gradients of a tile.
    ///
    /// - Parameters:
    ///   - tile: positions in `draw`, at most `capacity`.
    ///   - draw: who was drawn, in order.
    ///   - seed: public; with the example's index it seeds what the network draws.
    func accumulate(
        tile: Range<Int>,
        of draw: DrawOrder,
        dataset: any ExampleSource,
        seed: UInt64,
        parameters: Buffer<Float>
    ) {
        labels.removeAll(keepingCapacity: true)
        for position in tile { dataset.appendLabels(of: draw.index(position), to: &labels) }
        execution.load(examples: tile.count) { row, input in
            let index = draw.index(tile.lowerBound + row)
            dataset.write(example: index, into: &input)
            return ExampleSeed.value(seed: seed, index: index)
        }
        self.draw = draw
        tileRange = tile
        scratch.clearNorms()
        self.parameters = parameters
        execution.run(parameters: parameters, labels: labels, visitor: self)
    }

    /// Calls `body` with every leaf of the tile at hand, as a range of its examples.
    func forEachLeaf(capacity: Int, _ body: (Range<Int>) -> Void) {
        guard let draw else { return }
        for leaf in draw.leaves(capacity: capacity, in: tileRange) {
            body(leaf.lowerBound - tileRange.lowerBound..<leaf.upperBound - tileRange.lowerBound)
        }
    }

    func visit(node: Int, pass: Int, tile: Tile, parameters: Buffer<Float>) {
        if plan.method == .none {
            addPlain(node, tile, parameters)
        } else if plan.isWhole {
            tiles[node] = tile
        } else if plan.method == .perLayer {
            scratch.clearNorms()
            addNorms(node, tile, parameters)
            for example in 0..<tile.examples { scratch.finish(layerFactor, example: example) }
            leaveNorms(adding: true)
            addSums(node, tile, parameters)
        } else if case .shared = plan.nodePaths[node] {
            tiles[node] = tile
        } else if case .kept(let offset) = plan.nodePaths[node] {
            keepGradients(node, tile, offset: offset)
        } else if pass == 0 {
            if plan.schedule == .recomputed { scratch.record(node, tile, plan.network) }
            addNorms(node, tile, parameters)
        } else {
            if plan.schedule == .recomputed { scratch.compare(node, tile, plan.network) }
            addSums(node, tile, parameters)
        }
    }

    func end(pass: Int, examples: Int) {
        if plan.isWhole {
            if pass == 1 { clipWhole(examples) }
        } else if plan.method != .none, plan.method != .perLayer, pass == 0 {
            finishExamples(factor, examples)
            leaveNorms(adding: false)
        }
    }

    /// Tells norms to who asked for them.
    private func leaveNorms(adding: Bool) {
        guard let norms, let draw else { return }
        norms.write { norms in
            for position in tileRange {
                let squared = scratch.squaredNorm(position - tileRange.lowerBound) / (plan.lossScale * plan.lossScale)
                let before = norms[draw.index(position)]
                norms[draw.index(position)] = (squared + (adding ? before * before : 0)).squareRoot()
            }
        }
    }

    // MARK: - Without clipping

    private func addPlain(_ node: Int, _ tile: Tile, _ parameters: Buffer<Float>) {
        guard let plainSum else { return }
        let operation = plan.network.nodes[node].operation
        for (product, shape) in plan.network.nodes[node].products.enumerated() {
            let step = min(tile.mostAtOnce, operation.operandExamples(product, capacity: tile.input.capacity))
            let offset = tile.parameterOffset + operation.offset(ofParameter: shape.parameter)
            for first in stride(from: 0, to: tile.examples, by: step) {
                let examples = first..<min(tile.examples, first + step)
                tile.bring(examples)
                for group in 0..<shape.groups {
                    let operands = operation.operands(product, group: group, examples: examples, tile)
                    let target = shape.target(plainSum, offset: offset, group: group)
                    FixedOrderProduct.multiply(
                        operands.errors.transposed,
                        operands.right,
                        into: target,
                        accumulate: true,
                        arithmetic: tile.arithmetic
                    )
                }
            }
        }
        guard operation.hasDirectGradient else { return }
        for example in 0..<tile.examples {
            tile.bring(example..<example + 1)
            operation.visitDirectGradient(example: example, tile, parameters: parameters) { offset, values in
                plainSum.write(offset..<offset + values.count) { Elementwise.add(values, to: &$0) }
            }
        }
    }

    // MARK: - One whole gradient at a time

    private func clipWhole(_ examples: Int) {
        guard let sum, let gradient = scratch.gradient else { return }
        for example in 0..<examples {
            for node in plan.network.nodes.indices {
                guard let tile = tiles[node] else { continue }
                tile.bring(example..<example + 1, ahead: false)
                makeGradient(node, tile, example: example, into: gradient, at: tile.parameterOffset)
            }
            // The outcome tells the example's norm and whether it was clipped: private, so it ends here unless somebody
            // asked by name.
            gradient.read { gradient in
                let squaredNorm = Reductions.sumOfSquares(gradient)
                if let norms, let draw {
                    let norm = squaredNorm.squareRoot() / plan.lossScale
                    norms.write { $0[draw.index(tileRange.lowerBound + example)] = norm }
                }
                let divisor = plan.options.rule.divisor(
                    norm: squaredNorm.squareRoot(),
                    unit: plan.lossScale
                )
                let outcome = clip.add(
                    gradient: gradient,
                    squaredNorm: divisor * divisor,
                    normalises: plan.options.rule == .automatic,
                    to: sum
                )
                diagnostics?.note(outcome)
            }
        }
    }
}
