// SPDX-License-Identifier: Apache-2.0

internal import Rounds
internal import Store
internal import Updates

/// An opened update on its way into a sum.
final class OpenedUpdate: Sendable {
    let update: DecodedUpdate

    init(_ update: consuming DecodedUpdate) {
        self.update = update
    }
}

/// This process's sums of the rounds that are open: one vector each, whatever the cohort. What is in memory is what the
/// store holds under this worker's name; where the two may differ it is thrown away and read again.
///
/// Used by the thread of a ``CommitQueue`` only.
final class PartialSums: @unchecked Sendable {
    private final class Live {
        var sum: RunningSum
        var bytesUp: Int

        init(_ sum: consuming RunningSum, bytesUp: Int) {
            self.sum = sum
            self.bytesUp = bytesUp
        }
    }

    private let worker: String
    private let keys: ServerKeys
    private var live: [RoundIdentifier: Live] = [:]
    private var isConfirmed = true

    init(worker: String, keys: ServerKeys) {
        self.worker = worker
        self.keys = keys
    }

    /// Adds updates to a round's sum and puts it into the store.
    func add(
        _ additions: [(plan: ServedPlan, update: OpenedUpdate, bytes: Int)],
        to round: RoundIdentifier,
        _ session: StoreSession
    ) throws {
        // The transaction runs again: what an earlier run added is not in the store.
        if !isConfirmed { forget() }
        guard let plan = additions.first?.plan else { return }
        let sum = try live[round] ?? read(round, plan, session)
        live[round] = sum
        isConfirmed = false
        for addition in additions {
            try sum.sum.add(addition.update.update)
            sum.bytesUp += addition.bytes
        }
        try session.setPartialSum(
            PartialSum(
                worker: worker,
                updates: sum.sum.updates,
                bytesUp: sum.bytesUp,
                sealedSum: keys.seal(sum.sum.serialized(), context: Self.context(round))
            ),
            of: round
        )
    }

    private func read(_ round: RoundIdentifier, _ plan: ServedPlan, _ session: StoreSession) throws -> Live {
        // Rounds of the same task before this one have ended.
        live = live.filter { $0.key.task != round.task }
        let form = plan.form(of: round)
        guard let stored = try session.partialSum(of: worker, in: round) else {
            return Live(try RunningSum(ring: form.ring, count: form.count), bytesUp: 0)
        }
        let bytes = try keys.open(stored.sealedSum, context: Self.context(round))
        let sum = try RunningSum(serialized: bytes, ring: form.ring, count: form.count)
        return Live(sum, bytesUp: stored.bytesUp)
    }

    /// What was added is in the store.
    func confirm() { isConfirmed = true }

    /// What was added may not be in the store.
    func forget() {
        live = [:]
        isConfirmed = true
    }

    /// What a sum is sealed for.
    static func context(_ round: RoundIdentifier) -> String { "running sum of \(round)" }

    /// The whole sum of a round that takes nothing more.
    static func merged(
        _ parts: [PartialSum],
        of round: RoundIdentifier,
        plan: ServedPlan,
        keys: ServerKeys
    ) throws -> RunningSum {
        let form = plan.form(of: round)
        var whole = try RunningSum(ring: form.ring, count: form.count)
        for part in parts {
            let bytes = try keys.open(part.sealedSum, context: context(round))
            let sum = try RunningSum(serialized: bytes, ring: form.ring, count: form.count)
            guard sum.updates == part.updates else {
                throw AggregatorError.failure(
                    "\(round): the sum of worker \(part.worker) has another number of updates"
                )
            }
            try whole.add(sum)
        }
        return whole
    }
}
