// SPDX-License-Identifier: Apache-2.0

import Datasets
import Kernels
import Networks
import Randomness
import TestKit
import Testing
import Training

/// Clipping where activations and gradients rest in 16 bits: all methods clip the same gradients, whoever computes them.
@Suite struct StoredMethodTests {
    private static let formats = [NumberFormat.bf16, .fp16]
    private static let count = 29

    private static func plan(
        _ method: ClippingMethod,
        _ network: Network,
        _ storage: NumberFormat?,
        capacity: Int? = nil
    ) throws -> ClippingPlan {
        var options = ClippingPlan.Options()
        options.numerics = Numerics(storage: storage, lossScale: 1)
        let grid = try CertifiedGrid(clip: 0.7, dimension: network.parameterCount)
        return try ClippingPlan(method, network: network, grid: grid, options: options, capacity: capacity)
    }

    private static func run(
        _ one: RandomNetwork,
        _ plan: ClippingPlan,
        workers: Int
    ) -> (sum: [Int64], norms: [Double]) {
        let norms = Buffer<Double>(count: count)
        let summer = GradientSummer(plan, pool: WorkerPool(workers: workers), norms: norms)
        var keys = InsecureTestStream(seed: 5)
        summer.take(0..<count, keysFrom: &keys)
        summer.run(of: one.examples(count), parameters: Buffer(one.parameters))
        return (summer.integers, norms.read { norms in norms.indices.map { norms[$0] } })
    }

    /// Where every example is rounded by itself, neither tiles nor workers matter; where leaves are, workers do not.
    @Test(arguments: ClippingMethod.allCases.filter { $0 != .none }, 0..<12 as Range<UInt64>)
    func tilesAndWorkersDoNotMatter(method: ClippingMethod, seed: UInt64) throws {
        let one = try RandomNetwork(seed: seed)
        var expected: [Int64]?
        for capacity in [1, 8, 64] {
            let plan = try Self.plan(method, one.network, Self.formats[Int(seed % 2)], capacity: capacity)
            if !plan.leafCapacities.isEmpty { expected = nil }
            for workers in [1, 2] {
                let found = Self.run(one, plan, workers: workers).sum
                expected = expected ?? found
                #expect(found == expected, "\(workers) workers, tiles of \(capacity)")
            }
        }
        #expect(expected?.contains { $0 != 0 } == true)
    }

    /// Every method finds the norms of the gradients that `per-example` makes whole, and nearly the same sum.
    @Test(arguments: 0..<12 as Range<UInt64>)
    func methodsAgree(seed: UInt64) throws {
        let one = try RandomNetwork(seed: seed)
        let storage = Self.formats[Int(seed / 4 % 2)]
        let whole = try Self.plan(.perExample, one.network, storage, capacity: 8)
        let truth = Self.run(one, whole, workers: 1)
        let sum = truth.sum.map { Double($0) * whole.grid.step }
        let size = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        for method in ClippingMethod.allCases where method != .none && method != .perExample && method != .perLayer {
            let plan = try Self.plan(method, one.network, storage, capacity: 8)
            let found = Self.run(one, plan, workers: 1)
            for (norm, other) in zip(found.norms, truth.norms) {
                #expect(abs(norm - other) <= 1e-5 * other, "\(method)")
            }
            let error = zip(found.sum.map { Double($0) * plan.grid.step }, sum).reduce(0) {
                $0 + ($1.0 - $1.1) * ($1.0 - $1.1)
            }.squareRoot()
            // Grids and clip norms of certificates differ by up to a hundredth.
            #expect(error <= 0.03 * size, "\(method)")
        }
    }

    /// What is kept and what is computed a second time are the same operands.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func recomputingChangesNothing(seed: UInt64) throws {
        let one = try RandomNetwork(seed: seed)
        for (kept, recomputed) in [(ClippingMethod.bookKeeping, ClippingMethod.ghost), (.bookKeepingMix, .mixedGhost)] {
            let sums = try [kept, recomputed].map { method in
                Self.run(one, try Self.plan(method, one.network, .bf16, capacity: 16), workers: 2).sum
            }
            #expect(sums[0] == sums[1] && sums[0].contains { $0 != 0 })
        }
    }

    /// The norms are those of gradients in floats but for the rounding, which is not nothing.
    @Test(arguments: 0..<12 as Range<UInt64>, formats)
    func nearFloats(seed: UInt64, format: NumberFormat) throws {
        let one = try RandomNetwork(seed: seed)
        let floats = Self.run(one, try Self.plan(.exact, one.network, nil), workers: 1).norms
        let stored = Self.run(one, try Self.plan(.exact, one.network, format), workers: 1).norms
        #expect(floats != stored)
        // Max pooling and ReLU may choose otherwise after rounding, so only most examples are near.
        let near = zip(floats, stored).count { abs($0 - $1) <= 0.1 * $0 }
        #expect(near >= Self.count * 3 / 4)
    }

    /// The promise of the plan: at the same physical batch activations take hardly more than half.
    @Test(arguments: ["larger-convnet", "vgg11"], formats)
    func activationsTakeHalf(preset: String, format: NumberFormat) throws {
        let input = try #require(Network.usualInput(preset))
        let network = try Network.preset(preset, input: input, classes: 10)
        func plan(_ storage: NumberFormat?) throws -> MemoryPlan {
            var request = MemoryPlan.Request(
                network: network,
                method: .auto,
                grid: try CertifiedGrid(clip: 1, dimension: network.parameterCount),
                optimizerBytes: 0,
                workers: 2,
                batch: 256
            )
            request.physicalBatch = 64
            request.options.numerics = Numerics(storage: storage)
            return try MemoryPlan(request)
        }
        let (floats, stored) = try (plan(nil), plan(format))
        #expect(floats.physicalBatch == 64 && stored.physicalBatch == 64)
        #expect(Double(stored.keptActivationBytes) <= 0.55 * Double(floats.keptActivationBytes))
        // What is at work takes little of that again.
        let saved = floats.keptActivationBytes - stored.keptActivationBytes
        #expect(Double(floats.arenaBytes - stored.arenaBytes) >= 0.9 * Double(saved))
        // So under one limit more examples are in work.
        let limit = stored.totalBytes
        var request = MemoryPlan.Request(
            network: network,
            method: .auto,
            grid: try CertifiedGrid(clip: 1, dimension: network.parameterCount),
            optimizerBytes: 0,
            workers: 2,
            batch: 256
        )
        request.physicalBatch = 512
        let few = try MemoryPlan(request, limit: limit)
        request.options.numerics = Numerics(storage: format)
        #expect(try MemoryPlan(request, limit: limit).physicalBatch > few.physicalBatch)
    }
}
