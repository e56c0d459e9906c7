// SPDX-License-Identifier: Apache-2.0

import Glibc
import Store
import TestKit
import Testing

/// Wall clocks that are put forward and back while rounds are open.
@Suite("Clocks that jump", .serialized, .timeLimit(.minutes(10)))
struct ClockTests {
    /// A wall clock for processes of a site, ahead of this machine's by some seconds.
    private struct Clock: Sendable {
        let path: String

        init(_ site: CrashSite) throws {
            path = site.folder.file("clock")
            try site.folder.put([UInt8](repeating: 0, count: 8), in: "clock")
        }

        var settings: [String: String] { ["SOTTO_CLOCK_OFFSET_FILE": path] }

        /// Sets it in place, because processes have the file mapped.
        func set(_ seconds: Int64) throws {
            let file = try FileHandleForTests(path)
            try file.overwrite(seconds)
        }
    }

    /// Waits until a round is open whose updates are not all there.
    private static func openRound(_ site: CrashSite, _ run: RunEnd) async throws {
        let store = try site.database.open(site.folder.file("server"))
        while !run.isOver {
            if try store.read({ try $0.openRounds() }).contains(where: { $0.members > 0 && $0.accepted < 3 }) { return }
            try await run.pause(milliseconds: 1, "a round that is open")
        }
    }

    /// Waits until so many rounds are committed.
    private static func committed(_ rounds: Int, _ site: CrashSite, _ run: RunEnd) async throws {
        let store = try site.database.open(site.folder.file("server"))
        while !run.isOver, try store.read({ try $0.task(CrashSite.task) })?.round ?? 0 < rounds {
            try await run.pause(milliseconds: 5, "round \(rounds)")
        }
    }

    @Test("The machine's clock jumps an hour forward and back, and an hour back and forward, in the middle of rounds")
    func machine() async throws {
        let site = try await CrashSite(rounds: 12)
        let clock = try Clock(site)
        let names = ["server"] + (1...CrashSite.clients).map { "client-\($0)" }
        let run = CrashRun(site, everyLife: Dictionary(uniqueKeysWithValues: names.map { ($0, clock.settings) }))
        try await run.run { end in
            for (place, seconds) in [Int64(3600), 0, -3600, 0].enumerated() {
                try await Self.committed(2 * place + 1, site, end)
                try await Self.openRound(site, end)
                try clock.set(seconds)
            }
        }
        try await Invariants(run).check(run)
        // Nobody had to be started again for it.
        #expect(run.server.ends.count == 1 && run.clients.allSatisfy { $0.ends.count == 1 }, run.account)
    }

    @Test(
        "The server's clock alone is wrong for a while: clients say so and go on when it is right",
        arguments: [3600, -3600]
    )
    func server(seconds: Int64) async throws {
        let site = try await CrashSite(rounds: 6)
        let clock = try Clock(site)
        let run = CrashRun(site, everyLife: ["server": clock.settings]) { $0.status == 4 }
        try await run.run { end in
            try await Self.committed(2, site, end)
            try await Self.openRound(site, end)
            try clock.set(seconds)
            try await end.pause(milliseconds: 2000, "the wrong clock")
            try clock.set(0)
        }
        try await Invariants(run).check(run)
        #expect(run.server.ends.count == 1, run.account)
        for client in run.clients {
            // Refused until the clock is right, with what to do about it.
            #expect(client.ends.count > 1, run.account)
            for end in client.ends.dropLast() {
                let last = end.errors.split(separator: "\n").last ?? ""
                #expect(end.status == 4 && last.contains("set the clock"), "\(end.errors)")
            }
        }
    }

    @Test("A member stays silent and the clock is put back: the round ends all the same")
    func silent() async throws {
        let site = try await CrashSite(rounds: 4)
        let clock = try Clock(site)
        let names = ["server"] + (1...CrashSite.clients).map { "client-\($0)" }
        // It has the assignment and computes when it dies, and is not started again before the clock has been put back.
        let run = CrashRun(
            site,
            script: Script(["client-1": [CrashPoint(call: 30, moment: .before)]]),
            everyLife: Dictionary(uniqueKeysWithValues: names.map { ($0, clock.settings) })
        )
        try await run.run { end in
            while !end.isOver, run.clients[0].reached.isEmpty {
                try await end.pause(milliseconds: 1, "the death of a member")
            }
            try clock.set(-3600)
        }
        try await Invariants(run).check(run)
        #expect(run.server.ends.count == 1, run.account)
    }
}

/// One file, written in place.
private final class FileHandleForTests {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = unsafe open(path, O_WRONLY)
        guard descriptor >= 0 else { throw TooLate(description: "\(path) can be opened") }
    }

    deinit {
        close(descriptor)
    }

    func overwrite(_ value: Int64) throws {
        var value = value
        guard unsafe pwrite(descriptor, &value, 8, 0) == 8 else { throw TooLate(description: "a clock can be set") }
    }
}
