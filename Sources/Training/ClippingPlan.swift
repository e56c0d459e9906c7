// SPDX-License-Identifier: Apache-2.0

package import Accounting
package import Kernels
package import Networks

/// How the gradients of one network are clipped and summed: which values are kept, how each layer's norm and sum are made,
/// and what one example can change. A function of public values alone.
package struct ClippingPlan: Sendable {
    /// How a weight's share of an example's norm is made.
    package enum NormPath: String, Hashable, Sendable, Codable {
        /// From Gram matrices of the operands.
        case gram
        /// From the gradient itself.
        case instantiate
    }

    /// How a weight's clipped gradients are added up.
    package enum SumPath: Hashable, Sendable {
        /// As floats, unclipped.
        case plain
        /// One example at a time, as integers.
        case integers
        /// As one float product for up to `capacity` examples of a leaf, then as integers.
        case leaves(capacity: Int)
    }

    /// The choice for one weight.
    package struct Weight: Hashable, Sendable {
        /// Which node, and which of its products.
        package let node, product: Int
        package let shape: WeightProduct
        package let norm: NormPath
        package let sum: SumPath
        /// The most that Σ over places of |e||a| may be of a clipped example, in units of C; infinite where nothing rests
        /// on it.
        package let massCap: Double
    }

    /// What is asked for, beside the method.
    package struct Options: Hashable, Sendable {
        package var rule: ClipRule = .abadi
        /// Whether the mass cap is applied; without it a method that needs it has no certificate.
        package var capsMass = true
        /// Whether the grid's bound is given and the clip norm gives way to errors (a task's plan), or the other way round.
        package var keepsBound = false
        /// Whether what a sum is made of is computed a second time rather than kept, where the method leaves that open.
        package var recomputes = false
        /// The most that errors may add to the sensitivity, as a factor.
        package var largestInflation = 1.01
        /// The most that errors of operands in fewer bits may add in a method that was asked for by name, before it is refused.
        package var inflationLimit = 1.1
        /// What noise may add to a coordinate of a sum, in bounds: by default sixteen standard deviations at a noise
        /// multiplier of 4. Beyond the integers' width a sum wraps around, which costs utility and no privacy.
        package var noiseRoom = 64
        /// What the network computes with.
        package var numerics = Numerics.single

        package init() {}
    }

    package let network: Network
    package let method: ClippingMethod
    package let grid: CertifiedGrid
    package let options: Options
    /// What a worker does with a tile.
    package let schedule: Schedule.Kind
    /// Whether each example's whole gradient is made and clipped at once.
    package let isWhole: Bool
    /// Every weight with a product gradient, by node and product.
    package let weights: [Weight]
    /// Of every node, how its gradients are made; by weight where all gradients are made and clipped at once.
    package let nodePaths: [NodePath]
    /// Examples of a tile.
    package let capacity: Int
    /// C_e: the norm to which gradients are clipped, at most the grid's clip.
    package let clip: Double
    /// The integers of a sum.
    package let width: Accumulator.Width
    /// What one example can change in an integer sum; nil where nothing bounds it.
    package let certificate: SensitivityCertificate?

    /// The capacities of leaves that occur, descending.
    package var leafCapacities: [Int] {
        Set(weights.compactMap(\.leafCapacity)).sorted(by: >)
    }

    /// How many weights are summed by leaves.
    var leafWeights: Int { weights.count { $0.leafCapacity != nil } }

    /// The index in `weights` of a node's first product.
    func firstWeight(of node: Int) -> Int {
        weights.firstIndex { $0.node == node } ?? weights.count
    }

    /// Which of the weights that are summed by leaves `weights[index]` is; nil where it is none.
    func leafIndex(_ index: Int) -> Int? {
        guard weights[index].leafCapacity != nil else { return nil }
        return weights[..<index].count { $0.leafCapacity != nil }
    }

    /// What every gradient is multiplied by: a power of two.
    var lossScale: Double { Double(options.numerics.lossScale) }

    /// k of the grid in the units of gradients of the scaled loss: integers are what they would be without the scale.
    var scaledGridExponent: Int { grid.exponent - Int(lossScale.exponent) }

    /// The certificate, or why there is none.
    ///
    /// - Throws: ``TrainingError/notCertified(method:reason:)``.
    package func certified() throws(TrainingError) -> SensitivityCertificate {
        if let certificate { return certificate }
        throw .notCertified(
            method: method.rawValue,
            reason: method == .none
                ? "nothing is clipped; it is not private"
                : "its mass cap is switched off, which leaves rounding errors unbounded"
        )
    }
}

extension ClippingPlan.Weight {
    /// The capacity of its leaves; nil where there are none.
    package var leafCapacity: Int? {
        if case .leaves(let capacity) = sum { capacity } else { nil }
    }

    /// Whether a leaf's sum is made example by example.
    func sumsByExample(_ arithmetic: ProductArithmetic) -> Bool {
        LeafLayer.sumsByExample(arithmetic, massCap: massCap)
    }

    /// Whether inputs are worth preparing before they are multiplied: where several products read them.
    func preparesInputs(_ arithmetic: ProductArithmetic) -> Bool {
        arithmetic.precision != .fp32 && shape.partRows < shape.rows
    }

    /// 2T²: what an example's norm by Gram matrices takes.
    package var ghostCost: Int { 2 * shape.places * shape.places }
    /// pD: the values of an example's gradient, one group's.
    package var instantiateCost: Int { shape.rows * shape.columns }
}

/// What one weight costs, for reading a plan.
package struct LayerPlan: Hashable, Sendable, Codable {
    /// Path and kind: `0 Conv2d`.
    package let name: String
    /// How norm and sum are made: `gram, leaves of 32`.
    package let method: String
    /// Bytes of a tile's values that are kept for this weight's gradients.
    package let keptBytes: Int
    /// Whether those values are computed again instead of kept.
    package let recompute: Bool
    /// 2T²: what an example's norm by Gram matrices takes, T being the places at which the weight is used.
    package let ghostCost: Int
    /// pD: the values of an example's weight gradient.
    package let instantiateCost: Int

    package init(_ weight: ClippingPlan.Weight, in plan: ClippingPlan) {
        let node = plan.network.nodes[weight.node]
        let role = node.operation.parameters[weight.shape.parameter].role
        name = "\(node.path) \(node.operation.kind)" + (node.products.count > 1 ? " \(role)" : "")
        let sum =
            switch weight.sum {
            case .plain: "plain sum"
            case .integers:
                switch plan.nodePaths[weight.node] {
                case .byWeight: plan.isWhole ? "integers, all layers at once" : "integers"
                case .kept: "integers, gradients kept"
                case .shared: "integers, made once"
                }
            case .leaves(let capacity): "leaves of \(capacity)"
            }
        method = weight.sum == .plain ? sum : "\(weight.norm.rawValue), \(sum)"
        recompute = plan.schedule == .recomputed
        let operands = plan.schedule == .kept ? node.operation.input.count + node.operation.output.count : 0
        // Gradients that are kept stay floats, whatever activations rest in.
        let isOnce = plan.onceNodes.contains(weight.node)
        let isFloat = isOnce || plan.options.numerics.storage == nil
        let bytes = isFloat ? MemoryLayout<Float>.stride : MemoryLayout<UInt16>.stride
        keptBytes = (isOnce ? weight.shape.coordinates : operands) * plan.capacity * bytes
        ghostCost = weight.ghostCost
        instantiateCost = weight.instantiateCost
    }
}

extension WeightProduct {
    /// The rule of mixed ghost clipping: whether the Gram matrices are no larger than the gradient (Bu et al., "Scalable
    /// and Efficient Training of Large Convolutional Neural Networks with Differential Privacy", NeurIPS 2022).
    package var prefersGram: Bool { 2 * places * places <= rows * columns }
    /// Coordinates of the weight.
    package var coordinates: Int { groups * rows * columns }
}
