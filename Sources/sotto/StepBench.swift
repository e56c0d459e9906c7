// SPDX-License-Identifier: Apache-2.0

import Accounting
import Datasets
import Kernels
import Networks
import Noise
import Randomness
import Training

/// Logical steps on random data, measured.
final class StepBench {
    let network: Network
    let batch: Int
    let memory: MemoryPlan
    /// What the process took with the data in it, before anything was planned.
    let baseBytes: Int

    private let pool: WorkerPool
    private let examples: FloatExamples
    private let summer: GradientSummer
    private let noise: NoiseSources?
    private let optimizer: MomentumSGD
    private let parameters: Buffer<Float>
    private let scale: Double
    private let clock = PhaseClock(StepBench.now)
    private var keys = PublicStream(seed: 1, purpose: .draw)

    private static let now: @Sendable () -> UInt64 = {
        let time = epoch.duration(to: .now)
        return UInt64(time.components.seconds) &* 1_000_000_000
            &+ UInt64(time.components.attoseconds / 1_000_000_000)
    }
    private static let epoch = ContinuousClock.now

    init(
        _ network: Network,
        clipping: ClippingMethod,
        batch: Int,
        workers: Int,
        memoryLimit: Int?,
        physicalBatch: Int?,
        capsMass: Bool,
        numerics: Numerics,
        inflationLimit: Double
    ) throws {
        self.network = network
        self.batch = batch
        examples = FloatExamples(random: network, count: batch)
        baseBytes = ProcessMemory.resident() ?? 0
        let dimension = network.parameterCount
        let grid = try CertifiedGrid(clip: 1, dimension: dimension, examples: MemoryPlan.largestDraw(Double(batch)))
        var request = MemoryPlan.Request(
            network: network,
            method: clipping,
            grid: grid,
            optimizerBytes: 0,
            workers: workers,
            batch: Double(batch)
        )
        request.options.capsMass = capsMass
        request.options.numerics = numerics
        request.options.inflationLimit = inflationLimit
        request.physicalBatch = physicalBatch
        request.evaluates = false
        request.drawsNoise = clipping != .none
        memory = try MemoryPlan(request, limit: memoryLimit)
        pool = WorkerPool(workers: memory.workers)
        summer = GradientSummer(memory.clipping, pool: pool, examples: memory.largestDraw, clock: Self.now)
        if clipping == .none {
            noise = nil
        } else {
            let bound = memory.clipping.certificate?.bound ?? grid.bound
            let plan = try NoisePlan.central(noiseMultiplier: 1, bound: bound)
            noise = NoiseSources(try DiscreteGaussian(multiple: plan.multiple), pool: pool)
        }
        optimizer = try MomentumSGD(dimension: dimension, learningRate: 0.1, momentum: 0)
        parameters = network.startParameters(seed: 1)
        scale = (clipping == .none ? 1 : grid.step) / Double(batch)
    }

    func warmUp() {
        _ = step()
        _ = step()
        _ = summer.takePhases()
        clock.reset()
    }

    /// One logical step; gives the seconds that it took.
    func step() -> Double {
        let start = ContinuousClock.now
        clock.begin()
        summer.clear()
        noise?.add(to: summer)
        clock.end(.noise)
        summer.take(0..<batch, keysFrom: &keys)
        summer.run(of: examples, parameters: parameters)
        clock.begin()
        let (optimizer, parameters, scale) = (self.optimizer, self.parameters, self.scale)
        if memory.clipping.method == .none {
            summer.readPlain { offset, sum in
                parameters.write(offset..<offset + sum.count) {
                    optimizer.step(at: offset, parameters: &$0, plainSum: sum, scale: scale)
                }
            }
        } else {
            summer.read { offset, sum in
                parameters.write(offset..<offset + sum.count) {
                    optimizer.step(at: offset, parameters: &$0, sum: sum, scale: scale)
                }
            }
        }
        clock.end(.step)
        return (ContinuousClock.now - start) / .seconds(1)
    }

    /// Nanoseconds of every phase since the last call.
    func phases() -> [Phase: Double] {
        var phases = summer.takePhases()
        for phase in [Phase.noise, .step] { phases[phase] = Double(clock.total(phase)) }
        return phases
    }

    /// Billions of multiplications and additions a second of large products, all workers together.
    func sgemmGigaflops() -> Double {
        let size = 768
        let operands = (0..<pool.workers).map { _ in
            (0..<3).map { _ in MatrixView(Buffer<Float>(count: size * size), rows: size, columns: size) }
        }
        func run() -> Double {
            let start = ContinuousClock.now
            pool.run { worker in
                for _ in 0..<4 {
                    MatrixProduct.multiply(
                        operands[worker][0].asIs,
                        operands[worker][1].asIs,
                        into: operands[worker][2]
                    )
                }
            }
            return (ContinuousClock.now - start) / .seconds(1)
        }
        _ = run()
        let best = (0..<5).map { _ in run() }.sorted()[1]
        return 8e-9 * Double(pool.workers) * Double(size * size * size) / best
    }
}

extension FloatExamples {
    /// Examples for a network: features uniform in -1...1 or, where they are tokens, below the vocabulary; any labels.
    init(random network: Network, count: Int) {
        var stream = PublicStream(seed: 2, purpose: .initialisation)
        let vocabulary = network.vocabulary
        let features = (0..<count * network.input.count).map { _ in
            vocabulary.map { Float(stream.uniform(below: UInt64($0))) } ?? 2 * stream.unitFloat() - 1
        }
        let labels = (0..<count * network.labelsPerExample).map { _ in
            Int32(stream.uniform(below: UInt64(network.classes)))
        }
        self.init(
            features: features,
            featureCount: network.input.count,
            labels: labels,
            labelsPerExample: network.labelsPerExample
        )
    }
}
