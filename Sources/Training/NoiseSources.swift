// SPDX-License-Identifier: Apache-2.0

package import Kernels
import Networks
package import Noise
import Randomness
import Synchronization

/// The noise of one step: one integer a parameter, drawn by all workers, each from a secret stream of its own, a piece at
/// a time straight into the sum.
package final class NoiseSources {
    /// The law of every coordinate.
    package let mechanism: any NoiseMechanism
    private let pool: WorkerPool
    private let sources: WorkerSlots<Source>
    private let insecure: InsecureRandomness?
    private var steps = 0

    /// Coordinates that are drawn at once.
    private static let chunk = 512

    /// - Parameter insecure: what everybody can draw again instead of secret streams: for comparisons on public data only.
    package init(_ mechanism: any NoiseMechanism, pool: WorkerPool, insecure: InsecureRandomness? = nil) {
        self.mechanism = mechanism
        self.insecure = insecure
        self.pool = pool
        sources = WorkerSlots((0..<pool.workers).map { Source(worker: $0, chunk: Self.chunk) })
    }

    /// Adds fresh noise to every coordinate of a sum.
    package func add(to summer: GradientSummer) {
        let (sources, mechanism, insecure) = (self.sources, self.mechanism, self.insecure)
        steps += 1
        let step = steps
        let dimension = summer.plan.network.parameterCount
        let next = Atomic<Int>(0)
        let target = SummerReference(summer)
        pool.run { worker in
            while true {
                let start = next.wrappingAdd(Self.chunk, ordering: .relaxed).oldValue
                guard start < dimension else { return }
                sources[worker].draw(
                    min(Self.chunk, dimension - start),
                    mechanism,
                    // By place, so that who draws it makes no difference.
                    insecure: insecure?.stream(.noise, step, start)
                ) { target.summer.add($0, at: start) }
            }
        }
    }

    /// Bytes of all sources; a stream counts 64 KiB.
    package static func plannedBytes(workers: Int) -> Int {
        workers * (chunk * 3 * MemoryLayout<Int64>.stride + 1 << 16)
    }

    private final class Source {
        private var stream: SecretStream
        private var words: WordBlock
        private let values: Buffer<Int64>

        init(worker: Int, chunk: Int) {
            stream = SecretStream(.noise, worker: worker)
            words = WordBlock(capacity: 2 * chunk)
            values = Buffer(count: chunk)
        }

        /// Lends noise and then erases it: who knows it can subtract it.
        func draw(
            _ count: Int,
            _ mechanism: any NoiseMechanism,
            insecure: InsecureTestStream?,
            _ body: (Span<Int64>) -> Void
        ) {
            values.write(0..<count) {
                if var insecure {
                    mechanism.fill(&$0, from: &insecure, by: &words)
                } else {
                    mechanism.fill(&$0, from: &stream, by: &words)
                }
            }
            values.read(0..<count, body)
            values.clear(0..<count)
        }
    }
}

/// A summer that workers add to at disjoint coordinates.
private struct SummerReference: @unchecked Sendable {
    let summer: GradientSummer

    init(_ summer: GradientSummer) { self.summer = summer }
}
