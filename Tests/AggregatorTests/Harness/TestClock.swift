// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A clock that stands still until a test moves it, in milliseconds since 1970.
final class TestClock: Sendable {
    private let milliseconds = Atomic<UInt64>(1_760_000_000_000)

    var now: UInt64 { milliseconds.load(ordering: .sequentiallyConsistent) }

    func advance(milliseconds amount: UInt64) {
        milliseconds.add(amount, ordering: .sequentiallyConsistent)
    }

    /// Somebody sets it back.
    func goBack(seconds amount: UInt64) {
        milliseconds.subtract(amount * 1000, ordering: .sequentiallyConsistent)
    }

    func advance(seconds amount: UInt64) {
        advance(milliseconds: amount * 1000)
    }
}
