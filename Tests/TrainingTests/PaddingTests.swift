// SPDX-License-Identifier: Apache-2.0

import Accounting
import Datasets
import Kernels
import Networks
import Randomness
import Synchronization
import TestKit
import Testing
import Training

/// Work that only takes time.
@Suite struct PaddingTests {
    private static let count = 37

    private static func summer(_ one: MethodCase, _ method: ClippingMethod, workers: Int) throws -> GradientSummer {
        let grid = try CertifiedGrid(clip: 0.7, dimension: one.network.parameterCount)
        let plan = try ClippingPlan(method, network: one.network, grid: grid, capacity: 8)
        return GradientSummer(plan, pool: WorkerPool(workers: workers), padsDraws: true)
    }

    /// The sum of the first `drawn` examples, behind so much padding.
    private static func sum(_ summer: GradientSummer, _ one: MethodCase, drawn: Int, slots: Int?) -> [Int64] {
        var keys = InsecureTestStream(seed: 5)
        let parameters = Buffer(one.parameters)
        summer.take(0..<drawn, keysFrom: &keys)
        if let slots { #expect(summer.pad(to: slots, parameters: parameters)) }
        summer.run(of: one.examples(count), parameters: parameters)
        let integers = summer.integers
        summer.clear()
        return integers
    }

    /// Of two steps in a row too: what a network draws depends on the step's number, which padding leaves alone.
    @Test(arguments: NeighbourTests.certified, MethodCase.small.indices)
    func changesNoBit(method: ClippingMethod, index: Int) throws {
        let one = MethodCase.small[index]
        for workers in [1, 3] {
            let (plain, padded) = (
                try Self.summer(one, method, workers: workers), try Self.summer(one, method, workers: workers)
            )
            for drawn in [0, 1, 8, 21, Self.count] {
                let expected = Self.sum(plain, one, drawn: drawn, slots: nil)
                #expect(expected.contains { $0 != 0 } == (drawn > 0))
                for slots in [0, drawn, drawn + 1, 64] {
                    // Each of the four is another step, so the plain one goes along.
                    #expect(Self.sum(padded, one, drawn: drawn, slots: slots) == expected, "\(drawn) of \(slots)")
                }
            }
        }
    }

    /// Tiles are asked for one by one; with whole tiles their number is the same for every draw, a larger one aside.
    @Test(arguments: [ClippingMethod.perExample, .exact])
    func sameWorkForEveryDraw(method: ClippingMethod) throws {
        let one = MethodCase.small[0]
        let summer = try Self.summer(one, method, workers: 1)
        let parameters = Buffer(one.parameters)
        for (drawn, tiles) in [(0, 4), (8, 4), (16, 4), (32, 4), (37, 5)] {
            let asked = Atomic<Int>(0)
            let count: @Sendable () -> Bool = {
                asked.add(1, ordering: .relaxed)
                return false
            }
            var keys = InsecureTestStream(seed: 5)
            summer.take(0..<drawn, keysFrom: &keys)
            #expect(summer.pad(to: 32, parameters: parameters, isStopped: count))
            #expect(summer.run(of: one.examples(Self.count), parameters: parameters, isStopped: count))
            #expect(asked.load(ordering: .relaxed) == tiles, "\(drawn)")
            summer.clear()
        }
    }

    @Test(arguments: [1, 2])
    func stopsBetweenTiles(workers: Int) throws {
        let one = MethodCase.small[0]
        let summer = try Self.summer(one, .perExample, workers: workers)
        let parameters = Buffer(one.parameters)
        let expected = Self.sum(summer, one, drawn: 20, slots: nil)
        for last in 0..<5 {
            let asked = Atomic<Int>(0)
            let stops: @Sendable () -> Bool = { asked.wrappingAdd(1, ordering: .relaxed).oldValue >= last }
            var keys = InsecureTestStream(seed: 5)
            summer.take(0..<20, keysFrom: &keys)
            let isPadded = summer.pad(to: 36, parameters: parameters, isStopped: stops)
            #expect(isPadded == (last >= 2))
            if isPadded {
                #expect(!summer.run(of: one.examples(Self.count), parameters: parameters, isStopped: stops))
            } else {
                // Nothing of it stays.
                #expect(summer.integers.allSatisfy { $0 == 0 })
            }
            summer.clear()
            #expect(Self.sum(summer, one, drawn: 20, slots: 40) == expected)
        }
    }
}
