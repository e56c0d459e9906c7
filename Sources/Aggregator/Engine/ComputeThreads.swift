// SPDX-License-Identifier: Apache-2.0

internal import Dispatch

/// Threads for work that would hold a thread of Swift's cooperative pool: signatures, decryption, reading the database.
final class ComputeThreads: Sendable {
    private let queue: DispatchQueue
    private let slots: AsyncSlots

    /// - Parameter count: how many jobs run at a time; the others wait without a thread.
    init(count: Int) {
        queue = DispatchQueue(label: "sotto.compute", attributes: .concurrent)
        slots = AsyncSlots(count)
    }

    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        await slots.take()
        defer { slots.give() }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: body)) }
        }
    }
}
