// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How many bytes of requests' bodies may be in memory at once.
final class BodyBudget: Sendable {
    let total: Int
    private let free: Mutex<Int>

    init(_ total: Int) {
        self.total = total
        free = Mutex(total)
    }

    /// - Returns: `false` when there is no room now.
    func take(_ bytes: Int) -> Bool {
        free.withLock { free in
            guard bytes <= free else { return false }
            free -= bytes
            return true
        }
    }

    func give(_ bytes: Int) { free.withLock { $0 += bytes } }
}
