// SPDX-License-Identifier: Apache-2.0

/// How long to wait before trying again: twice as long each time, from a fifth of a second to ten seconds, with jitter, so
/// that clients of a server that was down do not all return in the same moment.
struct BackOff {
    private var milliseconds: UInt64 = 200

    mutating func next() -> UInt64 {
        let delay = UInt64.random(in: milliseconds / 2...milliseconds)
        milliseconds = min(2 * milliseconds, 10_000)
        return delay
    }
}
