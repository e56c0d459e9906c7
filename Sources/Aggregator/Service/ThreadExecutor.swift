// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Runs an actor on a thread of its own, because compute and SQLite must never hold a thread of Swift's cooperative pool.
///
/// The thread ends with the executor; what was given to it before is still done.
final class ThreadExecutor: SerialExecutor {
    private let jobs = JobQueue()

    /// - Parameter niceness: how much the thread gives way to the others of the process, 0 to 19 (as of `nice`). It is
    ///   handed on to threads that jobs start.
    init(niceness: Int32 = 0) {
        jobs.startThread(niceness: niceness)
    }

    deinit { jobs.end() }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedSerialExecutor()
        jobs.add { unsafe job.runSynchronously(on: executor) }
    }

    /// Runs something that blocks.
    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in jobs.add { continuation.resume(returning: body()) } }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }
}

/// What a thread is still to do.
///
/// `@unchecked Sendable` because `jobs` and `isEnding` are touched only with `mutex` held.
@safe
private final class JobQueue: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let told = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [@Sendable () -> Void] = []
    private var isEnding = false

    init() {
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(told, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(told)
        unsafe pthread_mutex_destroy(mutex)
        unsafe told.deallocate()
        unsafe mutex.deallocate()
    }

    func add(_ job: @escaping @Sendable () -> Void) {
        unsafe pthread_mutex_lock(mutex)
        jobs.append(job)
        unsafe pthread_cond_signal(told)
        unsafe pthread_mutex_unlock(mutex)
    }

    func end() {
        unsafe pthread_mutex_lock(mutex)
        isEnding = true
        unsafe pthread_cond_signal(told)
        unsafe pthread_mutex_unlock(mutex)
    }

    func startThread(niceness: Int32) {
        var thread = pthread_t()
        let start = unsafe Unmanaged.passRetained(Start(queue: self, niceness: niceness)).toOpaque()
        let failure = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                // On Linux a priority is a thread's own; a system that refuses leaves it as it was.
                if start.niceness > 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, start.niceness) }
                start.queue.work()
                return nil
            },
            start
        )
        precondition(failure == 0, "the system refused a thread (error \(failure))")
        pthread_detach(thread)
    }

    private func work() {
        while let batch = next() {
            for job in batch { job() }
        }
    }

    /// Waits for jobs; `nil` at the end.
    private func next() -> [@Sendable () -> Void]? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while jobs.isEmpty {
            if isEnding { return nil }
            unsafe pthread_cond_wait(told, mutex)
        }
        defer { jobs = [] }
        return jobs
    }

    private final class Start {
        let queue: JobQueue
        let niceness: Int32

        init(queue: JobQueue, niceness: Int32) {
            (self.queue, self.niceness) = (queue, niceness)
        }
    }
}
