// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Runs a body that may block on a thread of its own, because a blocked thread of Swift's cooperative pool could stop the
/// very server that the body waits for.
package func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
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

private final class ThreadJob: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}
