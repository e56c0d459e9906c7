// SPDX-License-Identifier: Apache-2.0

import Randomness
import Synchronization
import TestKit

/// A PostgreSQL server that is killed with all of its processes, without a word to anybody, and started again.
final class DatabaseServer: Victim {
    private let cluster: PostgresCluster
    private let limit: Int
    private let seed: UInt64
    private let done = Atomic(0)

    init(_ cluster: PostgresCluster, kills: Int, seed: UInt64) {
        self.cluster = cluster
        limit = kills
        self.seed = seed
    }

    /// How often it was killed.
    var kills: Int { done.load(ordering: .relaxed) }

    func live(until run: RunEnd) async throws {
        var stream = InsecureTestStream(seed: seed)
        while kills < limit {
            var rest = Int(200 + stream.next() % 800)
            while rest > 0, !run.isOver {
                try await run.pause(milliseconds: min(20, rest), "the database server")
                rest -= 20
            }
            guard !run.isOver else { return }
            done.add(1, ordering: .relaxed)
            // Whatever becomes of the run, it is there again for what comes after.
            try await onThread { [cluster] in
                try cluster.kill9()
                try cluster.start()
            }
        }
    }
}
