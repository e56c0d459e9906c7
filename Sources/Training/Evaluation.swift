// SPDX-License-Identifier: Apache-2.0

package import Datasets
package import Kernels
package import Networks
import Synchronization

/// How well parameters do on declared public data.
package struct Evaluation: Hashable, Sendable {
    /// The share of examples whose largest score is at their label; a score that is not a number is wrong.
    package let accuracy: Double
    /// The mean softmax cross-entropy, in nats; not finite when a score is not.
    package let loss: Double
    /// The number of examples.
    package let examples: Int

    /// Scores `parameters` on every example of `dataset`, in tiles over the workers of `pool`. Does not depend on the
    /// number of workers.
    ///
    /// - Throws: ``TrainingError/notPublic(dataset:)`` when nobody declared the data public, or
    ///   ``TrainingError/invalidArgument(name:value:expected:)`` when it is empty.
    package init(
        of network: Network,
        parameters: Buffer<Float>,
        on dataset: Dataset,
        pool: WorkerPool,
        numerics: Numerics = .single
    ) throws(TrainingError) {
        guard dataset.isPublic else { throw .notPublic(dataset: dataset.name) }
        guard dataset.count > 0 else {
            throw .invalidArgument(name: "test data", value: "0 examples", expected: "at least one")
        }
        let count = dataset.count
        let rows = Self.tileRows(network, numerics.storage)
        let tiles = (count + rows - 1) / rows
        let losses = Buffer<Double>(count: tiles)
        let hits = Buffer<Int64>(count: tiles)
        let next = Atomic<Int>(0)
        pool.run { _ in
            let execution = NetworkExecution(network, schedule: .forward, capacity: rows, numerics: numerics)
            var labels: [Int32] = []
            while true {
                let tile = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard tile < tiles else { return }
                let indices = (tile * rows)..<min(count, (tile + 1) * rows)
                labels.removeAll(keepingCapacity: true)
                for index in indices { labels.append(dataset.label(index)) }
                execution.load(examples: indices.count) { row, input in
                    dataset.write(example: indices.lowerBound + row, into: &input)
                    return 0
                }
                execution.run(parameters: parameters)
                let score = execution.score(labels: labels)
                losses.write { $0[tile] = score.loss }
                hits.write { $0[tile] = Int64(score.correct) }
            }
        }
        examples = count
        accuracy = Double(hits.read { $0.total }) / Double(count)
        loss = losses.read { $0.total } / Double(count)
    }

    /// Bytes that an evaluation takes while it runs.
    package static func plannedBytes(for network: Network, workers: Int, numerics: Numerics) -> Int {
        let rows = tileRows(network, numerics.storage)
        return workers
            * NetworkExecution.plannedBytes(network, schedule: .forward, capacity: rows, numerics: numerics)
    }

    /// Examples of a tile: as many as lie in cache, up to 32.
    static func tileRows(_ network: Network, _ storage: NumberFormat?) -> Int {
        let bytes = NetworkExecution.bytesPerExample(network, schedule: .forward, storage: storage)
        return max(1, min(32, (1 << 20) / bytes))
    }
}

extension Span where Element: AdditiveArithmetic {
    /// The sum of all values, from the first to the last.
    var total: Element {
        var sum = Element.zero
        for index in indices { sum += self[index] }
        return sum
    }
}
