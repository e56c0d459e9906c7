// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Synchronization

/// Wakes the threads that wait for a change. A signal that nobody waits for is kept for the next one who does, so that a
/// change between a look at the database and the wait is not missed.
final class ChangeSignal: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let state = Mutex(State())

    private struct State {
        var waiting = 0
        var isPending = false
    }

    func wait(milliseconds: Int) {
        let isPending = state.withLock { state in
            defer { state.isPending = false }
            if !state.isPending { state.waiting += 1 }
            return state.isPending
        }
        guard !isPending, semaphore.wait(timeout: .now() + .milliseconds(milliseconds)) == .timedOut else { return }
        let isSignalled = state.withLock { state in
            if state.waiting > 0 {
                state.waiting -= 1
                return false
            }
            return true
        }
        // Somebody has counted on this thread in the last moment.
        if isSignalled { semaphore.wait() }
    }

    func signal() {
        let count = state.withLock { state in
            defer { state.waiting = 0 }
            if state.waiting == 0 { state.isPending = true }
            return state.waiting
        }
        for _ in 0..<count { semaphore.signal() }
    }
}
