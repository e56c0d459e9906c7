// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import Randomness
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
        let summer = GradientSummer(plan, pool: WorkerPool(workers: workers))
        var all = InsecureTestStream(seed: 5)
        let keys = (0..<count).map { _ in all.next() }
        var drawn = InsecureScriptedStream(order.map { keys[$0] })
        summer.take(order, keysFrom: &drawn)
        summer.run(of: one.repeated(count), parameters: Buffer(one.parameters))
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
