// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

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
