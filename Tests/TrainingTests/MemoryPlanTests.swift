// SPDX-License-Identifier: Apache-2.0

import Networks
import Testing
import Training

@Suite struct MemoryPlanTests {
    private static func request(
        _ preset: String,
        _ method: ClippingMethod,
        workers: Int = 3,
        batch: Double = 256
    ) throws -> MemoryPlan.Request {
        let input = try #require(Network.usualInput(preset))
        let network = try Network.preset(preset, input: input, classes: 10)
        return MemoryPlan.Request(
            network: network,
            method: method,
            grid: try CertifiedGrid(clip: 1, dimension: network.parameterCount),
            optimizerBytes: 4 * network.parameterCount,
            workers: workers,
            batch: batch
        )
    }

    /// The smallest limit works, one byte less is refused, and the refusal says the smallest limit.
    @Test(arguments: ClippingMethod.allCases, ["tanh-cnn", "larger-convnet"])
    func smallestLimit(method: ClippingMethod, preset: String) throws {
        let request = try Self.request(preset, method)
        let free = try MemoryPlan(request)
        let smallest = free.smallestLimitBytes
        let least = try MemoryPlan(request, limit: smallest)
        #expect(least.totalBytes == smallest)
        #expect(least.workers == 1)
        #expect(least.smallestLimitBytes == smallest)
        for limit in [smallest - 1, 1, 0] {
            #expect(throws: TrainingError.memoryLimit(limit: limit, smallest: smallest)) {
                try MemoryPlan(request, limit: limit)
            }
        }
    }

    /// Every limit in between is kept, and more memory never gives fewer examples in work.
    @Test(arguments: [ClippingMethod.perExample, .exact, .bookKeeping, .ghost, .perLayer, .auto])
    func limitsAreKept(method: ClippingMethod) throws {
        let request = try Self.request("larger-convnet", method)
        let free = try MemoryPlan(request)
        #expect(free.workers == 3)
        #expect(free.totalBytes == free.items.reduce(0) { $0 + $1.bytes })
        #expect(free.items.allSatisfy { $0.bytes > 0 })
        let (least, most) = (free.smallestLimitBytes, free.totalBytes)
        var workers = 0
        for step in 0...20 {
            let limit = least + (most - least) * step / 20
            let plan = try MemoryPlan(request, limit: limit)
            #expect(plan.totalBytes <= limit)
            #expect(plan.workers >= workers)
            workers = plan.workers
        }
        let whole = try MemoryPlan(request, limit: most)
        #expect(whole.physicalBatch == free.physicalBatch && whole.totalBytes == most)
    }

    /// The largest tile that fits is taken: one more example would not fit.
    @Test func nothingIsLeftUnused() throws {
        let request = try Self.request("tanh-cnn", .bookKeeping, workers: 1)
        let free = try MemoryPlan(request)
        try #require(free.clipping.capacity > 4)
        var totals: [Int: Int] = [:]
        let least = free.smallestLimitBytes
        for step in 0...200 {
            let plan = try MemoryPlan(request, limit: least + (free.totalBytes - least) * step / 200)
            totals[plan.clipping.capacity] = plan.totalBytes
        }
        for (capacity, total) in totals {
            guard let next = totals[capacity + 1] else { continue }
            #expect(try MemoryPlan(request, limit: next - 1).clipping.capacity == capacity)
            #expect(total < next)
        }
    }

    /// Where keeping does not fit, `auto` computes twice.
    @Test func autoRecomputesWhereKeepingDoesNotFit() throws {
        let request = try Self.request("vgg11", .auto, workers: 1)
        #expect(try MemoryPlan(request).clipping.schedule == .kept)
        let least = try MemoryPlan(request, limit: MemoryPlan(request).smallestLimitBytes)
        #expect(least.clipping.schedule == .recomputed)
    }

    @Test(arguments: [0, -1, 1025])
    func workersOutOfRangeAreRefused(workers: Int) throws {
        let request = try Self.request("tanh-cnn", .auto, workers: workers)
        #expect(throws: TrainingError.self) { try MemoryPlan(request) }
    }
}
