// SPDX-License-Identifier: Apache-2.0

package import Networks

/// The bytes of a central training run, item by item, known before the first example is read.
package struct MemoryPlan: Hashable, Sendable {
    /// One item of the plan.
    package struct Item: Hashable, Sendable, Codable {
        package let name: String
        package let bytes: Int
    }

    /// What a plan is made for.
    package struct Request: Sendable {
        package var network: Network
        package var method: any ClippingMethod
        /// Bytes of optimizer state.
        package var optimizerBytes: Int
        /// Bytes in which the datasets lie.
        package var datasetBytes: Int
        /// The process before anything of the run is allocated: code, libraries, run time.
        package var baseBytes: Int
        /// The most workers, at least 1.
        package var workers: Int

        package init(
            network: Network,
            method: any ClippingMethod,
            optimizerBytes: Int,
            datasetBytes: Int,
            baseBytes: Int,
            workers: Int
        ) {
            self.network = network
            self.method = method
            self.optimizerBytes = optimizerBytes
            self.datasetBytes = datasetBytes
            self.baseBytes = baseBytes
            self.workers = workers
        }
    }

    /// The workers that fit: at most as many as were asked for.
    package let workers: Int
    /// Every item; their sum is ``totalBytes``.
    package let items: [Item]
    /// The smallest limit under which this run is possible, with one worker.
    package let smallestLimitBytes: Int

    /// The bytes of the whole process.
    package var totalBytes: Int { items.reduce(0) { $0 + $1.bytes } }
    /// Examples in work at one time.
    package var physicalBatch: Int { workers * Network.tileRows }
    /// The bytes of everything but the process itself and the data.
    package var arenaBytes: Int {
        items.filter { $0.name != Self.process && $0.name != Self.data }.reduce(0) { $0 + $1.bytes }
    }

    /// Plans under a limit: as many workers as fit, the largest plan where there is no limit.
    ///
    /// - Throws: ``TrainingError/memoryLimit(limit:smallest:)`` when not even one worker fits, with the bytes that would;
    ///   ``TrainingError/invalidArgument(name:value:expected:)`` when `workers` is not in 1...1024.
    package init(_ request: Request, limit: Int? = nil) throws(TrainingError) {
        guard (1...1024).contains(request.workers) else {
            throw .invalidArgument(name: "workers", value: "\(request.workers)", expected: "1 to 1024")
        }
        let smallest = Self.items(request, workers: 1).reduce(0) { $0 + $1.bytes }
        var workers = request.workers
        var items = Self.items(request, workers: workers)
        if let limit {
            guard smallest <= limit else { throw .memoryLimit(limit: limit, smallest: smallest) }
            while items.reduce(0, { $0 + $1.bytes }) > limit {
                workers -= 1
                items = Self.items(request, workers: workers)
            }
        }
        self.workers = workers
        self.items = items
        smallestLimitBytes = smallest
    }

    private static let process = "process"
    private static let data = "data"
    /// A thread's stack, the allocator's arena for it, and what the matrix library packs a product into.
    private static let threadBytes = 1 << 20
    /// Pages of code and tables that are not resident before they are first used.
    private static let codeBytes = 4 << 20

    private static func items(_ request: Request, workers: Int) -> [Item] {
        let dimension = request.network.parameterCount
        let summing = GradientSummer.plannedBytes(for: request.network, method: request.method, workers: workers)
        let evaluating = Evaluation.plannedBytes(for: request.network, workers: workers)
        return [
            Item(name: process, bytes: request.baseBytes + codeBytes),
            Item(name: data, bytes: request.datasetBytes),
            // The parameters are held twice for a moment when they are initialised or written.
            Item(name: "parameters", bytes: 2 * dimension * MemoryLayout<Float>.stride),
            Item(name: "optimizer", bytes: request.optimizerBytes),
            Item(name: "noise", bytes: NoiseVector.plannedBytes(dimension: dimension, workers: workers)),
            Item(name: "gradients", bytes: summing),
            Item(name: "evaluation", bytes: evaluating),
            Item(name: "threads", bytes: workers * threadBytes),
        ]
    }
}
