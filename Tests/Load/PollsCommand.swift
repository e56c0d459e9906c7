// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import FoundationEssentials
import Messages
import NIOPosix
import Synchronization

/// `sotto-load polls`
struct PollsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "polls",
        abstract: "Let clients wait for a round that does not come, each coming back when it is told to."
    )

    @OptionGroup var options: CrowdOptions

    @Option(help: ArgumentHelp("Seconds that are measured, after every device has come once.", valueName: "s"))
    var seconds = 60

    func validate() throws {
        guard (1...86_400).contains(seconds) else { throw ValidationError("--seconds must be from 1 to 86400") }
    }

    /// Times in milliseconds.
    private struct Figures: Encodable {
        let clients: Int
        let connections: Int
        let polls: Int
        let pollsPerSecond: Double
        /// What the server told clients to wait, on average, in seconds.
        let meanPause: Double
        let p50: Double
        let p99: Double
        let longest: Double
        /// How late the last request of all left, because its connection was busy.
        let latest: Double
        let serverMiB: Double?
        let serverPeakMiB: Double?
    }

    func run() async throws {
        let crowd = try await Crowd(options: options, group: MultiThreadedEventLoopGroup.singleton)
        let (hash, _) = try await crowd.plan()
        // Once over the time that they would take by themselves, so that they do not come all at once later.
        let pauses = Mutex<[UInt32]>(Array(repeating: 0, count: crowd.devices.count))
        try await Crowd.onEach(crowd.connections, of: crowd.devices.indices) { connection, device in
            let reply = try await crowd.ask(from: device, accepting: [hash], on: connection)
            pauses.withLock { $0[device] = Self.pause(reply) }
        }
        let timings = Timings()
        let told = Mutex<(sum: Double, latest: Double)>((0, 0))
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        let first = pauses.withLock { $0 }
        let width = crowd.connections.count
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for (lane, connection) in crowd.connections.enumerated() {
                tasks.addTask { @Sendable in
                    var due = stride(from: lane, to: crowd.devices.count, by: width).map { device in
                        let part = Double(device) / Double(crowd.devices.count)
                        return (device: device, at: start + .milliseconds(Int(Double(first[device]) * part)))
                    }
                    while let index = due.indices.min(by: { due[$0].at < due[$1].at }), due[index].at < end {
                        try await Task.sleep(until: due[index].at, tolerance: .zero, clock: .continuous)
                        let begun = ContinuousClock.now
                        let reply = try await crowd.ask(from: due[index].device, accepting: [hash], on: connection)
                        let ended = ContinuousClock.now
                        timings.add(ended - begun)
                        let pause = Self.pause(reply)
                        let late = (begun - due[index].at) / .milliseconds(1)
                        told.withLock { $0 = ($0.sum + Double(pause) / 1000, max($0.latest, late)) }
                        due[index].at = ended + .milliseconds(Int(pause))
                    }
                }
            }
            try await tasks.waitForAll()
        }
        let passed = (ContinuousClock.now - start) / .seconds(1)
        let memory = options.serverMemory()
        let (sum, latest) = told.withLock { $0 }
        try printJSON(
            Figures(
                clients: crowd.devices.count,
                connections: width,
                polls: timings.count,
                pollsPerSecond: Double(timings.count) / passed,
                meanPause: sum / Double(max(1, timings.count)),
                p50: timings.milliseconds(0.5),
                p99: timings.milliseconds(0.99),
                longest: timings.milliseconds(1),
                latest: latest,
                serverMiB: memory?.now,
                serverPeakMiB: memory?.peak
            )
        )
    }

    private static func pause(_ reply: Sotto_V1_AssignmentReply) -> UInt32 {
        guard case .wait(let wait) = reply.answer else { return 1000 }
        return wait.milliseconds
    }
}
