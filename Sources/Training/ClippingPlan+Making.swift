// SPDX-License-Identifier: Apache-2.0

import Accounting
package import Kernels
package import Networks

extension ClippingPlan {
    /// Plans a method for a network.
    ///
    /// - Parameters:
    ///   - grid: of as many coordinates as the network has parameters.
    ///   - capacity: examples of a tile; nil for what suits the network.
    ///   - examples: how many examples a sum has at most, for the width of its integers.
    /// - Throws: ``TrainingError/notCertified(method:reason:)`` where grid and network do not belong together or errors
    ///   leave nothing of the clip.
    package init(
        _ method: ClippingMethod,
        network: Network,
        grid: CertifiedGrid,
        options: Options = Options(),
        capacity: Int? = nil,
        examples: Int = 1 << 20
    ) throws(TrainingError) {
        guard grid.dimension == network.parameterCount else {
            throw .notCertified(
                method: method.rawValue,
                reason: "the grid has \(grid.dimension) coordinates and the network \(network.parameterCount)"
            )
        }
        let scale = Double(options.numerics.lossScale)
        // In fewer bits an example's own sum is made before it is clipped, and must not overflow.
        let isWide = options.rule == .abadi && options.numerics.arithmetic.precision == .fp32
        let largest = isWide ? ClipFactor.clips.upperBound : 0x1p40
        let exponent = grid.exponent - Int(scale.exponent)
        guard grid.clip * scale <= largest, ClipFactor.gridExponents.contains(exponent) else {
            throw .invalidArgument(
                name: "loss scale",
                value: "\(options.numerics.lossScale)",
                expected: "one that takes the clip norm \(grid.clip) to \(largest) at most"
            )
        }
        let capacity = capacity ?? Self.usualCapacity(network, storage: options.numerics.storage)
        let shape = Self.shape(method, network, capacity: capacity, options)
        self.network = network
        self.method = method
        self.grid = grid
        self.options = options
        self.capacity = capacity
        schedule = shape.schedule
        isWhole = shape.isWhole
        let (weights, terms) = Self.leaves(
            shape.weights,
            network: network,
            grid: grid,
            capacity: capacity,
            options: options,
            mayGiveUp: method == .auto
        )
        self.weights = weights
        let makesOnce = (method == .auto || method == .exact) && shape.schedule == .kept && !shape.isWhole
        nodePaths =
            makesOnce
            ? Self.nodePaths(network, weights) : Array(repeating: .byWeight, count: network.nodes.count)
        if isWhole {
            clip = grid.clip
            width = terms.width(examples: examples + options.noiseRoom, bound: grid.bound)
            certificate = SensitivityCertificate(
                method: method.rawValue,
                bound: grid.bound,
                gridExponent: grid.exponent,
                dimension: grid.dimension,
                inflation: 1,
                derivation: "integer clipping, exact for every input: docs/proofs/integer-clip.md",
                // The bound needs none of it; that an example is the same vector in every tile does.
                environment: Self.environment(options)
            )
            return
        }
        guard method != .none, options.capsMass || terms.layers.isEmpty else {
            clip = grid.clip
            width = .wide
            certificate = nil
            return
        }
        let clip = options.keepsBound ? terms.effectiveClip(bound: grid.bound) : grid.clip
        guard let clip,
            let certificate = terms.certificate(
                clip: clip,
                method: method.rawValue,
                environment: Self.environment(options)
            )
        else {
            throw .notCertified(
                method: method.rawValue,
                reason: "rounding errors exceed the clip norm on this grid; use per-example or a smaller physical batch"
            )
        }
        guard options.numerics.arithmetic.precision == .fp32 || certificate.inflation <= options.inflationLimit else {
            throw .notCertified(
                method: "\(method.rawValue) in \(options.numerics.arithmetic.precision.rawValue)",
                reason:
                    "rounding errors raise the sensitivity by a factor of \(certificate.inflation), above the limit of "
                    + "\(options.inflationLimit); use auto, exact or per-example, or raise the limit"
            )
        }
        self.clip = clip
        self.certificate = certificate
        width = terms.width(examples: examples + options.noiseRoom, bound: certificate.bound)
    }

    /// What the numbers are computed by: the matrix library, the processor, and how products are rounded.
    private static func environment(_ options: Options) -> String {
        let arithmetic = options.numerics.arithmetic
        var parts = [Processor.description]
        if arithmetic.precision != .fp32 {
            let way = arithmetic.rounding == .truncated ? "truncated" : "rounded to nearest"
            parts.append("operands \(way) to \(arithmetic.precision.rawValue.uppercased())")
        }
        if arithmetic.usesHardware { parts.append("BF16 dot products") }
        if arithmetic.accumulation == .fp64 { parts.append("sums in FP64") }
        if let storage = options.numerics.storage { parts.append("stored in \(storage.rawValue.uppercased())") }
        if options.numerics.lossScale != 1 { parts.append("loss times \(Int(options.numerics.lossScale))") }
        return parts.joined(separator: ", ")
    }

    /// Whether 32 bits hold any sum of so many examples and its noise, errors of leaves included.
    static func width(examples: Int, _ grid: CertifiedGrid, options: Options) -> Accumulator.Width {
        let most = Double(examples + options.noiseRoom) * Double(grid.bound) * options.largestInflation
        return most <= Double(Accumulator.Width.narrow.limit) ? .narrow : .wide
    }

    /// Gives leaves their capacities and mass caps.
    private static func leaves(
        _ weights: [Weight],
        network: Network,
        grid: CertifiedGrid,
        capacity: Int,
        options: Options,
        mayGiveUp: Bool
    ) -> (weights: [Weight], terms: LeafCertificate) {
        let places = weights.indices.filter { weights[$0].leafCapacity != nil }
        let layers = places.map { LeafLayer(weights[$0].shape, norm: weights[$0].norm, options.numerics) }
        let exact = network.parameterCount - layers.reduce(0) { $0 + $1.coordinates }
        let isRounded = options.numerics.arithmetic.precision != .fp32
        var limit = min(options.largestInflation, isRounded ? options.inflationLimit : .infinity)
        var capacities: [Int?] = []
        // A method that was asked for by name keeps its leaves, whatever they cost; `auto` sums exactly instead.
        repeat {
            capacities = LeafCertificate.capacities(
                for: layers,
                exactCoordinates: exact,
                clip: grid.clip,
                gridExponent: grid.exponent,
                limit: limit
            )
            limit = 1 + 2 * (limit - 1)
        } while !mayGiveUp && capacities.contains(nil) && limit < 0x1p20
        var chosen = weights
        for (place, leaf) in zip(places, capacities) {
            let weight = weights[place]
            let isLeaf = leaf != nil || !mayGiveUp
            let massCap = isLeaf ? LeafLayer.massCap(places: weight.shape.places) : .infinity
            let most = mostLeafExamples(
                network,
                weight.node,
                weight.product,
                weight.shape,
                capacity: capacity,
                options
            )
            chosen[place] = Weight(
                node: weight.node,
                product: weight.product,
                shape: weight.shape,
                norm: isLeaf ? weight.norm : .instantiate,
                sum: isLeaf ? .leaves(capacity: min(leaf ?? 1, most)) : .integers,
                massCap: massCap
            )
        }
        let kept = chosen.filter { $0.leafCapacity != nil }
        let terms = LeafCertificate(
            exactCoordinates: network.parameterCount - kept.reduce(0) { $0 + $1.shape.coordinates },
            layers: kept.map { LeafLayer($0.shape, norm: $0.norm, options.numerics) },
            capacities: kept.compactMap(\.leafCapacity),
            gridExponent: grid.exponent
        )
        return (chosen, terms)
    }

    /// A method's choices before leaves have capacities.
    private static func shape(
        _ method: ClippingMethod,
        _ network: Network,
        capacity: Int,
        _ options: Options
    ) -> (schedule: Schedule.Kind, isWhole: Bool, weights: [Weight]) {
        if method == .auto { return automatic(network, capacity: capacity, options) }
        func weights(_ choose: (WeightProduct) -> (NormPath, SumPath)) -> [Weight] {
            network.weightProducts.map { node, product, shape in
                let (norm, sum) = choose(shape)
                return Weight(node: node, product: product, shape: shape, norm: norm, sum: sum, massCap: .infinity)
            }
        }
        let leaves = SumPath.leaves(capacity: capacity)
        return switch method {
        case .none: (.streamed, false, weights { _ in (.instantiate, .plain) })
        case .perExample: (.kept, true, weights { _ in (.instantiate, .integers) })
        case .exact: (.kept, false, weights { _ in (.instantiate, .integers) })
        case .ghost: (.recomputed, false, weights { _ in (.gram, leaves) })
        case .mixedGhost: (.recomputed, false, weights { ($0.prefersGram ? .gram : .instantiate, leaves) })
        case .bookKeeping: (.kept, false, weights { _ in (.gram, leaves) })
        case .bookKeepingMix: (.kept, false, weights { ($0.prefersGram ? .gram : .instantiate, leaves) })
        case .perLayer:
            (.streamed, false, weights { $0.prefersGram ? (.gram, leaves) : (.instantiate, .integers) })
        case .auto: preconditionFailure("chosen above")
        }
    }

    /// The choices of `auto` by the cost model.
    private static func automatic(
        _ network: Network,
        capacity: Int,
        _ options: Options
    ) -> (schedule: Schedule.Kind, isWhole: Bool, weights: [Weight]) {
        var model = ClippingCost()
        let usualLeaf = model.leafExamples
        if network.parameterCount <= model.wholeCoordinates, !options.recomputes, !model.prefersLayers(network) {
            let weights = network.weightProducts.map { node, product, shape in
                Weight(
                    node: node,
                    product: product,
                    shape: shape,
                    norm: .instantiate,
                    sum: .integers,
                    massCap: .infinity
                )
            }
            return (.kept, true, weights)
        }
        let weights = network.weightProducts.map { node, product, shape in
            let most = mostLeafExamples(network, node, product, shape, capacity: capacity, options)
            model.leafExamples = min(usualLeaf, Double(most))
            let isLeaf = model.leaf(shape) < model.integers(shape)
            return Weight(
                node: node,
                product: product,
                shape: shape,
                norm: isLeaf ? .gram : .instantiate,
                sum: isLeaf ? .leaves(capacity: capacity) : .integers,
                massCap: .infinity
            )
        }
        return (options.recomputes ? .recomputed : .kept, false, weights)
    }

    /// The most examples of a leaf: those of a tile, or as many as there are operands of at once where sums are made example
    /// by example, which is fastest then.
    private static func mostLeafExamples(
        _ network: Network,
        _ node: Int,
        _ product: Int,
        _ shape: WeightProduct,
        capacity: Int,
        _ options: Options
    ) -> Int {
        let massCap = LeafLayer.massCap(places: shape.places)
        guard LeafLayer.sumsByExample(options.numerics.arithmetic, massCap: massCap) else { return capacity }
        return network.nodes[node].operation.operandExamples(product, capacity: capacity)
    }

    private static let largestTileBytes = 48 << 20

    /// Examples of a tile where nothing limits them: enough rows for the products of layers with large weights, few where
    /// the rows of one example are enough.
    package static func usualCapacity(_ network: Network, storage: NumberFormat? = nil) -> Int {
        var capacity = 8
        for (_, _, shape) in network.weightProducts where shape.coordinates >= 1 << 17 {
            let rows = 256
            capacity = max(capacity, min(rows, (rows + shape.places - 1) / shape.places))
        }
        return max(1, min(capacity, largestCapacity(network, storage)))
    }
}

extension ClippingPlan {
    /// Beyond this a tile's values leave every cache, and more examples gain nothing.
    private static func largestCapacity(_ network: Network, _ storage: NumberFormat?) -> Int {
        largestTileBytes / NetworkExecution.bytesPerExample(network, schedule: .kept, storage: storage)
    }

    /// Examples of a tile that suit a logical batch as well: where sums are taken by leaves, the 2^k leaves with k common
    /// bits of their keys should nearly always fit, since a leaf that does not fit is halved.
    static func usualCapacity(_ network: Network, batch: Double, workers: Int, storage: NumberFormat?) -> Int {
        let usual = usualCapacity(network, storage: storage)
        let cost = ClippingCost()
        guard network.parameterCount > cost.wholeCoordinates || cost.prefersLayers(network) else { return usual }
        let largest = min(Double(largestCapacity(network, storage)), 1.25 * Double(usual))
        var leaves = 1.0
        while leaves < batch {
            let mean = batch / leaves
            let capacity = (mean + 3 * mean.squareRoot()).rounded(.up)
            if leaves >= Double(workers), capacity <= largest { return max(1, Int(capacity)) }
            leaves *= 2
        }
        return usual
    }
}

extension LeafLayer {
    /// A weight that is summed by leaves as this room does it.
    init(_ shape: WeightProduct, norm: ClippingPlan.NormPath, _ numerics: Numerics) {
        self.init(
            outputs: shape.rows,
            inputs: shape.columns,
            groups: shape.groups,
            places: shape.places,
            productTerms: GradientWorker.productTerms,
            gramTerms: GramNorm.innerBlock,
            norm: norm == .gram ? .gram : .instantiated,
            arithmetic: numerics.arithmetic
        )
    }
}

extension Network {
    /// Every weight whose gradient is a product, by node and product.
    var weightProducts: [(node: Int, product: Int, shape: WeightProduct)] {
        nodes.enumerated().flatMap { node, entry in
            entry.products.enumerated().map { (node, $0.offset, $0.element) }
        }
    }
}
