// SPDX-License-Identifier: Apache-2.0

package import Accounting
package import Datasets
package import Kernels
import Networks
package import Noise
package import Randomness

/// The memory that logical steps use one after another: a summer and, where steps release centrally, noise sources.
package final class StepWorkspace {
    /// Sums the clipped gradients.
    package let summer: GradientSummer
    fileprivate let noise: NoiseSources?
    /// The sum of a share, in one piece.
    fileprivate let share: Buffer<Int64>?
    fileprivate var isOpen = false

    /// A workspace for steps that release clipped sum plus noise.
    ///
    /// - Parameter insecure: noise that everybody can draw again: for comparisons on public data only.
    package init(
        summer: GradientSummer,
        mechanism: any NoiseMechanism,
        pool: WorkerPool,
        insecure: InsecureRandomness? = nil
    ) {
        self.summer = summer
        noise = NoiseSources(mechanism, pool: pool, insecure: insecure)
        share = nil
    }

    /// A workspace for steps that hand on a share, which gets its noise as an update.
    package init(summer: GradientSummer) {
        self.summer = summer
        noise = nil
        share = Buffer(count: summer.plan.network.parameterCount)
    }

    /// Bytes beside those of the summer.
    package static func plannedBytes(central workers: Int) -> Int { NoiseSources.plannedBytes(workers: workers) }
    package static func plannedBytes(shareOf dimension: Int) -> Int { dimension * MemoryLayout<Int64>.stride }

    fileprivate func clear() {
        summer.clear()
        share?.fill(0)
    }
}

/// Releases of a ``LogicalStep`` whose noise is added here: central training.
package enum CentralRelease {}

/// Releases of a ``LogicalStep`` that leave as an update and get their noise there: a federated client's share.
package enum ShareRelease {}

/// One step of DP-SGD, whole or not at all.
///
/// It owns the draw, its split into tiles, the partial sums, the noise (drawn once, before any example is read), the
/// accounting event (told once, before anything is released), and the end: commit or discard. A step that is left early,
/// by an error or by going out of scope, clears its sums and its noise and tells no event. A draw that is empty gives a
/// step of noise alone, accounted as every other: skipping it would tell that nobody was drawn.
package struct LogicalStep<Release>: ~Copyable {
    /// What this step spends when it commits.
    package let event: PrivacyEvent
    private let workspace: StepWorkspace
    private let dataset: Dataset
    private var isSummed = false

    fileprivate init(event: PrivacyEvent, workspace: StepWorkspace, dataset: Dataset) {
        self.event = event
        self.workspace = workspace
        self.dataset = dataset
    }

    deinit {
        workspace.clear()
        workspace.isOpen = false
    }

    /// Computes the clipped sum of the draw at these parameters. Called once.
    ///
    /// - Parameters:
    ///   - seed: public; seeds what the network draws.
    ///   - isStopped: asked before every tile, from several threads.
    /// - Returns: `false` when `isStopped` ended it early; such a step can only be discarded.
    @discardableResult
    package mutating func sum(
        parameters: Buffer<Float>,
        seed: UInt64 = 0,
        isStopped: (@Sendable () -> Bool)? = nil
    ) -> Bool {
        precondition(!isSummed, "a logical step is summed once")
        isSummed = workspace.summer.run(of: dataset, parameters: parameters, seed: seed, isStopped: isStopped)
        return isSummed
    }

    /// Ends the step without a release and without spending.
    package consuming func discard() {}

    private static func open(_ workspace: StepWorkspace) {
        precondition(!workspace.isOpen, "a workspace serves one logical step at a time")
        workspace.clear()
        workspace.isOpen = true
    }
}

extension LogicalStep where Release == CentralRelease {
    /// Draws the noise, then who takes part.
    ///
    /// - Parameters:
    ///   - sampler: flips one secret coin for every example of `dataset`; it wraps the accounting event too.
    ///   - event: what the noise alone protects, before sampling.
    ///   - coins: a secret stream for the draw.
    package init(
        _ workspace: StepWorkspace,
        dataset: Dataset,
        sampler: PoissonSampler,
        event: PrivacyEvent,
        coins: inout some RandomWords & ~Copyable
    ) {
        Self.open(workspace)
        guard let noise = workspace.noise else { preconditionFailure("a central step needs a workspace with noise") }
        noise.add(to: workspace.summer)
        workspace.summer.draw(sampler, count: dataset.count, from: &coins)
        self.init(event: sampler.event(for: event), workspace: workspace, dataset: dataset)
    }

    /// Tells the event, then releases the clipped sum plus noise, then forgets both.
    ///
    /// - Parameters:
    ///   - account: records the spend; when it throws, nothing is released.
    ///   - release: reads the released sum in grid units, in disjoint pieces and from several threads: where a piece
    ///     begins, and its values.
    package consuming func commit<Failure: Error>(
        account: (PrivacyEvent) throws(Failure) -> Void,
        releasedSum release: @Sendable (Int, Span<Int64>) -> Void
    ) throws(Failure) {
        precondition(isSummed, "a logical step is summed before it commits")
        try account(event)
        workspace.summer.read(release)
    }
}

extension LogicalStep where Release == ShareRelease {
    /// Draws who takes part; the share's noise belongs to the update that the sum becomes.
    ///
    /// - Parameters:
    ///   - sampler: flips one secret coin for every example of `dataset`.
    ///   - event: what the plan says that this round spends for every example, sampling included.
    ///   - coins: a secret stream for the draw.
    package init(
        _ workspace: StepWorkspace,
        dataset: Dataset,
        sampler: PoissonSampler,
        event: PrivacyEvent,
        coins: inout some RandomWords & ~Copyable
    ) {
        Self.open(workspace)
        workspace.summer.draw(sampler, count: dataset.count, from: &coins)
        self.init(event: event, workspace: workspace, dataset: dataset)
    }

    /// Does work beside that of the draw, so that both together are that of `slots` examples (``GradientSummer/pad(to:parameters:isStopped:)``).
    /// Called before ``sum(parameters:seed:isStopped:)``.
    ///
    /// - Returns: `false` when `isStopped` ended it early; such a step can only be discarded.
    package mutating func pad(
        to slots: Int,
        parameters: Buffer<Float>,
        isStopped: (@Sendable () -> Bool)? = nil
    ) -> Bool {
        precondition(!isSummed, "padding comes before the sum")
        return workspace.summer.pad(to: slots, parameters: parameters, isStopped: isStopped)
    }

    /// Tells the event, then hands over the clipped sum before noise, then forgets it.
    ///
    /// - Parameters:
    ///   - account: records the spend; when it throws, nothing is handed over.
    ///   - handOver: reads the clipped sum, one value a parameter in grid units.
    package consuming func commit<Result: ~Copyable, Failure: Error>(
        account: (PrivacyEvent) throws(Failure) -> Void,
        clippedSum handOver: (Span<Int64>) -> Result
    ) throws(Failure) -> Result {
        precondition(isSummed, "a logical step is summed before it commits")
        try account(event)
        guard let share = workspace.share else { preconditionFailure("a share needs a workspace for shares") }
        workspace.summer.read { offset, integers in
            share.write(offset..<offset + integers.count) { target in
                for index in integers.indices { target[index] = integers[index] }
            }
        }
        var result: Result?
        share.read { result = handOver($0) }
        guard let result = result.take() else { preconditionFailure("reading a buffer runs its body") }
        return result
    }
}
