// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Rounds
internal import Store
internal import Synchronization
internal import Updates

/// Writes of many requests, committed together: while one transaction is on its way to the disk, the next requests gather,
/// so that the rate is that of the disk's syncs times as many as come meanwhile. Nobody gets an answer before the commit.
///
/// Each write is undone alone when it throws. Everything runs on one thread of the queue's own.
final class CommitQueue: Sendable {
    /// What a write may do beside the database: hand an update to its round's sum.
    struct Batch {
        fileprivate(set) var additions: [RoundIdentifier: [(plan: ServedPlan, update: OpenedUpdate, bytes: Int)]] = [:]

        mutating func add(_ update: OpenedUpdate, bytes: Int, to round: RoundIdentifier, plan: ServedPlan) {
            additions[round, default: []].append((plan, update, bytes))
        }

        fileprivate mutating func merge(_ other: Batch) {
            for (round, more) in other.additions { additions[round, default: []] += more }
        }
    }

    /// Handed over once, from its caller to the queue's thread.
    private struct Job: @unchecked Sendable {
        /// Runs the write within the transaction.
        let run: (StoreSession, inout Batch) -> Void
        /// Tells the caller what came of it, or why the transaction failed.
        let finish: ((any Error)?) -> Void
    }

    /// The most writes of one transaction.
    private static let largestBatch = 256

    private let store: Store
    private let sums: PartialSums
    private let queue = DispatchQueue(label: "sotto.commits")
    private let waiting = Mutex<[Job]>([])

    init(store: Store, sums: PartialSums) {
        self.store = store
        self.sums = sums
    }

    /// Runs a write in the next transaction and waits until it is on disk.
    ///
    /// - Parameter body: may run more than once, so it changes nothing but the session and the batch.
    func submit<Value: Sendable>(
        _ body: @escaping @Sendable (StoreSession, inout Batch) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let outcome = Outcome<Value>()
            let job = Job(
                run: { session, batch in
                    var own = Batch()
                    do {
                        outcome.result = .success(try session.savepoint { try body(session, &own) })
                        batch.merge(own)
                    } catch {
                        outcome.result = .failure(error)
                    }
                },
                finish: { failure in
                    if let failure { return continuation.resume(throwing: failure) }
                    guard let result = outcome.result else { preconditionFailure("a job of a transaction has run") }
                    continuation.resume(with: result)
                }
            )
            let isFirst = waiting.withLock { waiting in
                waiting.append(job)
                return waiting.count == 1
            }
            if isFirst { queue.async { self.commit() } }
        }
    }

    private final class Outcome<Value> {
        var result: Result<Value, any Error>?
    }

    private func commit() {
        let jobs = waiting.withLock { waiting in
            let jobs = Array(waiting.prefix(Self.largestBatch))
            waiting.removeFirst(jobs.count)
            return jobs
        }
        guard !jobs.isEmpty else { return }
        do {
            try store.write { session in
                var batch = Batch()
                for job in jobs { job.run(session, &batch) }
                for (round, additions) in batch.additions {
                    try sums.add(additions, to: round, session)
                }
            }
            sums.confirm()
            for job in jobs { job.finish(nil) }
        } catch {
            sums.forget()
            for job in jobs { job.finish(error) }
        }
        // What one transaction had no room for.
        if waiting.withLock({ !$0.isEmpty }) { queue.async { self.commit() } }
    }
}
