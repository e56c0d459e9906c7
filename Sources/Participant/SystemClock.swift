// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The machine's wall clock, and waiting.
enum SystemClock {
    /// Milliseconds since 1970.
    @Sendable static func milliseconds() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }

    /// Waits; a signal ends the wait early, so that a stopping process does not linger.
    static func sleep(_ milliseconds: UInt64) {
        var time = timespec(tv_sec: Int(milliseconds / 1000), tv_nsec: Int(milliseconds % 1000) * 1_000_000)
        unsafe nanosleep(&time, nil)
    }
}
