// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import Cryptography
import FoundationEssentials
import Messages
import NIOPosix
import Rounds
import Synchronization
import Updates
import WireKit

/// `sotto-load uploads`
struct UploadsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uploads",
        abstract: "Send the updates of whole rounds as fast as the server takes them."
    )

    @OptionGroup var options: CrowdOptions

    @Option(help: ArgumentHelp("Rounds.", valueName: "n"))
    var rounds = 5

    @Option(help: ArgumentHelp("Bytes of a sealed update, about.", valueName: "n"))
    var bytes = 40_960

    func validate() throws {
        guard (1...1_000_000).contains(rounds) else { throw ValidationError("--rounds must be above 0") }
    }

    /// A round's figures; times in milliseconds.
    private struct Figures: Encodable {
        let round: UInt32
        let uploads: Int
        let bytesOfOne: Int
        let uploadsPerSecond: Double
        let p50: Double
        let p99: Double
        let longest: Double
        let serverMiB: Double?
        let serverPeakMiB: Double?
    }

    func run() async throws {
        let crowd = try await Crowd(options: options, group: MultiThreadedEventLoopGroup.singleton)
        let (hash, plan) = try await crowd.plan()
        let task = try plan.plan()
        let ring = try Ring(bits: task.ringBits)
        let noise = try NoisyUpdates(count: task.model.parameters, ring: ring, bytes: bytes)
        for _ in 0..<rounds {
            let assignments = try await members(crowd, hash)
            let updates = Mutex<[[UInt8]]>(Array(repeating: [], count: assignments.count))
            try await Crowd.onEach(crowd.connections, of: assignments.indices) { _, index in
                let (codec, plaintext) = noise.next(index)
                let body = try crowd.devices[assignments[index].device].update(
                    for: assignments[index].assignment,
                    plaintext: plaintext,
                    codec: codec,
                    ring: ring,
                    count: task.model.parameters
                )
                updates.withLock { $0[index] = body }
            }
            try printJSON(try await send(updates.withLock { $0 }, assignments, crowd))
        }
    }

    private struct Member: Sendable {
        let device: Int
        let assignment: Sotto_V1_Assignment
    }

    /// Asks until a round has all its members.
    private func members(_ crowd: Crowd, _ hash: [UInt8]) async throws -> [Member] {
        let found = Mutex<[Int: Member]>([:])
        let start = ContinuousClock.now
        while true {
            try await Crowd.onEach(crowd.connections, of: crowd.devices.indices) { connection, device in
                guard found.withLock({ $0[device] == nil }) else { return }
                let reply = try await crowd.ask(from: device, accepting: [hash], on: connection)
                guard case .assignment(let signed) = reply.answer else { return }
                let assignment = try Sotto_V1_Assignment(wire: signed.body.byteArray, what: "assignment")
                found.withLock { $0[device] = Member(device: device, assignment: assignment) }
            }
            let members = found.withLock { $0.values.sorted { $0.device < $1.device } }
            if members.count == crowd.devices.count { return members }
            guard ContinuousClock.now - start < .seconds(300) else {
                throw CommandError("server: has not opened a round for all devices within 300 s", status: .limit)
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func send(_ updates: [[UInt8]], _ members: [Member], _ crowd: Crowd) async throws -> Figures {
        let timings = Timings()
        let start = ContinuousClock.now
        try await Crowd.onEach(crowd.connections, of: members.indices) { connection, index in
            let assignment = members[index].assignment
            let target = Paths.update(
                RoundIdentifier(
                    task: assignment.task,
                    round: Int(assignment.round),
                    attempt: Int(assignment.attempt)
                )
            )
            let begun = ContinuousClock.now
            let answer = try await crowd.send(
                "PUT",
                target,
                body: updates[index],
                from: members[index].device,
                on: connection
            )
            guard answer.status == 200 else { throw Crowd.refused("upload", answer) }
            timings.add(ContinuousClock.now - begun)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let memory = options.serverMemory()
        return Figures(
            round: members[0].assignment.round,
            uploads: timings.count,
            bytesOfOne: updates.reduce(0) { $0 + $1.count } / updates.count,
            uploadsPerSecond: Double(timings.count) / seconds,
            p50: timings.milliseconds(0.5),
            p99: timings.milliseconds(0.99),
            longest: timings.milliseconds(1),
            serverMiB: memory?.now,
            serverPeakMiB: memory?.peak
        )
    }
}

/// Updates of noise that encode to a wanted size.
private struct NoisyUpdates: Sendable {
    private let plaintexts: [(codec: UpdateCodec, plaintext: [UInt8])]

    /// - Throws: ``CommandError`` where no noise in the ring gives an update of that size.
    init(count: Int, ring: Ring, bytes: Int) throws {
        // The entropy of a coordinate uniform over 2^b values is b bits.
        let bits = Double(bytes * 8) / Double(count)
        guard bits >= 1, bits < Double(ring.bits) else {
            throw CommandError(
                "--bytes: must be from \(count / 8) to \(count * ring.bits / 8) for a model of \(count) parameters"
            )
        }
        let width = UInt64(exp2(bits))
        var generator = SystemRandomNumberGenerator()
        plaintexts = (0..<8).map { _ in
            let values = (0..<count).map { _ in
                Int64(UInt64.random(in: 0..<width, using: &generator)) - Int64(width / 2)
            }
            return UpdateEncoding.encode(values.span, in: ring)
        }
    }

    func next(_ index: Int) -> (codec: UpdateCodec, plaintext: [UInt8]) { plaintexts[index % plaintexts.count] }
}
