// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Wakes the threads that wait for a change. Changes are counted: whoever waits says how many it knows of, so that none
/// between a look at the database and the wait is missed, however many wait.
///
/// Waits are measured by the monotonic clock: a wall clock that is put back must not make them longer. (On Linux a timed wait
/// for a `DispatchSemaphore` ends by the wall clock.)
///
/// `@unchecked Sendable` because `number` is touched only with `mutex` held.
@safe
final class ChangeSignal: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var number: UInt64 = 0

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

    /// Waits until more changes than `known` are counted, or the time is over.
    ///
    /// - Returns: the changes that are counted.
    func wait(after known: UInt64, milliseconds: Int) -> UInt64 {
        var end = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &end)
        end.tv_nsec += milliseconds % 1000 * 1_000_000
        end.tv_sec += milliseconds / 1000 + end.tv_nsec / 1_000_000_000
        end.tv_nsec %= 1_000_000_000
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while number == known {
            guard unsafe pthread_cond_timedwait(changed, mutex, &end) != ETIMEDOUT else { break }
        }
        return number
    }

    /// Counts a change and wakes everybody who waits.
    func signal() {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        number += 1
        unsafe pthread_cond_broadcast(changed)
    }
}
