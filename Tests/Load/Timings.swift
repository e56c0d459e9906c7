// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How long requests took.
final class Timings: Sendable {
    private let seconds = Mutex<[Double]>([])

    func add(_ duration: Duration) { seconds.withLock { $0.append(duration / .seconds(1)) } }

    var count: Int { seconds.withLock { $0.count } }

    /// Milliseconds that a part of the requests did not exceed (nearest rank).
    func milliseconds(_ part: Double) -> Double {
        let sorted = seconds.withLock { $0.sorted() }
        guard !sorted.isEmpty else { return 0 }
        let rank = Int((part * Double(sorted.count)).rounded(.up))
        return sorted[min(max(rank, 1), sorted.count) - 1] * 1000
    }
}
