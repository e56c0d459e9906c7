// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Synchronization

/// Runs a body that may block on a thread of its own, because a blocked thread of Swift's cooperative pool could stop the
/// very server that the body waits for.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
        let job = ThreadJob { continuation.resume(with: Result { try body() }) }
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(job).toOpaque()
        let status = unsafe pthread_create(
            &thread,
            nil,
            { context in
                if let context = unsafe context {
                    unsafe Unmanaged<ThreadJob>.fromOpaque(context).takeRetainedValue().body()
                }
                return nil
            },
            context
        )
        precondition(status == 0, "the system has a thread for a test")
        pthread_detach(thread)
    }
}

/// Waits for a suspending body; never called on Swift's cooperative pool.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let box = OutcomeBox<Value>()
    let done = DispatchSemaphore(value: 0)
    Task.detached {
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        box.outcome.withLock { $0 = outcome }
        done.signal()
    }
    done.wait()
    guard let outcome = box.outcome.withLock({ $0 }) else { preconditionFailure("a signal follows an outcome") }
    return try outcome.get()
}

private final class OutcomeBox<Value: Sendable>: Sendable {
    let outcome = Mutex<Result<Value, any Error>?>(nil)
}

private final class ThreadJob: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}
