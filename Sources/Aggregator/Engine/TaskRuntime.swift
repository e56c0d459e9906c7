// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Datasets
internal import Kernels
internal import Messages
internal import Networks
package import Rounds
internal import Store
internal import Training
internal import Updates

/// A task that is being served: its plan, and what a model step needs. One model and a constant, whatever the cohort.
package final class TaskRuntime {
    let plan: TaskPlan
    let planHash: [UInt8]
    /// What requests need of the plan.
    let served: ServedPlan
    let network: Network
    let numerics: Numerics
    /// Of training rounds.
    let certificate: SensitivityCertificate
    /// From grid steps to the mean gradient.
    let gradientScale: Double
    private let evaluationData: String
    private var evaluation: Dataset?
    private let pool: WorkerPool
    private let parameters: Buffer<Float>

    convenience init(_ record: TaskRecord, planBytes: [UInt8], workers: Int) throws {
        try self.init(
            ServedPlan(bytes: planBytes, hash: record.planHash),
            evaluationData: record.evaluationData,
            workers: workers
        )
    }

    package convenience init(_ plan: TaskPlan, hash: [UInt8], evaluationData: String, workers: Int) throws {
        try self.init(ServedPlan(plan, hash: hash), evaluationData: evaluationData, workers: workers)
    }

    /// - Parameter evaluationData: declared public by naming it; empty for none.
    private init(_ served: ServedPlan, evaluationData: String, workers: Int) throws {
        self.served = served
        plan = served.plan
        planHash = served.hash
        network = try Network.preset(
            plan.model.preset,
            input: Shape(plan.model.inputShape),
            classes: plan.model.classes
        )
        numerics = try Numerics(
            precision: plan.model.numbers.precision,
            storage: plan.model.numbers.storage,
            lossScaleExponent: plan.model.numbers.lossScaleExponent
        )
        let grid = try CertifiedGrid(
            clip: plan.privacy.clipNorm,
            dimension: network.parameterCount,
            exponent: plan.privacy.gridExponent,
            bound: plan.privacy.bound
        )
        var options = ClippingPlan.Options()
        options.keepsBound = true
        options.numerics = numerics
        certificate = try ClippingPlan(
            ClippingMethod.named(plan.privacy.clippingMethod),
            network: network,
            grid: grid,
            options: options
        ).certified()
        gradientScale = grid.step / plan.optimizer.normaliser
        self.evaluationData = evaluationData
        pool = WorkerPool(workers: workers)
        parameters = Buffer(count: network.parameterCount)
    }

    /// What the end of a round gives.
    package struct Step {
        package let model: [UInt8]
        package let modelHash: [UInt8]
        package let optimizerState: [UInt8]
        let evaluation: Evaluation?
        /// Why there is none, where there should be one: a round is not lost because its evaluation data are.
        let evaluationTrouble: String?
        /// What an evaluation round told.
        package let heldOut: HeldOutMetrics?
    }

    /// Reads the metrics out of an evaluation round's sum; model and optimizer stay as they are.
    ///
    /// - Parameter survivors: updates in the sum.
    package func evaluated(
        model: [UInt8],
        modelHash: [UInt8],
        optimizerState: [UInt8],
        sum: [Int64],
        survivors: Int
    ) -> Step {
        Step(
            model: model,
            modelHash: modelHash,
            optimizerState: optimizerState,
            evaluation: nil,
            evaluationTrouble: nil,
            heldOut: HeldOutMetrics(sum: sum, shares: survivors, terms: plan.evaluationTerms)
        )
    }

    /// Takes the model step for a round's sum.
    package func step(model: [UInt8], optimizerState: [UInt8], sum: [Int64]) throws -> Step {
        let values = try network.parameters(safetensors: model)
        let optimizer = try MomentumSGD(
            dimension: network.parameterCount,
            learningRate: plan.optimizer.learningRate,
            momentum: plan.optimizer.momentum
        )
        try optimizer.restore(OptimizerState.decode(optimizerState))
        parameters.write { target in
            for index in values.indices { target[index] = values[index] }
            optimizer.step(parameters: &target, sum: sum.span, scale: gradientScale)
        }
        let next = parameters.read { source in source.indices.map { source[$0] } }
        guard next.allSatisfy(\.isFinite) else {
            throw AggregatorError.failure("task \(plan.task): the model step is not finite; lower the learning rate")
        }
        let bytes = network.safetensors(next)
        var evaluation: Evaluation?
        var trouble: String?
        do {
            evaluation = try evaluate()
        } catch {
            trouble = "\(error)"
        }
        return Step(
            model: bytes,
            modelHash: SHA256.hash(bytes),
            optimizerState: OptimizerState.encode(optimizer.state),
            evaluation: evaluation,
            evaluationTrouble: trouble,
            heldOut: nil
        )
    }

    private func evaluate() throws -> Evaluation? {
        guard !evaluationData.isEmpty else { return nil }
        if evaluation == nil {
            // An operator who names evaluation data in a task file declares them public.
            evaluation = try DatasetSource.load(evaluationData).test.declaredPublic()
        }
        return try evaluation.map {
            try Evaluation(of: network, parameters: parameters, on: $0, pool: pool, numerics: numerics)
        }
    }

    /// A charge for an attempt of this task.
    func reservation(of round: RoundIdentifier, modelHash: [UInt8]) -> LedgerCharge {
        let kind = plan.rounds.kind(ofRound: round.round)
        return LedgerCharge(
            LedgerCharge.Attempt(task: round.task, round: round.round, attempt: round.attempt),
            kind: .reserved,
            events: plan.events(of: kind),
            certificate: kind == .training ? certificate : plan.evaluationTerms.certificate,
            modelHashBefore: modelHash
        )
    }
}
