// SPDX-License-Identifier: Apache-2.0

import Accounting
package import Datasets
package import Kernels
package import Networks
package import Randomness
import Synchronization

/// Sums clipped gradients of drawn examples over a pool of workers, as integers.
///
/// Workers take tiles from a counter and add into a sum of their own each; the sums are added when they are read. They are
/// integers, so the result does not depend on the number of workers nor on who took which tile. Nothing else about the
/// examples is kept: no loss, no norm, no clipped share.
package final class GradientSummer {
    /// How gradients are clipped and summed.
    package let plan: ClippingPlan
    private let pool: WorkerPool
    private let workers: WorkerSlots<GradientWorker>
    private let chunks: WorkerSlots<Buffer<Int64>>
    private let draw: DrawOrder
    /// Order of slots that only take time; nil where none are planned.
    private let padding: DrawOrder?
    private var steps: UInt64 = 0
    /// Whether every sum is zero.
    private let isClear = Atomic<Bool>(true)

    /// Coordinates that are read at once.
    private static let chunk = 512

    /// Takes all the memory that summing needs (``plannedBytes(_:workers:examples:)``).
    ///
    /// - Parameters:
    ///   - examples: drawn at once in the usual case; a greater draw takes more memory for its order.
    ///   - padsDraws: whether ``pad(to:parameters:isStopped:)`` will be called. What pads would be counted by `norms` and
    ///     `diagnostics`, so that neither may be given then.
    ///   - norms: where to leave every example's gradient norm, by index: for comparisons only, norms are private.
    ///   - diagnostics: counts what clipping does: for public data only, the counts are private.
    ///   - clock: nanoseconds of a steady clock: for measurements only.
    package init(
        _ plan: ClippingPlan,
        pool: WorkerPool,
        examples: Int = 1024,
        padsDraws: Bool = false,
        norms: Buffer<Double>? = nil,
        diagnostics: ClippingDiagnostics? = nil,
        clock: (@Sendable () -> UInt64)? = nil
    ) {
        precondition(!padsDraws || (norms == nil && diagnostics == nil), "slots that pad are not counted")
        self.plan = plan
        self.pool = pool
        workers = WorkerSlots(
            (0..<pool.workers).map { _ in
                GradientWorker(plan, norms: norms, diagnostics: diagnostics, clock: clock.map(PhaseClock.init))
            }
        )
        chunks = WorkerSlots((0..<pool.workers).map { _ in Buffer(count: Self.chunk) })
        func order() -> DrawOrder {
            DrawOrder(
                capacities: plan.leafCapacities,
                rows: plan.capacity,
                workers: pool.workers,
                examples: examples
            )
        }
        draw = order()
        padding = padsDraws ? order() : nil
    }

    /// Bytes that a summer takes.
    package static func plannedBytes(
        _ plan: ClippingPlan,
        workers: Int,
        examples: Int = 1024,
        padsDraws: Bool = false
    ) -> Int {
        workers * (GradientWorker.plannedBytes(plan) + chunk * MemoryLayout<Int64>.stride)
            + (padsDraws ? 2 : 1) * DrawOrder.plannedBytes(examples: examples, capacities: plan.leafCapacities.count)
    }

    /// Draws who takes part in the next sum.
    package func draw(_ sampler: PoissonSampler, count: Int, from coins: inout some RandomWords & ~Copyable) {
        draw.draw(sampler, count: count, from: &coins)
    }

    /// Takes these examples into the next sum: for tests and measurements.
    package func take(_ examples: some Sequence<Int>, keysFrom coins: inout some RandomWords & ~Copyable) {
        draw.take(examples, keysFrom: &coins)
    }

    /// Does the work of so many examples that the next sum has `slots` of them together with who was drawn, and forgets what
    /// came out, so that the time a sum takes does not tell how many were drawn. A draw of more is left as it is.
    ///
    /// The work goes through the very same steps, on public values, into the sum as long as that is empty; then the sum is
    /// cleared. Nothing of it can reach a result, not by one bit. Called after ``draw(_:count:from:)`` and before
    /// ``run(of:parameters:seed:isStopped:)``.
    ///
    /// - Returns: `false` when `isStopped` ended it early; the sum is empty then as well.
    package func pad(
        to slots: Int,
        parameters: Buffer<Float>,
        isStopped: (@Sendable () -> Bool)? = nil
    ) -> Bool {
        guard let padding else { preconditionFailure("padding is planned when a summer is made") }
        precondition(isClear.load(ordering: .relaxed), "what pads comes first, because the sum is cleared behind it")
        guard slots > draw.count else { return true }
        let network = plan.network
        let examples = PaddingExamples(count: slots - draw.count, labelsPerExample: network.labelsPerExample)
        var keys = PublicStream(seed: 0, purpose: .draw)
        padding.take(0..<examples.count, keysFrom: &keys)
        let isWhole = accumulate(padding, of: examples, parameters: parameters, seed: 0, isStopped: isStopped)
        let workers = self.workers
        pool.run { workers[$0].clear() }
        padding.clear()
        isClear.store(true, ordering: .relaxed)
        return isWhole
    }

    /// Adds the clipped gradients of who was drawn to the sum.
    ///
    /// - Parameters:
    ///   - seed: public; seeds what the network draws, a dropout's masks.
    ///   - isStopped: asked before every tile, from several threads; what is summed then is part of the draw and must be
    ///     cleared.
    /// - Returns: whether all of the draw was summed.
    @discardableResult
    package func run(
        of dataset: any ExampleSource,
        parameters: Buffer<Float>,
        seed: UInt64 = 0,
        isStopped: (@Sendable () -> Bool)? = nil
    ) -> Bool {
        steps &+= 1
        let stepSeed = ExampleSeed.value(seed: seed, index: Int(truncatingIfNeeded: steps))
        return accumulate(draw, of: dataset, parameters: parameters, seed: stepSeed, isStopped: isStopped)
    }

    private func accumulate(
        _ draw: DrawOrder,
        of dataset: any ExampleSource,
        parameters: Buffer<Float>,
        seed: UInt64,
        isStopped: (@Sendable () -> Bool)?
    ) -> Bool {
        let next = Atomic<Int>(0)
        let isWhole = Atomic<Bool>(true)
        let workers = self.workers
        isClear.store(false, ordering: .relaxed)
        pool.run { worker in
            while true {
                let tile = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard tile < draw.tiles.count else { return }
                if let isStopped, isStopped() { return isWhole.store(false, ordering: .relaxed) }
                workers[worker].accumulate(
                    tile: draw.tiles[tile],
                    of: draw,
                    dataset: dataset,
                    seed: seed,
                    parameters: parameters
                )
            }
        }
        return isWhole.load(ordering: .relaxed)
    }

    /// Adds integers to coordinates of the sum, for example noise; may be called from several workers for ranges that
    /// are apart, before or after ``run(of:parameters:seed:)``.
    package func add(_ integers: Span<Int64>, at offset: Int) {
        isClear.store(false, ordering: .relaxed)
        workers[0].sum?.addIntegers(integers, at: offset)
    }

    /// Reads the sum, all workers at work, and forgets it: `body(offset, integers)` for disjoint pieces that cover every
    /// coordinate.
    package func read(_ body: @Sendable (Int, Span<Int64>) -> Void) {
        let workers = self.workers
        let chunks = self.chunks
        let dimension = plan.network.parameterCount
        let next = Atomic<Int>(0)
        pool.run { worker in
            while true {
                let start = next.wrappingAdd(Self.chunk, ordering: .relaxed).oldValue
                guard start < dimension else { return }
                let range = start..<min(dimension, start + Self.chunk)
                guard let sum = workers[0].sum else { return }
                for other in 1..<max(1, workers.count) {
                    if let part = workers[other].sum {
                        sum.add(part, range)
                        part.clear(range)
                    }
                }
                chunks[worker].write(0..<range.count) { sum.read(range, into: &$0) }
                sum.clear(range)
                chunks[worker].read(0..<range.count) { body(start, $0) }
            }
        }
        isClear.store(true, ordering: .relaxed)
    }

    /// Reads the plain sum of a plan that clips nothing, as ``read(_:)``; in the gradients' units, whatever the losses were
    /// multiplied by.
    package func readPlain(_ body: @Sendable (Int, Span<Float>) -> Void) {
        let workers = self.workers
        let dimension = plan.network.parameterCount
        let scale = plan.options.numerics.lossScale
        let next = Atomic<Int>(0)
        pool.run { _ in
            while true {
                let start = next.wrappingAdd(Self.chunk, ordering: .relaxed).oldValue
                guard start < dimension else { return }
                let range = start..<min(dimension, start + Self.chunk)
                guard let sum = workers[0].plainSum else { return }
                for other in 1..<max(1, workers.count) {
                    workers[other].plainSum?.write(range) { part in
                        sum.write(range) { Elementwise.add(part.span, to: &$0) }
                        Elementwise.clear(&part)
                    }
                }
                if scale != 1 { sum.write(range) { Elementwise.scale(&$0, by: 1 / scale) } }
                sum.read(range) { body(start, $0) }
                sum.clear(range)
            }
        }
        isClear.store(true, ordering: .relaxed)
    }

    /// Nanoseconds of a phase, the mean of all workers, since the last call; 0 without a clock.
    package func takePhases() -> [Phase: Double] {
        var totals: [Phase: Double] = [:]
        for phase in Phase.allCases {
            let sum = (0..<workers.count).reduce(UInt64(0)) { $0 + (workers[$1].clock?.total(phase) ?? 0) }
            totals[phase] = Double(sum) / Double(workers.count)
        }
        for worker in 0..<workers.count { workers[worker].clock?.reset() }
        return totals
    }

    /// Forgets the sum and who was drawn.
    package func clear() {
        let workers = self.workers
        if !isClear.exchange(true, ordering: .relaxed) { pool.run { workers[$0].clear() } }
        draw.clear()
    }
}

/// Public seeds for what a network draws.
enum ExampleSeed {
    /// A seed for an example: SplitMix64's finaliser, so that neighbours have nothing in common.
    static func value(seed: UInt64, index: Int) -> UInt64 {
        var z = seed &+ (UInt64(bitPattern: Int64(index)) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
