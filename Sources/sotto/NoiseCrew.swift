// SPDX-License-Identifier: Apache-2.0

import Kernels
import Noise
import Randomness

/// Workers that draw noise at once, a block each in turn, each from a secret stream of its own.
final class NoiseCrew {
    private let pool: WorkerPool
    private let drawers: [Drawer]
    private let block: Int
    private var elapsed = Duration.zero
    private var drawn = 0

    /// Samples of a worker's block: what fits its cache and makes waiting for each other small.
    private static let largestBlock = 1 << 16
    /// Samples of all blocks together: 16 MiB.
    private static let largestTurn = 1 << 21

    init(_ mechanism: any NoiseMechanism, pool: WorkerPool) {
        self.pool = pool
        let block = min(Self.largestBlock, Self.largestTurn / pool.workers)
        self.block = block
        drawers = (0..<pool.workers).map { Drawer(mechanism, worker: $0, block: block) }
    }

    /// Draws a block a worker, or what is wanted where that is less; statistics are taken after the clock has stopped.
    ///
    /// - Returns: how many samples were drawn, at most `wanted`.
    func draw(_ wanted: Int) -> Int {
        let (drawers, block) = (self.drawers, self.block)
        let begin = ContinuousClock.now
        pool.run { worker in drawers[worker].draw(min(block, max(0, wanted - worker * block))) }
        elapsed += ContinuousClock.now - begin
        pool.run { worker in drawers[worker].measure() }
        let count = drawers.reduce(0) { $0 + $1.count }
        drawn += count
        return count
    }

    /// Lends the samples of the last draw, worker after worker.
    func forEachBlock<Failure: Error>(_ body: (Span<Int64>) throws(Failure) -> Void) throws(Failure) {
        for drawer in drawers { try drawer.samples.read(0..<drawer.count, body) }
    }

    /// Samples a second of elapsed time.
    var speed: Double { Double(drawn) / max(elapsed / .seconds(1), 1e-9) }

    /// Random words that were used.
    var words: Int { drawers.reduce(0) { $0 + $1.stream.words } }

    /// Of all samples so far.
    var moments: Moments {
        drawers.reduce(into: Moments()) { $0.add($1.moments) }
    }

    /// One worker's stream, block and statistics.
    ///
    /// `@unchecked Sendable` because only its own worker touches it while the pool runs.
    private final class Drawer: @unchecked Sendable {
        let mechanism: any NoiseMechanism
        let samples: Buffer<Int64>
        var stream: CountingStream
        var words: WordBlock
        var moments = Moments()
        var count = 0

        init(_ mechanism: any NoiseMechanism, worker: Int, block: Int) {
            self.mechanism = mechanism
            samples = Buffer(count: block)
            stream = CountingStream(worker: worker)
            words = WordBlock(capacity: 2 * block)
        }

        func draw(_ count: Int) {
            self.count = count
            samples.write(0..<count) { mechanism.fill(&$0, from: &stream, by: &words) }
        }

        func measure() {
            samples.read(0..<count) { moments.add($0) }
        }
    }
}

/// A secret stream that counts the words that are taken from it.
private struct CountingStream: ~Copyable, RandomWords {
    private var stream: SecretStream
    private(set) var words = 0

    init(worker: Int) {
        stream = SecretStream(.noise, worker: worker)
    }

    mutating func next() -> UInt64 {
        words += 1
        return stream.next()
    }

    mutating func fill(_ words: inout MutableSpan<UInt64>) {
        self.words += words.count
        stream.fill(&words)
    }
}

extension NoiseCrew {
    /// Mean and variance of integers, exact until the division.
    struct Moments {
        private var count = 0
        private var sum: Int128 = 0
        private var squares: UInt128 = 0

        var mean: Double { Double(sum) / Double(count) }

        /// Around the mean, divided by the number of samples.
        var variance: Double { max(0, Double(squares) / Double(count) - mean * mean) }

        mutating func add(_ samples: Span<Int64>) {
            count += samples.count
            for index in samples.indices {
                let sample = samples[index]
                sum += Int128(sample)
                let square = sample.magnitude.multipliedFullWidth(by: sample.magnitude)
                squares += UInt128(square.high) << 64 | UInt128(square.low)
            }
        }

        /// Adds what another worker counted.
        mutating func add(_ other: Moments) {
            count += other.count
            sum += other.sum
            squares += other.squares
        }
    }
}
