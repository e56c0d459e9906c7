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
            let rounds = try roundTerms(task)
            try PlanRules.check(rounds)
            let network = try Network.preset(task.preset, input: Shape(task.shape), classes: task.classes)
            let evaluation = try evaluationTerms(task)
            let privacy = try privacyTerms(task, rounds.counts, evaluation, dimension: network.parameterCount)
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
                ringBits: ringBits(task, privacy, dimension: network.parameterCount),
                evaluation: evaluation
            )
            // What cannot be claimed in the end is refused at the beginning.
            guard try plan.claim(against: .colluders(task.colluders), rounds: rounds.rounds) != nil else {
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

    /// The task's rounds in one sequence: evaluation rounds come on top of the training rounds that the task file asks for.
    private static func roundTerms(_ task: TaskConfiguration) throws(PlanError) -> RoundTerms {
        var terms = task.stages
        guard let heldOut = task.heldOut else { return terms }
        // Before the sum, which a nonsensical number of rounds would overflow.
        try PlanRules.check(terms)
        guard (1...terms.rounds).contains(heldOut.every) else {
            throw PlanError(
                field: "evaluation.every",
                reason: "is \(heldOut.every), but must be from 1 to the \(terms.rounds) training rounds"
            )
        }
        terms.evaluationEvery = heldOut.every
        terms.rounds += terms.rounds / heldOut.every
        return terms
    }

    /// Noise multipliers of evaluation rounds that make sense: with less nothing is private, with more nothing is told.
    private static let evaluationMultipliers = 0.1...1_000_000

    private static func evaluationTerms(_ task: TaskConfiguration) throws -> EvaluationTerms? {
        guard let heldOut = task.heldOut else { return nil }
        try checkColluders(task)
        guard evaluationMultipliers.contains(heldOut.noiseMultiplier) else {
            throw PlanError(
                field: "evaluation.noise-multiplier",
                reason: "is \(heldOut.noiseMultiplier), but must be from 0.1 to 1000000"
            )
        }
        let noise = try NoisePlan.shared(
            noiseMultiplier: heldOut.noiseMultiplier,
            largestBound: EvaluationTerms.largestBound,
            honestShares: task.stages.fewestSurvivors - task.colluders
        )
        return EvaluationTerms(
            samplingRate: heldOut.samplingRate,
            lossBound: heldOut.lossBound,
            bound: noise.bound,
            noiseMultiple: noise.multiple
        )
    }

    /// What all evaluation rounds release against the colluders, as far as it leaves some of the asked ε for training.
    private static func evaluationEvent(
        _ task: TaskConfiguration,
        _ terms: EvaluationTerms,
        rounds: Int
    ) throws -> PrivacyEvent {
        guard terms.samplingRate >= 0x1p-32, terms.samplingRate <= 1 else {
            throw PlanError(
                field: "evaluation.sampling-rate",
                reason: "is \(terms.samplingRate), but must be from 2^-32 to 1"
            )
        }
        let noise = try NoisePlan(
            multiple: terms.noiseMultiple,
            bound: terms.bound,
            shares: task.stages.fewestSurvivors - task.colluders
        )
        let round =
            terms.samplingRate == 1 ? noise.event : .poissonSampled(rate: terms.samplingRate, event: noise.event)
        let event = PrivacyEvent.composed([.init(round, count: rounds)])
        let epsilon = try RDPAccountant.epsilon(of: event, delta: DeltaShares.accountant(of: task.delta)).epsilon
        guard epsilon < task.epsilon else {
            throw PlanError(
                field: "evaluation.noise-multiplier",
                reason:
                    "costs epsilon \(epsilon.roundedUp(decimals: 4)) in \(rounds) evaluation rounds, which leaves nothing of"
                    + " privacy.epsilon \(task.epsilon) for training; use a larger one, or evaluate less often"
            )
        }
        return event
    }

    private static func checkColluders(_ task: TaskConfiguration) throws(PlanError) {
        guard task.colluders >= 1, task.colluders < task.stages.fewestSurvivors else {
            throw PlanError(
                field: "privacy.colluders",
                reason:
                    "is \(task.colluders), but must be from 1 to one less than the \(task.stages.fewestSurvivors) fewest survivors"
            )
        }
    }

    /// The noise: the smallest multiplier that keeps ε against the colluders after all rounds, those for evaluation included,
    /// then whole numbers for it.
    private static func privacyTerms(
        _ task: TaskConfiguration,
        _ rounds: RoundCounts,
        _ evaluation: EvaluationTerms?,
        dimension: Int
    ) throws -> PrivacyTerms {
        try checkColluders(task)
        let multiplier = try RDPAccountant.noiseMultiplier(
            forEpsilon: task.epsilon,
            delta: DeltaShares.accountant(of: task.delta),
            samplingRate: task.samplingRate,
            steps: rounds.training,
            beside: evaluation.map { try evaluationEvent(task, $0, rounds: rounds.evaluation) }
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
