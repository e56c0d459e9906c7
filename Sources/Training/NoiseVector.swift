// SPDX-License-Identifier: Apache-2.0

package import Kernels
package import Noise
import Randomness

/// The noise of one step: one integer a parameter, drawn by all workers, each from a secret stream of its own.
package final class NoiseVector {
    /// The law of every coordinate.
    package let mechanism: any NoiseMechanism
    /// The noise; zero before ``draw()`` and after ``clear()``.
    package let values: Buffer<Int64>

    private let pool: WorkerPool
    private let streams: WorkerSlots<Source>

    package init(_ mechanism: any NoiseMechanism, dimension: Int, pool: WorkerPool) {
        self.mechanism = mechanism
        self.pool = pool
        values = Buffer(count: dimension)
        streams = WorkerSlots((0..<pool.workers).map { Source(worker: $0) })
    }

    /// Replaces every coordinate by fresh noise.
    package func draw() {
        let streams = self.streams
        let mechanism = self.mechanism
        let values = self.values
        let share = (values.count + streams.count - 1) / streams.count
        pool.run { worker in
            let start = min(values.count, worker * share)
            values.write(start..<min(values.count, start + share)) { noise in
                streams[worker].fill(&noise, mechanism)
            }
        }
    }

    /// Forgets the noise: who knows it can subtract it.
    package func clear() {
        values.fill(0)
    }

    /// Bytes that a noise vector takes; streams count 64 KiB each.
    package static func plannedBytes(dimension: Int, workers: Int) -> Int {
        dimension * MemoryLayout<Int64>.stride + workers * (1 << 16)
    }

    private final class Source {
        private var stream: SecretStream

        init(worker: Int) {
            stream = SecretStream(.noise, worker: worker)
        }

        func fill(_ values: inout MutableSpan<Int64>, _ mechanism: any NoiseMechanism) {
            mechanism.fill(&values, from: &stream)
        }
    }
}
