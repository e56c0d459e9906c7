// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Wakes the threads that wait for a change. A signal that nobody waits for is kept for the next one who does, so that a
/// change between a look at the database and the wait is not missed.
///
/// Waits are measured by the monotonic clock: a wall clock that is put back must not make them longer. (On Linux a timed wait
/// for a `DispatchSemaphore` ends by the wall clock.)
///
/// `@unchecked Sendable` because `waiting`, `signals` and `isPending` are touched only with `mutex` held.
@safe
final class ChangeSignal: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var waiting = 0
    /// How often somebody who waited was woken.
    private var signals: UInt64 = 0
    private var isPending = false

    init() {
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(changed, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(changed)
        unsafe pthread_mutex_destroy(mutex)
        unsafe changed.deallocate()
        unsafe mutex.deallocate()
    }

    /// Waits for a signal, at most so many milliseconds.
    func wait(milliseconds: Int) {
        var end = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &end)
        end.tv_nsec += milliseconds % 1000 * 1_000_000
        end.tv_sec += milliseconds / 1000 + end.tv_nsec / 1_000_000_000
        end.tv_nsec %= 1_000_000_000
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        waiting += 1
        defer { waiting -= 1 }
        let seen = signals
        while !isPending, signals == seen {
            guard unsafe pthread_cond_timedwait(changed, mutex, &end) != ETIMEDOUT else { return }
        }
        isPending = false
    }

    /// Wakes everybody who waits.
    func signal() {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        guard waiting > 0 else {
            isPending = true
            return
        }
        signals += 1
        unsafe pthread_cond_broadcast(changed)
    }
}
