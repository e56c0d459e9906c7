// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Datasets
internal import Kernels
internal import Training

/// Central runs with privacy: the trainer and the plan of `sotto train`, with coins and noise that can be repeated.
struct CentralRuns {
    let task: StudyTask
    /// A plan of each precision: the accounting takes longer than a short run, and no plan depends on the seed.
    private var plans: [Precision: CentralPlan] = [:]

    init(_ task: StudyTask) {
        self.task = task
    }

    mutating func plan(_ precision: Precision) throws(TrainingError) -> CentralPlan {
        if let plan = plans[precision] { return plan }
        let plan = try CentralPlan(
            CentralConfiguration(
                network: task.network,
                clip: task.clip,
                noise: task.noise,
                method: task.method,
                batch: task.batch,
                epochs: task.epochs,
                learningRate: task.learningRate,
                momentum: task.momentum,
                delta: task.delta,
                workers: task.workers,
                memoryLimit: task.memoryLimit,
                numerics: task.numerics(precision)
            ),
            examples: task.train.count
        )
        plans[precision] = plan
        return plan
    }

    mutating func train(_ run: StudyRun, progress: (Int) -> Void) throws(TrainingError) -> TrainedModel {
        let plan = try plan(run.cell.precision).seeded(run.seed)
        let diagnostics = ClippingDiagnostics()
        let trainer = CentralTrainer(
            plan,
            insecureRandomness: InsecureRandomness(seed: run.seed),
            diagnostics: diagnostics
        )
        let start = ContinuousClock.now
        var end = start
        var outcome: CentralTrainer.Outcome?
        do throws(TrainingError) {
            outcome = try trainer.run(train: task.train, test: task.test) { step in
                progress(step)
                if step == plan.steps { end = .now }
            }
        } catch {
            guard case .diverged = error else { throw error }
        }
        var terms = TrainedModel.Terms()
        terms.plannedBytes = plan.memory.totalBytes
        terms.physicalBatch = plan.memory.physicalBatch
        terms.noiseMultiplier = plan.noise.noiseMultiplier
        terms.epsilon = plan.claim.epsilon
        terms.sensitivityInflation = plan.certificate.inflation
        return TrainedModel(
            parameters: outcome?.parameters,
            evaluation: outcome?.evaluation,
            seconds: (end - start) / .seconds(1),
            terms: terms,
            clipping: diagnostics.counts
        )
    }
}
