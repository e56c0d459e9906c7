// SPDX-License-Identifier: Apache-2.0

package import Accounting
package import Datasets
import Kernels
import Networks
import Randomness

/// Central DP-SGD: one trusted machine, one training set, one released model.
///
/// The room *Training* turns gradients into released integers and models: the certified grid, clipping methods, the
/// logical step, optimizers, the memory plan, evaluation, and what is written beside a model. It promises that what it
/// releases is what it accounted: every sum has a sensitivity certificate, its noise was drawn before the data was
/// touched, and its event was told before it was read. It never shows a number that depends on private examples and was
/// not noised: no training loss, no clipped share, no size of a draw. It reads no clock and writes no file.
package struct CentralTrainer {
    /// A trained model.
    package struct Outcome: Sendable {
        /// Flat, in the network's layout.
        package let parameters: [Float]
        /// On the declared public test set.
        package let evaluation: Evaluation
        /// What was released: one event for every step that was committed.
        package let events: [PrivacyEvent.Repeated]
    }

    package let plan: CentralPlan
    private let insecure: InsecureRandomness?
    private let diagnostics: ClippingDiagnostics?

    package init(_ plan: CentralPlan) {
        self.plan = plan
        insecure = nil
        diagnostics = nil
    }

    /// A trainer whose draws and noise everybody can repeat: to compare runs on declared public data with each other. What
    /// it trains is not private, and the plan's claim says only what the same run would spend with secret randomness.
    ///
    /// - Parameter diagnostics: counts what clipping does to the examples.
    package init(
        _ plan: CentralPlan,
        insecureRandomness: InsecureRandomness,
        diagnostics: ClippingDiagnostics? = nil
    ) {
        self.plan = plan
        insecure = insecureRandomness
        self.diagnostics = diagnostics
    }

    /// Trains and evaluates.
    ///
    /// - Parameters:
    ///   - train: as many examples as the plan says.
    ///   - test: declared public.
    ///   - progress: told the number of steps done, after each.
    /// - Throws: ``TrainingError/diverged(step:)`` when the parameters or the test loss end as something else than
    ///   numbers; ``TrainingError/notPublic(dataset:)`` before the first step when the test set is not public or, with
    ///   insecure randomness, the training set.
    package func run(
        train: Dataset,
        test: Dataset,
        progress: (Int) -> Void = { _ in }
    ) throws(TrainingError) -> Outcome {
        guard test.isPublic else { throw .notPublic(dataset: test.name) }
        guard insecure == nil || train.isPublic else { throw .notPublic(dataset: train.name) }
        guard train.count == plan.examples else {
            throw .lengthMismatch(what: "training examples", found: train.count, expected: plan.examples)
        }
        let network = plan.configuration.network
        let pool = WorkerPool(workers: plan.memory.workers)
        let parameters = network.startParameters(seed: plan.configuration.seed)
        let released = try descend(train, parameters, pool, progress)
        guard parameters.read({ $0.allFinite }) else { throw .diverged(step: plan.steps) }
        let evaluation = try Evaluation(
            of: network,
            parameters: parameters,
            on: test,
            pool: pool,
            numerics: plan.configuration.numerics
        )
        guard evaluation.loss.isFinite else { throw .diverged(step: plan.steps) }
        return Outcome(
            parameters: parameters.read { $0.elements },
            evaluation: evaluation,
            events: [PrivacyEvent.Repeated(plan.event, count: released)]
        )
    }

    /// Takes all steps, and gives how many were committed.
    private func descend(
        _ train: Dataset,
        _ parameters: Buffer<Float>,
        _ pool: WorkerPool,
        _ progress: (Int) -> Void
    ) throws(TrainingError) -> Int {
        let configuration = plan.configuration
        let summer = GradientSummer(
            plan.memory.clipping,
            pool: pool,
            examples: plan.memory.largestDraw,
            diagnostics: diagnostics
        )
        let workspace = StepWorkspace(summer: summer, mechanism: plan.mechanism, pool: pool, insecure: insecure)
        let optimizer = try MomentumSGD(
            dimension: plan.grid.dimension,
            learningRate: configuration.learningRate,
            momentum: configuration.momentum
        )
        var coins = SecretStream(.draw)
        var released = 0
        for step in 1...plan.steps {
            var logical = begin(step, train, workspace, &coins)
            logical.sum(parameters: parameters, seed: configuration.seed)
            let scale = plan.gradientScale
            logical.commit(
                account: { _ in released += 1 },
                releasedSum: { offset, sum in
                    parameters.write(offset..<offset + sum.count) {
                        optimizer.step(at: offset, parameters: &$0, sum: sum, scale: scale)
                    }
                }
            )
            progress(step)
        }
        return released
    }

    private func begin(
        _ step: Int,
        _ train: Dataset,
        _ workspace: StepWorkspace,
        _ coins: inout SecretStream
    ) -> LogicalStep<CentralRelease> {
        func begin(_ coins: inout some RandomWords & ~Copyable) -> LogicalStep<CentralRelease> {
            LogicalStep(workspace, dataset: train, sampler: plan.sampler, event: plan.noise.event, coins: &coins)
        }
        guard var repeatable = insecure?.stream(.draw, step) else { return begin(&coins) }
        return begin(&repeatable)
    }
}

extension Span<Float> {
    /// A copy.
    var elements: [Float] {
        var copy: [Float] = []
        copy.reserveCapacity(count)
        for index in indices { copy.append(self[index]) }
        return copy
    }

    /// Whether every value is a finite number.
    var allFinite: Bool {
        for index in indices where !self[index].isFinite { return false }
        return true
    }
}
