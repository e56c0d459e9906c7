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
        let sum = Buffer<Int64>(count: network.parameterCount)
        let execution = NetworkExecution(network)
        let gradient = Buffer<Float>(count: network.parameterCount)
        let scratch = Buffer<Int32>(count: network.parameterCount)
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
                execution.load(examples: 1) { _, input in data.write(example: example, into: &input) }
                execution.forward(parameters: weights)
                execution.backward(labels: [data.label(example)], parameters: weights)
                execution.gradient(example: 0, into: gradient)
                _ = clip.add(gradient, scratch: scratch, to: sum)
                examples += 1
            }
        }
        let step = Double(sign: .plus, exponent: -plan.privacy.gridExponent, significand: 1)
        let scale = step / plan.optimizer.normaliser
        let values = sum.read { span in span.indices.map { span[$0] } }
        for index in values.indices {
            velocity[index] = Float(plan.optimizer.momentum) * velocity[index] + Float(Double(values[index]) * scale)
            parameters[index] -= Float(plan.optimizer.learningRate) * velocity[index]
        }
    }
}
