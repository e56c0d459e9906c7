// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Waiting, and the clock that waits are measured by.
enum Pause {
    /// How long a request to end may go unseen, in milliseconds: the signal may reach another thread than the one that waits.
    private static let longestSleep: UInt64 = 400

    /// Sleeps until the time is over or `isStopped` answers true.
    static func sleep(_ milliseconds: UInt64, unless isStopped: () -> Bool) {
        let end = Self.milliseconds() + milliseconds
        while !isStopped() {
            let now = Self.milliseconds()
            guard now < end else { return }
            let next = min(longestSleep, end - now)
            var time = timespec(tv_sec: Int(next / 1000), tv_nsec: Int(next % 1000) * 1_000_000)
            unsafe nanosleep(&time, nil)
        }
    }

    /// Milliseconds since some moment; they go on while nobody sets the clock.
    @Sendable static func milliseconds() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
