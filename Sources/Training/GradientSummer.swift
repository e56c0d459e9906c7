// SPDX-License-Identifier: Apache-2.0

package import Accounting
package import Datasets
package import Kernels
package import Networks
import Synchronization

/// Sums clipped integer gradients of drawn examples over a pool of workers.
///
/// Workers take tiles of `Network.tileRows` examples from a counter and add into a partial sum each; the partial sums are
/// then added. Everything is an integer, so the result does not depend on the number of workers nor on who took which
/// tile. Nothing else about the examples is kept: no loss, no norm, no clipped share.
package final class GradientSummer {
    /// What one example can change in ``sum``.
    package let certificate: SensitivityCertificate
    /// The grid whose units ``sum`` has.
    package let grid: CertifiedGrid
    /// The sum of the last call of ``run(_:of:parameters:)``; one value a parameter.
    package let sum: Buffer<Int64>

    private let pool: WorkerPool
    private let workers: WorkerSlots<any ClippingWorker>
    private let partialSums: WorkerSlots<Buffer<Int64>>

    /// Takes all the memory that summing needs (``plannedBytes(for:method:workers:)``).
    ///
    /// - Throws: ``TrainingError/notCertified(method:reason:)`` where the method does not bound this network.
    package init(
        network: Network,
        grid: CertifiedGrid,
        method: any ClippingMethod,
        pool: WorkerPool
    ) throws(TrainingError) {
        certificate = try method.certificate(for: network, grid: grid)
        self.grid = grid
        self.pool = pool
        sum = Buffer(count: network.parameterCount)
        var workers: [any ClippingWorker] = []
        for _ in 0..<pool.workers { workers.append(try method.makeWorker(for: network, grid: grid)) }
        self.workers = WorkerSlots(workers)
        let others = (1..<max(1, pool.workers)).map { _ in Buffer<Int64>(count: network.parameterCount) }
        partialSums = WorkerSlots([sum] + others)
    }

    /// Replaces ``sum`` by the clipped sum of the examples at `indices`.
    package func run(_ indices: [Int], of dataset: Dataset, parameters: Buffer<Float>) {
        clear()
        let rows = Network.tileRows
        let tiles = (indices.count + rows - 1) / rows
        let next = Atomic<Int>(0)
        let workers = self.workers
        let partialSums = self.partialSums
        pool.run { worker in
            while true {
                let tile = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard tile < tiles else { return }
                let slice = indices[(tile * rows)..<min(indices.count, (tile + 1) * rows)]
                workers[worker].accumulate(
                    tile: slice,
                    of: dataset,
                    parameters: parameters,
                    into: partialSums[worker]
                )
            }
        }
        for worker in 1..<max(1, partialSums.count) { sum.add(partialSums[worker]) }
    }

    /// Forgets every sum, partial ones included.
    package func clear() {
        for worker in 0..<partialSums.count { partialSums[worker].fill(0) }
    }

    /// Bytes that a summer takes.
    package static func plannedBytes(for network: Network, method: any ClippingMethod, workers: Int) -> Int {
        workers * (method.plannedBytes(for: network) + network.parameterCount * MemoryLayout<Int64>.stride)
    }
}

extension Buffer where Element == Int64 {
    /// Adds `other` value by value. 2^32 examples of at most 2^30 each, and noise below 2^62, stay within an `Int64`.
    func add(_ other: Buffer<Int64>) {
        other.read { source in
            write { target in
                for index in 0..<target.count { target[index] &+= source[index] }
            }
        }
    }
}
