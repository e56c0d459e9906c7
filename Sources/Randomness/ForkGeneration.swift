// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// How many forks lie between the first process and this one.
///
/// A child of `fork` holds a copy of every stream of its parent and would go on with the same words. A stream therefore
/// remembers the generation it was keyed in and compares it at every draw, which costs one load; a process identifier
/// would cost a system call, and would have to be compared at every draw too, because the buffers are copied as well.
/// Processes made by a bare `clone` or `vfork` run no fork handlers: nothing in them may draw.
enum ForkGeneration {
    private static let count = Atomic<UInt64>(0)

    private static let registered: Void = {
        let code = pthread_atfork(nil, nil, { ForkGeneration.advance() })
        guard code == 0 else { fatalError("pthread_atfork failed with \(code): a fork would repeat secret words") }
    }()

    private static func advance() {
        count.wrappingAdd(1, ordering: .relaxed)
    }

    /// Makes the count reliable; called once before a stream is keyed.
    static func register() {
        _ = registered
    }

    static var current: UInt64 { count.load(ordering: .relaxed) }
}
