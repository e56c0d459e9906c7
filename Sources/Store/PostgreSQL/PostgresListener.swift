// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Glibc
internal import Synchronization

/// Hears what others notify, on a connection and a thread of its own, from the first wait on.
final class PostgresListener: Sendable {
    static let channel = "sotto"

    let changed = ChangeSignal()
    private let pool: PostgresPool
    private let state = Mutex(State.idle)
    /// A pipe whose closed end ends `poll` when the listener shall stop.
    private let stopping: (read: Int32, write: Int32)

    private enum State {
        case idle
        case running
        case stopped
    }

    init(_ pool: PostgresPool) {
        self.pool = pool
        var ends: [Int32] = [-1, -1]
        _ = unsafe pipe(&ends)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        stopping = (ends[0], ends[1])
    }

    deinit {
        close(stopping.read)
        if state.withLock({ $0 != .stopped }) { close(stopping.write) }
    }

    /// Starts to listen, once.
    func start() {
        let starts = state.withLock { state in
            guard state == .idle, stopping.read >= 0 else { return false }
            state = .running
            return true
        }
        guard starts else { return }
        DispatchQueue(label: "sotto.postgresql.listen").async { self.listen() }
    }

    func stop() {
        let stops = state.withLock { state in
            defer { state = .stopped }
            return state != .stopped
        }
        if stops { close(stopping.write) }
        changed.signal()
    }

    private var isStopped: Bool { state.withLock { $0 == .stopped } }

    private func listen() {
        var pause = BackOff()
        while !isStopped {
            do throws(PostgresFailure) {
                let connection = try pool.connect()
                try connection.run("LISTEN \(Self.channel)")
                pause = BackOff()
                // What was notified before is not heard any more.
                changed.signal()
                while waitForInput(connection.socket) {
                    if try connection.takeNotifications() { changed.signal() }
                }
            } catch {
                // Without notifications a wait ends with its time; the reason is told by whoever uses the database.
                _ = waitForInput(-1, milliseconds: pause.next())
            }
        }
    }

    /// Waits until something can be read, or the time is over.
    ///
    /// - Returns: `false` when the listener shall stop.
    private func waitForInput(_ socket: Int32, milliseconds: Int = -1) -> Bool {
        // A negative descriptor is passed over by the kernel.
        var descriptors = [
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stopping.read, events: Int16(POLLIN), revents: 0),
        ]
        _ = unsafe poll(&descriptors, 2, Int32(milliseconds))
        return !isStopped
    }
}
