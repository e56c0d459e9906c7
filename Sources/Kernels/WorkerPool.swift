// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// A fixed number of threads that run one function at a time, for compute that must stay off Swift's cooperative pool.
///
/// The caller of `run` is worker 0; the others are threads of the pool, which end with it.
package final class WorkerPool: Sendable {
    /// The number of workers, at least 1.
    package let workers: Int
    private let crew: Crew
    private let running = Atomic<Bool>(false)

    /// A pool of `workers` workers, of which `workers - 1` are new threads.
    package init(workers: Int) {
        precondition(workers >= 1, "a pool has at least one worker")
        self.workers = workers
        crew = Crew(threads: workers - 1)
    }

    deinit {
        crew.stop()
    }

    /// Runs `body(0)`, ..., `body(workers - 1)`, each once and each on its own thread, and returns when all have ended.
    ///
    /// Everything a worker wrote is visible to the caller afterwards. The pool runs one function at a time: calling
    /// `run` from within `body`, or from two threads at once, is a programmer's error and traps.
    package func run(_ body: @Sendable (Int) -> Void) {
        let taken = running.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
        precondition(taken, "the worker pool is already running a function")
        withoutActuallyEscaping(body) { body in
            crew.start(body)
            body(0)
            crew.finish()
        }
        running.store(false, ordering: .releasing)
    }
}

/// The threads of a pool and what they are told, guarded by one mutex.
///
/// `@unchecked Sendable` because `generation`, `pending`, `ending` and `work` are touched only with `mutex` held.
@safe
private final class Crew: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let told = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let done = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var threads: [pthread_t] = []
    private var generation: UInt64 = 0
    private var pending = 0
    private var ending = false
    private var work: (@Sendable (Int) -> Void)?
    /// What `generation` and `pending` are, for who looks without the mutex before it waits.
    private let started = Atomic<UInt64>(0)
    private let unfinished = Atomic<Int>(0)

    /// How often a thread looks before it sleeps: some 20 microseconds, about what falling asleep and waking up take.
    private static let looks = 500

    private func look(until isDone: () -> Bool) {
        for _ in 0..<Self.looks where !isDone() { sotto_pause() }
    }

    init(threads count: Int) {
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(told, nil)
        unsafe pthread_cond_init(done, nil)
        for worker in 0..<count {
            let start = unsafe Unmanaged.passRetained(Start(crew: self, worker: worker + 1))
            var thread = pthread_t()
            let failure = unsafe pthread_create(&thread, nil, { unsafe threadMain($0) }, start.toOpaque())
            precondition(failure == 0, "the system refused a thread (error \(failure))")
            threads.append(thread)
        }
    }

    deinit {
        unsafe pthread_cond_destroy(done)
        unsafe pthread_cond_destroy(told)
        unsafe pthread_mutex_destroy(mutex)
        unsafe done.deallocate()
        unsafe told.deallocate()
        unsafe mutex.deallocate()
    }

    func start(_ body: @escaping @Sendable (Int) -> Void) {
        unsafe pthread_mutex_lock(mutex)
        work = body
        pending = threads.count
        generation &+= 1
        unfinished.store(pending, ordering: .relaxed)
        started.store(generation, ordering: .relaxed)
        unsafe pthread_cond_broadcast(told)
        unsafe pthread_mutex_unlock(mutex)
    }

    func finish() {
        look { unfinished.load(ordering: .relaxed) == 0 }
        unsafe pthread_mutex_lock(mutex)
        while pending > 0 {
            unsafe pthread_cond_wait(done, mutex)
        }
        work = nil
        unsafe pthread_mutex_unlock(mutex)
    }

    func stop() {
        unsafe pthread_mutex_lock(mutex)
        ending = true
        unsafe pthread_cond_broadcast(told)
        unsafe pthread_mutex_unlock(mutex)
        for thread in threads {
            pthread_join(thread, nil)
        }
    }

    func serve(as worker: Int) {
        var seen: UInt64 = 0
        while perform(as: worker, after: &seen) {
            complete()
        }
    }

    /// One round of work. The closure is released on return, before the caller of `run` learns of it: it must not
    /// outlive `run`.
    @inline(never)
    private func perform(as worker: Int, after seen: inout UInt64) -> Bool {
        guard let body = next(after: &seen) else { return false }
        body(worker)
        return true
    }

    private func next(after seen: inout UInt64) -> (@Sendable (Int) -> Void)? {
        look { [seen] in started.load(ordering: .relaxed) != seen }
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while generation == seen && !ending {
            unsafe pthread_cond_wait(told, mutex)
        }
        guard generation != seen else { return nil }
        seen = generation
        return work
    }

    private func complete() {
        unsafe pthread_mutex_lock(mutex)
        pending -= 1
        unfinished.store(pending, ordering: .relaxed)
        if pending == 0 {
            unsafe pthread_cond_signal(done)
        }
        unsafe pthread_mutex_unlock(mutex)
    }
}

private final class Start: Sendable {
    let crew: Crew
    let worker: Int

    init(crew: Crew, worker: Int) {
        self.crew = crew
        self.worker = worker
    }
}

private func threadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
    start.crew.serve(as: start.worker)
    return nil
}
