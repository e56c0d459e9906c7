// SPDX-License-Identifier: Apache-2.0

package import Datasets
package import Kernels
package import Networks
import Synchronization

/// Integers of how well parameters do on private examples, summed over a draw; what a device's part in an evaluation round is
/// made of before noise.
///
/// An example's integers depend on nothing but that example, the parameters and public values. Nothing but the sum leaves, and
/// it is as secret as the examples.
package struct HeldOutSum: Sendable {
    /// What an example adds, from its score: the loss in nats, the right answers, and of how many.
    package typealias Contribution = @Sendable (_ loss: Double, _ correct: Int, _ labels: Int) -> [Int64]

    private let network: Network
    private let numerics: Numerics
    private let pool: WorkerPool
    private let rows: Int

    package init(_ network: Network, pool: WorkerPool, numerics: Numerics) {
        self.network = network
        self.numerics = numerics
        self.pool = pool
        rows = Evaluation.tileRows(network, numerics.storage)
    }

    /// The sum over the drawn examples.
    ///
    /// The work is that of `slots` examples, or of the whole draw where that is larger: further examples of the data set are
    /// scored, and their scores are left out.
    ///
    /// - Parameters:
    ///   - drawn: positions in `dataset`.
    ///   - slots: 0 where `dataset` is empty.
    ///   - coordinates: integers of a contribution.
    ///   - isStopped: asked before every tile, from several threads.
    /// - Returns: `nil` when `isStopped` ended it early.
    package func sum(
        of dataset: Dataset,
        drawn: [Int],
        slots: Int,
        coordinates: Int,
        parameters: Buffer<Float>,
        isStopped: @escaping @Sendable () -> Bool = { false },
        contribution: @escaping Contribution
    ) -> [Int64]? {
        let work = dataset.count == 0 ? 0 : max(slots, drawn.count)
        let total = Mutex([Int64](repeating: 0, count: coordinates))
        let next = Atomic<Int>(0)
        let isEnded = Atomic<Bool>(false)
        let tiles = (work + rows - 1) / rows
        pool.run { _ in
            let execution = NetworkExecution(network, schedule: .forward, capacity: rows, numerics: numerics)
            var labels: [Int32] = []
            while true {
                let tile = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard tile < tiles else { return }
                guard !isStopped() else { return isEnded.store(true, ordering: .relaxed) }
                let slots = tile * rows..<min(work, (tile + 1) * rows)
                func example(_ slot: Int) -> Int { slot < drawn.count ? drawn[slot] : slot % dataset.count }
                labels.removeAll(keepingCapacity: true)
                for slot in slots { labels.append(dataset.label(example(slot))) }
                execution.load(examples: slots.count) { row, input in
                    dataset.write(example: example(slots.lowerBound + row), into: &input)
                    return 0
                }
                execution.run(parameters: parameters)
                var sum = [Int64](repeating: 0, count: coordinates)
                for slot in slots {
                    let score = execution.score(of: slot - slots.lowerBound, labels: labels)
                    let integers = contribution(score.loss, score.correct, score.labels)
                    precondition(integers.count == coordinates, "a contribution has \(coordinates) integers")
                    guard slot < drawn.count else { continue }
                    for index in sum.indices { sum[index] += integers[index] }
                }
                total.withLock { total in
                    for index in sum.indices { total[index] += sum[index] }
                }
            }
        }
        return isEnded.load(ordering: .relaxed) ? nil : total.withLock { $0 }
    }

    /// Bytes that a sum takes while it runs, the draw of `examples` positions included.
    package static func plannedBytes(for network: Network, workers: Int, numerics: Numerics, examples: Int) -> Int {
        Evaluation.plannedBytes(for: network, workers: workers, numerics: numerics)
            + 2 * examples * MemoryLayout<Int>.stride
    }
}
