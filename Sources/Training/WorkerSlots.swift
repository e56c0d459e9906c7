// SPDX-License-Identifier: Apache-2.0

/// One value for each worker of a pool.
///
/// `@unchecked Sendable` because a slot is touched only by the worker of its index while a pool runs, and only by the
/// caller of `WorkerPool.run` otherwise; `run` orders the two.
final class WorkerSlots<Value>: @unchecked Sendable {
    private var values: [Value]

    init(_ values: [Value]) {
        self.values = values
    }

    var count: Int { values.count }

    subscript(worker: Int) -> Value { values[worker] }
}
