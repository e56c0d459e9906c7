// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import TestKit

/// Something that a run disturbs: a process of ours, or a database server.
protocol Victim: Sendable {
    /// Lives, dies and lives again until it is done or the run is over.
    ///
    /// - Throws: ``TooLate`` past the deadline.
    func live(until run: RunEnd) async throws
}

/// When a run is over, and when it must be.
final class RunEnd: Sendable {
    private let flag = Atomic(false)
    private let deadline: ContinuousClock.Instant

    init(within limit: Duration) {
        deadline = .now + limit
    }

    var isOver: Bool { flag.load(ordering: .acquiring) }

    func declare() { flag.store(true, ordering: .releasing) }

    /// Waits a moment.
    func pause(milliseconds: Int, _ what: String) async throws {
        guard ContinuousClock.now < deadline else { throw TooLate(description: "\(what) ends in time") }
        try await Task.sleep(for: .milliseconds(milliseconds))
    }
}

/// A process that is started again whenever it is killed, as a service manager would; each life has its crash point, the
/// lives after the last point have none.
final class Supervised: Victim {
    /// One start of a process.
    struct Life: Sendable {
        /// 0 for the first.
        let ordinal: Int
        let point: CrashPoint?
    }

    let name: String
    private let start: @Sendable (Life) throws -> RunningProcess
    private let goesOnAfter: @Sendable (Ended) -> Bool
    private let state: Mutex<State>

    private struct State {
        var waiting: [CrashPoint]
        var reached: [CrashPoint] = []
        var ends: [Ended] = []
    }

    /// - Parameter goesOnAfter: whether it is also started again after an end of its own.
    init(
        _ name: String,
        points: [CrashPoint] = [],
        goesOnAfter: @escaping @Sendable (Ended) -> Bool = { _ in false },
        start: @escaping @Sendable (Life) throws -> RunningProcess
    ) {
        self.name = name
        self.start = start
        self.goesOnAfter = goesOnAfter
        state = Mutex(State(waiting: points))
    }

    /// The points at which it was killed.
    var reached: [CrashPoint] { state.withLock { $0.reached } }
    /// The points that no life reached.
    var waiting: [CrashPoint] { state.withLock { $0.waiting } }
    /// How its lives ended, and what each said.
    var ends: [Ended] { state.withLock { $0.ends } }
    /// What it said on standard error in all of its lives.
    var errors: String { ends.map(\.errors).joined() }

    func live(until run: RunEnd) async throws {
        while !run.isOver {
            let next = state.withLock { Life(ordinal: $0.ends.count, point: $0.waiting.first) }
            let ended = try await life(start(next), run)
            let isKilled = ended.status == -Int(SIGKILL) && next.point != nil
            state.withLock { state in
                state.ends.append(ended)
                if isKilled { state.reached.append(state.waiting.removeFirst()) }
            }
            guard isKilled || goesOnAfter(ended) else { return }
        }
    }

    private func life(_ process: RunningProcess, _ run: RunEnd) async throws -> Ended {
        var isTold = false
        while true {
            if let ended = process.endedByNow() { return ended }
            if run.isOver, !isTold {
                process.signal(SIGTERM)
                isTold = true
            }
            do {
                try await run.pause(milliseconds: 5, name)
            } catch {
                process.signal(SIGKILL)
                let ended = try? await process.ended()
                state.withLock { $0.ends += ended.map { [$0] } ?? [] }
                throw error
            }
        }
    }
}
