// SPDX-License-Identifier: Apache-2.0

import Datasets
import Kernels
import Networks
import Randomness
import TestKit
import Testing
import Training

/// The same integers whoever computes them.
@Suite struct WorkerInvarianceTests {
    private static let workers = [1, 2, 3, 5]
    private static let cases = [MethodCase.tanhCNN] + MethodCase.small
    private static let count = 61

    private static func integers(
        _ one: MethodCase,
        _ plan: ClippingPlan,
        order: [Int],
        workers: Int
    ) -> [Int64] {
        integers(plan, Buffer(one.parameters), one.examples(count), order: order, workers: workers)
    }

    private static func integers(
        _ plan: ClippingPlan,
        _ parameters: Buffer<Float>,
        _ examples: FloatExamples,
        order: [Int],
        workers: Int
    ) -> [Int64] {
        let summer = GradientSummer(plan, pool: WorkerPool(workers: workers))
        var all = InsecureTestStream(seed: 5)
        let keys = (0..<count).map { _ in all.next() }
        var drawn = InsecureScriptedStream(order.map { keys[$0] })
        summer.take(order, keysFrom: &drawn)
        summer.run(of: examples, parameters: parameters)
        return summer.integers
    }

    /// Where every example is rounded by itself, tiles do not matter either.
    @Test(arguments: [ClippingMethod.perExample, .exact], cases.indices)
    func everyTileCapacity(method: ClippingMethod, index: Int) throws {
        let one = Self.cases[index]
        let grid = try CertifiedGrid(clip: 0.7, dimension: one.network.parameterCount)
        var expected: [Int64]?
        for capacity in [1, 2, 5, 8, 32] {
            let plan = try ClippingPlan(method, network: one.network, grid: grid, capacity: capacity)
            for workers in Self.workers {
                let order = workers == 3 ? Array((0..<Self.count).reversed()) : Array(0..<Self.count)
                let found = Self.integers(one, plan, order: order, workers: workers)
                expected = expected ?? found
                #expect(found == expected, "\(workers) workers, tiles of \(capacity)")
            }
        }
        #expect(expected?.contains { $0 != 0 } == true)
    }

    /// In fewer bits: the same integers with one worker and two, and in BF16 with and without dot products.
    @Test(arguments: NeighbourTests.certified, 0..<4 as Range<UInt64>)
    func inFewerBits(method: ClippingMethod, seed: UInt64) throws {
        let one = try RandomNetwork(seed: seed)
        let grid = try CertifiedGrid(clip: 0.7, dimension: one.network.parameterCount)
        let examples = one.examples(Self.count)
        func integers(_ numerics: Numerics, workers: Int) throws -> [Int64] {
            var options = ClippingPlan.Options()
            options.numerics = numerics
            options.inflationLimit = .infinity
            let plan = try ClippingPlan(method, network: one.network, grid: grid, options: options, capacity: 5)
            let order = Array(0..<Self.count)
            return Self.integers(plan, Buffer(one.parameters), examples, order: order, workers: workers)
        }
        var different: Set<[Int64]> = []
        for numerics in LowPrecision.all {
            let found = try integers(numerics, workers: 1)
            #expect(try integers(numerics, workers: 2) == found, "\(numerics)")
            different.insert(found)
        }
        // TF32, truncated or not, BF16 and floats differ; FP16 from TF32 in its range only, and sums in Float64 by less than
        // the grid.
        #expect(different.count >= 4)
        let dots = try integers(Numerics(arithmetic: ProductArithmetic(.bf16)), workers: 1)
        let emulated = try integers(
            Numerics(arithmetic: ProductArithmetic(.bf16, usesDotProducts: false)),
            workers: 2
        )
        #expect(dots == emulated)
    }

    /// The same for every kind of layer, dropout's masks among them.
    @Test(arguments: [ClippingMethod.perExample, .exact], 0..<16 as Range<UInt64>)
    func everyKindOfLayer(method: ClippingMethod, seed: UInt64) throws {
        let one = try RandomNetwork(seed: seed)
        let grid = try CertifiedGrid(clip: 0.7, dimension: one.network.parameterCount)
        let examples = one.examples(Self.count)
        var expected: [Int64]?
        for (capacity, workers) in [(1, 1), (2, 3), (5, 2), (8, 5), (32, 1), (32, 3)] {
            let plan = try ClippingPlan(method, network: one.network, grid: grid, capacity: capacity)
            let order = workers == 3 ? Array((0..<Self.count).reversed()) : Array(0..<Self.count)
            let found = Self.integers(plan, Buffer(one.parameters), examples, order: order, workers: workers)
            expected = expected ?? found
            #expect(found == expected, "\(workers) workers, tiles of \(capacity)")
        }
        #expect(expected?.contains { $0 != 0 } == true)
    }

    /// At the tiles that a plan takes for a preset: without one example every other moves to another row, and the sum loses
    /// that example's integers and nothing else.
    @Test(arguments: Network.presets)
    func plannedTilesOfPresets(preset: String) throws {
        let network = try Network.preset(preset, input: try #require(Network.usualInput(preset)), classes: 10)
        let grid = try CertifiedGrid(clip: 0.7, dimension: network.parameterCount)
        let plan = try ClippingPlan(.exact, network: network, grid: grid)
        let count = plan.capacity + 2
        let features = testFloats(count * network.input.count, seed: 3)
        let labels = (0..<count).map { Int32($0 % 10) }
        let examples = FloatExamples(features: features, featureCount: network.input.count, labels: labels)
        let summer = GradientSummer(plan, pool: WorkerPool(workers: 1))
        let parameters = Buffer(network.initialParameters(seed: 2))
        func sum(_ order: [Int]) -> [Int64] {
            var keys = InsecureTestStream(seed: 0)
            summer.clear()
            summer.take(order, keysFrom: &keys)
            summer.run(of: examples, parameters: parameters)
            return summer.integers
        }
        let all = sum(Array(0..<count))
        let rest = sum(Array(1..<count))
        let first = sum([0])
        #expect(all.indices.allSatisfy { all[$0] == rest[$0] &+ first[$0] })
        #expect(first.contains { $0 != 0 } && rest.contains { $0 != 0 })
    }

    /// Where leaves are rounded, they are the same for the same keys, in whatever order examples come.
    @Test(
        arguments: [ClippingMethod.ghost, .mixedGhost, .bookKeeping, .bookKeepingMix, .perLayer, .auto],
        cases.indices
    )
    func everyNumberOfWorkers(method: ClippingMethod, index: Int) throws {
        let one = Self.cases[index]
        let grid = try CertifiedGrid(clip: 0.7, dimension: one.network.parameterCount)
        for capacity in [1, 5, 32] {
            let plan = try ClippingPlan(method, network: one.network, grid: grid, capacity: capacity)
            var expected: [Int64]?
            for workers in Self.workers {
                let order = workers == 3 ? Array((0..<Self.count).reversed()) : Array(0..<Self.count)
                let found = Self.integers(one, plan, order: order, workers: workers)
                expected = expected ?? found
                #expect(found == expected, "\(workers) workers, tiles of \(capacity)")
            }
            #expect(expected?.contains { $0 != 0 } == true)
        }
    }

    /// What is kept and what is computed a second time give the same integers.
    @Test(arguments: cases.indices)
    func recomputingChangesNothing(index: Int) throws {
        let one = Self.cases[index]
        let grid = try CertifiedGrid(clip: 0.7, dimension: one.network.parameterCount)
        let order = Array(0..<Self.count)
        for (kept, recomputed) in [(ClippingMethod.bookKeeping, ClippingMethod.ghost), (.bookKeepingMix, .mixedGhost)] {
            let sums = try [kept, recomputed].map { method in
                let plan = try ClippingPlan(method, network: one.network, grid: grid, capacity: 16)
                return Self.integers(one, plan, order: order, workers: 2)
            }
            #expect(sums[0] == sums[1])
        }
    }
}
