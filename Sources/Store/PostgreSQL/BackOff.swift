// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// How long to wait before trying again: twice as long each time, with jitter, so that those who collided do not meet
/// again.
struct BackOff {
    private var milliseconds: Int
    private let limit: Int

    init(from milliseconds: Int = 10, to limit: Int = 1000) {
        self.milliseconds = milliseconds
        self.limit = limit
    }

    /// Milliseconds.
    mutating func next() -> Int {
        defer { milliseconds = min(2 * milliseconds, limit) }
        return Int.random(in: milliseconds / 2...milliseconds)
    }

    /// Lets the thread sleep.
    mutating func pause() { usleep(UInt32(next()) * 1000) }
}
