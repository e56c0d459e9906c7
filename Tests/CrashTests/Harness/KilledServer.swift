// SPDX-License-Identifier: Apache-2.0

import Glibc
import Randomness
import Synchronization
import TestKit

/// A server that is killed after a while and started again by its supervisor, over and over.
final class KilledServer: Victim {
    private let name: String
    private let milliseconds: ClosedRange<Int>
    private let limit: Int
    private let seed: UInt64
    private let start: @Sendable () throws -> RunningProcess
    private let state = Mutex(State())

    private struct State {
        var kills = 0
        var errors = ""
    }

    /// - Parameters:
    ///   - milliseconds: how long a life lasts from when it listens, drawn from the seed.
    ///   - limit: how often it is killed at most; the life after that goes on to the end.
    ///   - start: starts the process.
    init(
        _ name: String,
        every milliseconds: ClosedRange<Int>,
        atMost limit: Int,
        seed: UInt64,
        start: @escaping @Sendable () throws -> RunningProcess
    ) {
        self.name = name
        self.milliseconds = milliseconds
        self.limit = limit
        self.seed = seed
        self.start = start
    }

    var kills: Int { state.withLock { $0.kills } }
    /// What all of its lives said on standard error.
    var errors: String { state.withLock { $0.errors } }

    func live(until run: RunEnd) async throws {
        var stream = InsecureTestStream(seed: seed)
        while !run.isOver {
            let process = try start()
            try await live(
                process,
                milliseconds: milliseconds.lowerBound + Int(stream.next() % UInt64(milliseconds.count)),
                run
            )
        }
    }

    private func live(_ process: RunningProcess, milliseconds: Int, _ run: RunEnd) async throws {
        var death: ContinuousClock.Instant?
        while !run.isOver, death.map({ .now < $0 }) ?? true {
            if let ended = process.endedByNow() { return try note(ended) }
            // However long a busy machine takes to start it.
            if death == nil, kills < limit, process.errors.contains("listening on ") {
                death = .now + .milliseconds(milliseconds)
            }
            try await run.pause(milliseconds: 10, name)
        }
        process.signal(run.isOver ? SIGTERM : SIGKILL)
        try await note(process.ended())
    }

    private func note(_ ended: Ended) throws {
        state.withLock { state in
            state.errors += ended.errors
            if ended.status == -Int(SIGKILL) { state.kills += 1 }
        }
        guard [0, -Int(SIGKILL)].contains(ended.status) else {
            throw TooLate(description: "\(name) lives until it is killed; it ended with \(ended.status)")
        }
    }
}
