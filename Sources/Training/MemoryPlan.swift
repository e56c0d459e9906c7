// SPDX-License-Identifier: Apache-2.0

import Kernels
package import Networks

/// The bytes of a training run beyond what the process and its data take, item by item, known before the first example
/// is read; and the physical batch that fits into a limit.
package struct MemoryPlan: Sendable {
    /// One item of the plan.
    package struct Item: Hashable, Sendable, Codable {
        package let name: String
        package let bytes: Int
    }

    /// What a plan is made for.
    package struct Request: Sendable {
        package var network: Network
        package var method: ClippingMethod
        package var grid: CertifiedGrid
        package var options = ClippingPlan.Options()
        /// Bytes of optimizer state.
        package var optimizerBytes: Int
        /// The most workers, at least 1.
        package var workers: Int
        /// Expected examples of a logical step.
        package var batch: Double
        /// The most examples in work at one time, at least 1; nil for what suits the network.
        package var physicalBatch: Int?
        /// Whether noise is drawn here.
        package var drawsNoise = true
        /// Whether the model is evaluated after training.
        package var evaluates = true

        package init(
            network: Network,
            method: ClippingMethod,
            grid: CertifiedGrid,
            optimizerBytes: Int,
            workers: Int,
            batch: Double
        ) {
            self.network = network
            self.method = method
            self.grid = grid
            self.optimizerBytes = optimizerBytes
            self.workers = workers
            self.batch = batch
        }

        var largestDraw: Int { MemoryPlan.largestDraw(batch) }
    }

    /// How gradients are clipped within the limit.
    package let clipping: ClippingPlan
    /// The workers that fit: at most as many as were asked for.
    package let workers: Int
    /// Every item; their sum is ``totalBytes``.
    package let items: [Item]
    /// The smallest limit under which this run is possible.
    package let smallestLimitBytes: Int

    /// Examples for which the order of a draw has memory.
    package let largestDraw: Int

    /// The bytes of all items.
    package var totalBytes: Int { items.reduce(0) { $0 + $1.bytes } }
    /// Examples in work at one time.
    package var physicalBatch: Int { workers * clipping.capacity }
    /// The bytes of activations, gradients between operations and operations' state that rest in all workers' tiles.
    package var keptActivationBytes: Int { workers * clipping.keptActivationBytes }
    /// The bytes of gradients, activations and scratch: what is allocated once for all steps.
    package var arenaBytes: Int { items.filter { $0.name == Self.gradients }.reduce(0) { $0 + $1.bytes } }

    /// Plans under a limit: the largest physical batch that fits, up to what the network can use.
    ///
    /// First fewer examples are in work at a time; where even one a worker does not fit, `auto` computes twice what it
    /// would keep; then there are fewer workers.
    ///
    /// - Throws: ``TrainingError/memoryLimit(limit:smallest:)`` when nothing fits, with the bytes that would;
    ///   ``TrainingError/invalidArgument(name:value:expected:)`` when `workers` is not in 1...1024.
    package init(_ request: Request, limit: Int? = nil) throws(TrainingError) {
        guard (1...1024).contains(request.workers) else {
            throw .invalidArgument(name: "workers", value: "\(request.workers)", expected: "1 to 1024")
        }
        var smallest = Int.max
        var chosen: (ClippingPlan, [Item], Int)?
        for (recomputes, workers) in Self.ways(request) {
            let largest = Self.largestCapacity(request, workers: workers)
            func candidate(_ capacity: Int) throws(TrainingError) -> (ClippingPlan, [Item], Int) {
                var options = request.options
                options.recomputes = recomputes
                let plan = try ClippingPlan(
                    request.method,
                    network: request.network,
                    grid: request.grid,
                    options: options,
                    capacity: capacity,
                    examples: request.largestDraw
                )
                let items = Self.items(request, plan, workers: workers)
                return (plan, items, items.reduce(0) { $0 + $1.bytes })
            }
            let least = try candidate(1)
            smallest = min(smallest, least.2)
            guard chosen == nil, least.2 <= limit ?? .max else { continue }
            var (low, high) = (1, largest)
            var best = least
            while low < high {
                let middle = (low + high + 1) / 2
                let next = try candidate(middle)
                if next.2 <= limit ?? .max { (low, best) = (middle, next) } else { high = middle - 1 }
            }
            chosen = (best.0, best.1, workers)
        }
        guard let chosen else { throw .memoryLimit(limit: limit ?? 0, smallest: smallest) }
        (clipping, items, workers) = chosen
        smallestLimitBytes = smallest
        largestDraw = request.largestDraw
    }

    /// More examples than a Poisson draw of this mean has: eight standard deviations above it. A larger draw takes
    /// more memory for its order and, where all of it pulls one coordinate the same way, wraps around.
    package static func largestDraw(_ batch: Double) -> Int { Int(batch + 8 * batch.squareRoot() + 8) }

    /// The most examples that a worker takes at a time.
    private static func largestCapacity(_ request: Request, workers: Int) -> Int {
        if let physicalBatch = request.physicalBatch { return max(1, physicalBatch / workers) }
        let share = Int((request.batch / Double(request.workers)).rounded(.up))
        let usual = ClippingPlan.usualCapacity(
            request.network,
            batch: request.batch,
            workers: workers,
            storage: request.options.numerics.storage
        )
        return max(1, min(usual, 2 * max(share, 1)))
    }

    /// Ways to try, best first: whether to compute twice, and with how many workers.
    private static func ways(_ request: Request) -> [(recomputes: Bool, workers: Int)] {
        let schedules = request.method == .auto ? [false, true] : [false]
        return (1...request.workers).reversed().flatMap { workers in schedules.map { ($0, workers) } }
    }

    private static let gradients = "gradients"
    /// A thread's stack and what the allocator keeps for it.
    private static let threadBytes = 256 << 10
    /// Pages of code and tables that are not resident before they are first used.
    private static let codeBytes = 2 << 20
    /// What the matrix library packs operands of Gram matrices into, for each thread.
    private static let packingBytes = 256 << 10

    private static func items(_ request: Request, _ plan: ClippingPlan, workers: Int) -> [Item] {
        let dimension = request.network.parameterCount
        let summing = GradientSummer.plannedBytes(plan, workers: workers, examples: request.largestDraw)
        let evaluating =
            request.evaluates
            ? Evaluation.plannedBytes(for: request.network, workers: workers, numerics: request.options.numerics) : 0
        return [
            Item(name: "parameters", bytes: dimension * MemoryLayout<Float>.stride),
            Item(name: "optimizer", bytes: request.optimizerBytes),
            Item(name: gradients, bytes: max(summing, evaluating)),
            Item(
                name: "noise",
                bytes: request.drawsNoise ? StepWorkspace.plannedBytes(central: workers) : 0
            ),
            Item(name: "matrix library", bytes: workers * packingBytes),
            Item(name: "threads and code", bytes: codeBytes + workers * threadBytes),
        ]
    }
}
