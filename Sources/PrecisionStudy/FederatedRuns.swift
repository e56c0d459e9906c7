// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Aggregator
internal import Cryptography
internal import Datasets
internal import Kernels
internal import Networks
internal import Participant
internal import Randomness
internal import Rounds
internal import Training
internal import Updates

/// Federated runs with privacy: a plan as the server makes it, reviewed by every client; updates computed, noised, coded and
/// sealed by the client's code; opened, added and stepped with by the server's. What is missing is the network, the ledgers
/// and the disk. All clients take part in all rounds.
struct FederatedRuns {
    let task: StudyTask

    /// The task as it would be created on a server.
    func planned(_ precision: Precision, seed: UInt64) throws -> TaskPlanner.Planned {
        let numerics = task.numerics(precision)
        var configuration = TaskConfiguration(
            name: "precision",
            preset: task.preset ?? "",
            shape: task.train.exampleShape,
            classes: task.train.classes,
            examples: task.train.count
        )
        configuration.seed = seed
        configuration.numbers = NumberTerms(
            precision: precision.rawValue,
            storage: task.storage?.rawValue ?? "fp32",
            lossScaleExponent: Int(numerics.lossScale.exponent)
        )
        configuration.delta = task.delta
        configuration.clip = task.clip
        configuration.clipping = task.method.rawValue
        configuration.samplingRate = task.rate
        configuration.stages = RoundTerms(
            rounds: task.steps(.federated),
            cohort: task.clients,
            fewestSurvivors: task.clients,
            deadlineSeconds: 60
        )
        configuration.learningRate = task.learningRate
        configuration.momentum = task.momentum
        configuration.epsilon = try epsilon(rounds: configuration.stages.rounds)
        return try TaskPlanner.plan(configuration)
    }

    /// What the noise is planned for; a noise multiplier stands for the epsilon that it amounts to.
    private func epsilon(rounds: Int) throws -> Double {
        switch task.noise {
        case .epsilon(let epsilon): return epsilon
        case .multiplier(let multiplier):
            let event = try PoissonSampler(rate: task.rate).event(for: .gaussian(noiseMultiplier: multiplier))
            return try RDPAccountant.epsilon(
                of: event.selfComposed(rounds),
                delta: DeltaShares.accountant(of: task.delta)
            )
            .epsilon
        }
    }

    func review(_ planned: TaskPlanner.Planned, _ part: Dataset) throws -> ReviewedPlan {
        try ReviewedPlan(
            bytes: planned.planBytes,
            hash: planned.planHash,
            dataset: part,
            memoryLimit: task.memoryLimit ?? .max,
            workers: task.workers,
            baseBytes: 0
        )
    }

    func train(_ run: StudyRun, progress: (Int) -> Void) throws -> TrainedModel {
        let planned = try planned(run.cell.precision, seed: run.seed)
        let plan = planned.plan
        let server = try TaskRuntime(plan, hash: planned.planHash, evaluationData: "", workers: task.workers)
        let diagnostics = ClippingDiagnostics()
        let draws = StudyDraws(run)
        var terms = TrainedModel.Terms()
        terms.noiseMultiplier = plan.noiseMultiplier(against: .colluders(plan.privacy.colluders))
        terms.epsilon = try plan.claim(
            against: .colluders(plan.privacy.colluders),
            rounds: plan.rounds.rounds
        )?.epsilon
        let clients = try (0..<task.clients).map { client in
            let part = task.part(client)
            let reviewed = try review(planned, part)
            terms.plannedBytes = max(terms.plannedBytes, reviewed.memory.totalBytes)
            terms.physicalBatch = reviewed.clipping.capacity * task.workers
            terms.sensitivityInflation = reviewed.certificate.inflation
            return try ShareSource(
                reviewed,
                dataset: part,
                randomness: .insecureNoise { draws.randomness(client: client, round: $0.round) },
                workers: task.workers,
                insecureDiagnostics: diagnostics
            )
        }
        var (model, state) = (planned.modelBytes, planned.optimizerState)
        var modelHash = planned.modelHash
        var watch = Stopwatch()
        watch.go()
        for number in 1...plan.rounds.rounds {
            let round = RoundIdentifier(task: plan.task, round: number, attempt: 1)
            let sum = try delivered(clients, round, model, modelHash, planned)
            let step: TaskRuntime.Step
            do {
                step = try server.step(model: model, optimizerState: state, sum: sum)
            } catch AggregatorError.failure {
                // The server refuses a step that is not finite, and the task ends.
                return TrainedModel(parameters: nil, seconds: watch.seconds, terms: terms, clipping: diagnostics.counts)
            }
            (model, modelHash, state) = (step.model, step.modelHash, step.optimizerState)
            progress(number)
        }
        watch.pause()
        return TrainedModel(
            parameters: try task.network.parameters(safetensors: model),
            seconds: watch.seconds,
            terms: terms,
            clipping: diagnostics.counts
        )
    }

    /// The sum of all clients' updates, each sealed to a key of the round and opened again.
    private func delivered(
        _ clients: [ShareSource],
        _ round: RoundIdentifier,
        _ model: [UInt8],
        _ modelHash: [UInt8],
        _ planned: TaskPlanner.Planned
    ) throws -> [Int64] {
        let ring = try Ring(bits: planned.plan.ringBits)
        let key = X25519PrivateKey()
        var sum = try RunningSum(ring: ring, count: task.network.parameterCount)
        for (client, source) in clients.enumerated() {
            let update = try source.update(round: round, model: model)
            let context = try UpdateContext(
                of: update,
                planHash: planned.planHash,
                modelHash: modelHash,
                task: round.task,
                round: UInt32(round.round),
                attempt: UInt32(round.attempt),
                client: "client-\(client + 1)",
                keyID: "round-\(round.round)"
            )
            let sealed = try UpdateSealing.seal(update, context: context, to: key.publicKey)
            try sum.add(UpdateSealing.open(sealed, context: context, with: key))
        }
        return sum.decoded()
    }
}
