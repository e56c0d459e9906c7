// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Waiting.
enum Pause {
    /// A signal ends the wait early, so that a stopping process does not linger.
    static func sleep(_ milliseconds: UInt64) {
        var time = timespec(tv_sec: Int(milliseconds / 1000), tv_nsec: Int(milliseconds % 1000) * 1_000_000)
        unsafe nanosleep(&time, nil)
    }
}
