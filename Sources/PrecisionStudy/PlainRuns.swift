// SPDX-License-Identifier: Apache-2.0

internal import Datasets
internal import Kernels
internal import Networks
internal import Randomness
internal import Training

/// Runs without privacy: plain sums of the same draws, without clipping and without noise. With clients, each adds the sum
/// of its own draw; the integers of an update have no place here, since nothing bounds what they would have to hold.
struct PlainRuns {
    let task: StudyTask

    func train(_ run: StudyRun, progress: (Int) -> Void) throws -> TrainedModel {
        let network = task.network
        let grid = try CertifiedGrid(clip: task.clip, dimension: network.parameterCount)
        var request = MemoryPlan.Request(
            network: network,
            method: .none,
            grid: grid,
            optimizerBytes: MomentumSGD.plannedBytes(dimension: network.parameterCount, momentum: task.momentum),
            workers: task.workers,
            batch: task.batch
        )
        request.options.numerics = task.numerics(run.cell.precision)
        request.drawsNoise = false
        let memory = try MemoryPlan(request, limit: task.memoryLimit)
        let pool = WorkerPool(workers: memory.workers)
        let summer = GradientSummer(memory.clipping, pool: pool, examples: memory.largestDraw)
        let optimizer = try MomentumSGD(
            dimension: network.parameterCount,
            learningRate: task.learningRate,
            momentum: task.momentum
        )
        let sampler = try PoissonSampler(rate: task.rate)
        let draws = StudyDraws(run)
        let isFederated = run.cell.setting == .federated
        let parts = isFederated ? (0..<task.clients).map(task.part) : [task.train]
        let parameters = network.startParameters(seed: run.seed)
        let scale = 1 / task.normaliser
        var watch = Stopwatch()
        watch.go()
        for step in 1...task.steps(run.cell.setting) {
            summer.clear()
            for (client, part) in parts.enumerated() {
                let randomness = isFederated ? draws.randomness(client: client, round: step) : draws.central
                var coins = isFederated ? randomness.stream(.draw) : randomness.stream(.draw, step)
                summer.draw(sampler, count: part.count, from: &coins)
                summer.run(of: part, parameters: parameters, seed: run.seed)
            }
            summer.readPlain { offset, sum in
                parameters.write(offset..<offset + sum.count) {
                    optimizer.step(at: offset, parameters: &$0, plainSum: sum, scale: scale)
                }
            }
            progress(step)
        }
        watch.pause()
        var terms = TrainedModel.Terms()
        terms.plannedBytes = memory.totalBytes
        terms.physicalBatch = memory.physicalBatch
        let values = parameters.read { span in span.indices.map { span[$0] } }
        return TrainedModel(parameters: values, seconds: watch.seconds, terms: terms)
    }
}

/// Who is drawn in a run, and its noise: by the seed alone, so that precision and privacy change nothing about it.
struct StudyDraws {
    private let seed: UInt64

    init(_ run: StudyRun) {
        seed = run.seed
    }

    /// Of a central run, whose streams are numbered by steps.
    var central: InsecureRandomness { InsecureRandomness(seed: seed) }

    /// Of one client's round.
    func randomness(client: Int, round: Int) -> InsecureRandomness {
        var stream = InsecureRandomness(seed: seed).stream(.identifier, client, round)
        return InsecureRandomness(seed: stream.next())
    }
}
