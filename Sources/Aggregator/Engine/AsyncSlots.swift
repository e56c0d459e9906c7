// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A counting semaphore that suspends instead of blocking; who waits longest goes first.
final class AsyncSlots: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
        var next = 0
    }

    private let state: Mutex<State>

    init(_ count: Int) {
        precondition(count > 0, "somebody may go")
        state = Mutex(State(free: count))
    }

    func take() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    func give() {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard state.next < state.waiting.count else {
                state.free += 1
                return nil
            }
            let continuation = state.waiting[state.next]
            state.next += 1
            // What has gone is dropped in one piece now and then.
            if state.next == state.waiting.count || state.next > 1024 {
                state.waiting.removeFirst(state.next)
                state.next = 0
            }
            return continuation
        }
        next?.resume()
    }
}
