// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Messages
internal import Networks
package import Rounds
internal import Training
internal import Updates

/// Turns a task file into a plan: noise for the asked ε in whole numbers, and a ring that holds the sum.
package enum TaskPlanner {
    /// A task that is ready to be stored.
    package struct Planned: Sendable {
        package let plan: TaskPlan
        package let planBytes: [UInt8]
        package let planHash: [UInt8]
        package let modelBytes: [UInt8]
        package let modelHash: [UInt8]
        package let optimizerState: [UInt8]
    }

    /// - Throws: ``AggregatorError/input(_:)`` naming the field that is wrong or whose privacy is impossible.
    package static func plan(_ task: TaskConfiguration) throws(AggregatorError) -> Planned {
        do {
            // What follows computes with these numbers, so their ranges come first.
            try PlanRules.check(inputShape: task.shape, classes: task.classes)
            let rounds = task.stages
            try PlanRules.check(rounds)
            let network = try Network.preset(task.preset, input: Shape(task.shape), classes: task.classes)
            let privacy = try privacyTerms(task, dimension: network.parameterCount)
            let plan = try TaskPlan(
                task: task.name,
                population: task.population,
                model: ModelTerms(
                    preset: task.preset,
                    inputShape: task.shape,
                    classes: task.classes,
                    parameters: network.parameterCount,
                    initialisationSeed: task.seed,
                    numbers: task.numbers
                ),
                privacy: privacy,
                rounds: rounds,
                optimizer: OptimizerTerms(
                    kind: task.optimizer,
                    learningRate: task.learningRate,
                    momentum: task.momentum,
                    normaliser: task.samplingRate * Double(task.examples)
                ),
                ringBits: ringBits(task, privacy, dimension: network.parameterCount)
            )
            // What cannot be claimed in the end is refused at the beginning.
            guard try plan.claim(against: .colluders(task.colluders), rounds: task.stages.rounds) != nil else {
                throw PlanError(
                    field: "privacy.delta",
                    reason:
                        "is \(task.delta), too small for the noise sampler's distance from its law; use a larger one"
                )
            }
            let optimizer = try MomentumSGD(
                dimension: network.parameterCount,
                learningRate: task.learningRate,
                momentum: task.momentum
            )
            let model = network.safetensors(network.initialParameters(seed: task.seed))
            let bytes = Sotto_V1_Plan(plan).wireBytes()
            return Planned(
                plan: plan,
                planBytes: bytes,
                planHash: SHA256.hash(bytes),
                modelBytes: model,
                modelHash: SHA256.hash(model),
                optimizerState: OptimizerState.encode(optimizer.state)
            )
        } catch {
            throw .input("task \(task.name): \(error)")
        }
    }

    /// The noise: the smallest multiplier that keeps ε against the colluders after all rounds, then whole numbers for it.
    private static func privacyTerms(_ task: TaskConfiguration, dimension: Int) throws -> PrivacyTerms {
        guard task.colluders >= 1, task.colluders < task.stages.fewestSurvivors else {
            throw PlanError(
                field: "privacy.colluders",
                reason:
                    "is \(task.colluders), but must be from 1 to one less than the \(task.stages.fewestSurvivors) fewest survivors"
            )
        }
        let multiplier = try RDPAccountant.noiseMultiplier(
            forEpsilon: task.epsilon,
            delta: DeltaShares.accountant(of: task.delta),
            samplingRate: task.samplingRate,
            steps: task.stages.rounds
        )
        let grid = try CertifiedGrid(clip: task.clip, dimension: dimension)
        let noise = try NoisePlan.shared(
            noiseMultiplier: multiplier,
            largestBound: grid.bound,
            honestShares: task.stages.fewestSurvivors - task.colluders
        )
        return PrivacyTerms(
            samplingRate: task.samplingRate,
            targetEpsilon: task.epsilon,
            delta: task.delta,
            clipNorm: task.clip,
            clippingMethod: task.clipping,
            gridExponent: grid.exponent,
            bound: noise.bound,
            noiseMultiple: noise.multiple,
            colluders: task.colluders
        )
    }

    /// A ring in which the sum of a whole cohort wraps around with probability at most 1e-9 a round: the largest draw
    /// that is likely (8 standard deviations above the mean), all of it in one coordinate, and the noise of all members.
    private static func ringBits(_ task: TaskConfiguration, _ privacy: PrivacyTerms, dimension: Int) throws -> Int {
        let mean = task.samplingRate * Double(task.examples)
        let draw = min(Double(task.examples), (mean + 8 * mean.squareRoot() + 8).rounded(.up))
        let deviation = 64 * Double(privacy.noiseMultiple) * Double(task.stages.mostMembers).squareRoot()
        return try Ring.planned(
            largestSum: Int64(draw) * privacy.bound,
            standardDeviation: deviation,
            coordinates: dimension
        ).bits
    }
}

/// The optimizer's state as bytes: little-endian Float32 values.
package enum OptimizerState {
    package static func encode(_ state: [Float]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(4 * state.count)
        for value in state {
            let pattern = value.bitPattern
            for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: pattern >> UInt32(shift))) }
        }
        return bytes
    }

    package static func decode(_ bytes: [UInt8]) -> [Float] {
        stride(from: 0, to: bytes.count - bytes.count % 4, by: 4).map { start in
            Float(bitPattern: bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        }
    }
}
