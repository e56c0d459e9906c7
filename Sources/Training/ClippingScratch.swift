// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks

/// What a worker needs for a moment: norms, factors and single gradients of a tile's examples.
final class ClippingScratch {
    /// One example's gradient of all nodes whose gradients are made at once; nil where there are none.
    let gradient: Buffer<Float>?
    /// Every example's gradient of the nodes whose gradients are kept.
    let kept: Buffer<Float>
    private let keptCount: Int
    /// One weight's gradient, of one example or one leaf.
    let partial: Buffer<Float>
    /// The errors of some examples, scaled by their clip factors.
    let scaledErrors: Buffer<Float>
    /// Inputs as they are multiplied, where several products read them.
    let prepared: Buffer<Float>
    /// Rounded operands of one example, or rounded inputs of some.
    let rounded: Buffer<Float>
    let gram: GramNorm?

    /// Σ of squared norms so far.
    private let squaredNorms: Buffer<Double>
    /// The mass of every weight that is summed by leaves, by example.
    private let masses: Buffer<Double>
    private let massCount: Int
    /// The clip factors c_i; 0 for an example that contributes nothing.
    let factors: Buffer<Float>
    /// Checksums of what the norms were made of, by node and example.
    private let checksums: Buffer<UInt64>
    private let capacity: Int
    /// Where clip factors are counted; nil for nowhere.
    var diagnostics: ClippingDiagnostics?

    init(_ plan: ClippingPlan) {
        let sizes = Self.sizes(plan)
        gradient = sizes.gradient > 0 ? Buffer(count: sizes.gradient) : nil
        keptCount = plan.keptCount
        kept = Buffer(count: keptCount * plan.capacity)
        partial = Buffer(count: sizes.partial)
        scaledErrors = Buffer(count: sizes.errors)
        prepared = Buffer(count: sizes.prepared)
        rounded = Buffer(count: sizes.rounded)
        gram = sizes.usesGram ? GramNorm() : nil
        capacity = plan.capacity
        squaredNorms = Buffer(count: capacity)
        massCount = plan.leafWeights
        masses = Buffer(count: capacity * massCount)
        factors = Buffer(count: capacity)
        checksums = Buffer(count: plan.schedule == .recomputed ? capacity * plan.network.nodes.count : 0)
    }

    static func plannedBytes(_ plan: ClippingPlan) -> Int {
        let sizes = Self.sizes(plan)
        let gradients = sizes.gradient + plan.keptCount * plan.capacity
        let sums = plan.schedule == .recomputed ? plan.capacity * plan.network.nodes.count : 0
        return
            (gradients + sizes.partial + sizes.errors + sizes.prepared + sizes.rounded + plan.capacity)
            * MemoryLayout<Float>.stride
            + (plan.capacity * (1 + plan.leafWeights) + sums) * MemoryLayout<Double>.stride
            + (sizes.usesGram ? GramNorm.plannedBytes : 0)
    }

    private struct Sizes {
        var gradient = 0
        var partial = 0
        var errors = 0
        var prepared = 0
        var rounded = 0
        var usesGram = false
    }

    private static func sizes(_ plan: ClippingPlan) -> Sizes {
        var sizes = Sizes()
        guard plan.method != .none else { return sizes }
        guard !plan.isWhole else {
            sizes.gradient = plan.network.parameterCount
            return sizes
        }
        let arithmetic = plan.options.numerics.arithmetic
        for weight in plan.weights where plan.nodePaths[weight.node] == .byWeight {
            let shape = weight.shape
            sizes.partial = max(sizes.partial, shape.partRows * shape.columns)
            func prepare(places: Int) {
                guard weight.preparesInputs(arithmetic) else { return }
                let product = RowProduct(inner: places, columns: shape.columns, isTransposed: false)
                sizes.prepared = max(sizes.prepared, product.scratchCount)
            }
            prepare(places: shape.places)
            guard let capacity = weight.leafCapacity else { continue }
            let operation = plan.network.nodes[weight.node].operation
            let step = operation.operandExamples(weight.product, capacity: plan.capacity)
            let places = min(step, capacity) * shape.places
            let isByExample = weight.sumsByExample(arithmetic)
            if !plan.scalesInPlace(weight) { sizes.errors = max(sizes.errors, places * shape.rows) }
            if isByExample {
                let count = SegmentOperands.scratchCount(
                    segments: min(step, capacity),
                    terms: shape.places,
                    columns: shape.columns
                )
                sizes.prepared = max(sizes.prepared, count)
            } else {
                prepare(places: places)
                if arithmetic.ofClippedErrors != arithmetic {
                    sizes.rounded = max(sizes.rounded, places * shape.columns)
                }
            }
            if capacity > step { sizes.partial = max(sizes.partial, shape.rows * shape.columns) }
            if arithmetic.precision != .fp32 {
                sizes.rounded = max(sizes.rounded, shape.places * (shape.rows + shape.columns))
            }
        }
        sizes.gradient = plan.sharedCount
        sizes.usesGram = plan.weights.contains { $0.norm == .gram && $0.shape.places > 1 }
        return sizes
    }

    /// Forgets norms and mass.
    func clearNorms() {
        squaredNorms.fill(0)
        masses.fill(0)
    }

    /// Adds to an example's squared norm.
    func add(squaredNorm: Double, example: Int) {
        squaredNorms.write { $0[example] += squaredNorm }
    }

    /// An example's squared norm so far.
    func squaredNorm(_ example: Int) -> Double {
        squaredNorms.read { $0[example] }
    }

    /// Sets the mass of a weight, the `index`-th that is summed by leaves.
    func set(mass: Double, index: Int, example: Int) {
        masses.write { $0[example * massCount + index] = mass }
    }

    /// Where an example's kept gradients begin.
    func keptStart(_ example: Int) -> Int { example * keptCount }

    /// Turns an example's norm and masses into its clip factor, which is 0 where one of them is not finite.
    func finish(_ factor: ClipFactor, example: Int) {
        let squaredNorm = squaredNorm(example)
        masses.read(example * massCount..<(example + 1) * massCount) { masses in
            let found = factor.factor(squaredNorm: squaredNorm, masses: masses)
            factors.write { $0[example] = found }
            guard let diagnostics else { return }
            let noMass = [Double](repeating: 0, count: masses.count)
            diagnostics.note(factor: found, byNorm: factor.factor(squaredNorm: squaredNorm, masses: noMass.span))
        }
    }

    /// The clip factor of an example, after `finish`.
    func factor(_ example: Int) -> Float {
        factors.read { $0[example] }
    }

    /// Remembers what the norms of a node are made of.
    func record(_ node: Int, _ tile: Tile, _ network: Network) {
        checksums.write { checksums in
            for example in 0..<tile.examples {
                tile.bring(example..<example + 1)
                checksums[node * capacity + example] = Self.checksum(tile, network.nodes[node].operation, example)
            }
        }
    }

    /// Excludes every example of which a node's operands differ from those of its norm: a second computation that is not
    /// the same has no bound.
    func compare(_ node: Int, _ tile: Tile, _ network: Network) {
        checksums.read { checksums in
            for example in 0..<tile.examples {
                tile.bring(example..<example + 1)
                let found = Self.checksum(tile, network.nodes[node].operation, example)
                if found != checksums[node * capacity + example] { factors.write { $0[example] = 0 } }
            }
        }
    }

    private static func checksum(_ tile: Tile, _ operation: any Operation, _ example: Int) -> UInt64 {
        var sum: UInt64 = 1
        if !operation.gradientFollowsBackward {
            sum = tile.given.buffer.read(tile.given.range(example)) { Checksum.of($0, seed: sum) }
        }
        let needs = operation.gradientNeeds
        if needs.contains(.input) {
            sum = tile.input.buffer.read(tile.input.range(example)) { Checksum.of($0, seed: sum) }
        }
        if needs.contains(.state) {
            sum = tile.state.buffer.read(tile.state.range(example)) { Checksum.of($0, seed: sum) }
        }
        return sum
    }
}
