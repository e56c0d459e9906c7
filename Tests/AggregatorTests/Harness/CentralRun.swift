// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Datasets
import Kernels
import Networks
import Randomness
import Rounds
import Training

/// The same training without clients, server, rings or codings: a plain loop over single examples on the union of the
/// devices' draws, and a step of momentum by PyTorch's rule.
struct CentralRun {
    private let plan: TaskPlan
    private let network: Network
    private let parts: [Dataset]
    private var parameters: [Float]
    private var velocity: [Float]
    private(set) var examples = 0

    init(_ plan: TaskPlan, parts count: Int) throws {
        self.plan = plan
        network = try Network.preset(
            plan.model.preset,
            input: Shape(plan.model.inputShape),
            classes: plan.model.classes
        )
        parts = try (1...count).map { try DatasetSource.load("digits:\($0)/\(count)").train }
        parameters = network.initialParameters(seed: plan.model.initialisationSeed)
        velocity = [Float](repeating: 0, count: network.parameterCount)
    }

    var model: [UInt8] { network.safetensors(parameters) }
    var modelHash: [UInt8] { SHA256.hash(model) }

    /// - Parameter devices: who delivered in this round.
    mutating func step(round: Int, devices: [Int]) throws {
        let sum = Accumulator(count: network.parameterCount, width: .wide)
        let execution = NetworkExecution(network, schedule: .streamed, capacity: 1)
        let gradient = SingleGradient(network)
        let weights = Buffer(parameters)
        let clip = IntegerClip(
            bound: plan.privacy.bound,
            gridExponent: plan.privacy.gridExponent,
            dimension: network.parameterCount
        )
        let sampler = try PoissonSampler(rate: plan.privacy.samplingRate)
        for device in devices {
            let data = parts[device - 1]
            var coins = InsecureTestStream(seed: Device.seed(device: device, round: round))
            for example in sampler.draw(count: data.count, from: &coins) {
                execution.load(examples: 1) { _, input in
                    data.write(example: example, into: &input)
                    return 0
                }
                execution.run(parameters: weights, labels: [data.label(example)], visitor: gradient)
                gradient.values.read { values in
                    _ = clip.add(gradient: values, squaredNorm: Reductions.sumOfSquares(values), to: sum)
                }
                examples += 1
            }
        }
        let step = Double(sign: .plus, exponent: -plan.privacy.gridExponent, significand: 1)
        let scale = step / plan.optimizer.normaliser
        var values = [Int64](repeating: 0, count: network.parameterCount)
        var span = values.mutableSpan
        sum.read(0..<sum.count, into: &span)
        for index in values.indices {
            velocity[index] = Float(plan.optimizer.momentum) * velocity[index] + Float(Double(values[index]) * scale)
            parameters[index] -= Float(plan.optimizer.learningRate) * velocity[index]
        }
    }
}

/// The whole gradient of a single example.
private final class SingleGradient: GradientVisitor {
    let values: Buffer<Float>
    private let network: Network

    init(_ network: Network) {
        self.network = network
        values = Buffer(count: network.parameterCount)
    }

    func visit(node: Int, pass: Int, tile: Tile, parameters: Buffer<Float>) {
        let operation = network.nodes[node].operation
        for (index, product) in operation.products.enumerated() {
            let operands = operation.operands(index, group: 0, examples: 0..<1, tile)
            let offset = tile.parameterOffset + operation.offset(ofParameter: product.parameter)
            let target = MatrixView(values, offset: offset, rows: product.rows, columns: product.columns)
            precondition(product.groups == 1, "a task's test model has no groups")
            MatrixProduct.multiply(operands.errors.transposed, operands.inputs.asIs, into: target)
        }
        operation.visitDirectGradient(example: 0, tile, parameters: parameters) { offset, piece in
            values.write(offset..<offset + piece.count) { Elementwise.copy(piece, into: &$0) }
        }
    }

    func end(pass: Int, examples: Int) {}
}
