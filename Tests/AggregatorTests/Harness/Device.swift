// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import Participant
import Rounds
import Store
import Synchronization
import TestKit

/// A device of a ``World``: its state folder and data outlive the participants that run on them.
final class Device: Sendable {
    /// Decides what happens to the n-th request of a kind that this device sends, all runs counted together.
    typealias FateOf = @Sendable (_ kind: Kind, _ ordinal: Int) -> (fate: World.Fate, kills: Bool)

    enum Kind: Hashable, Sendable, CaseIterable {
        case enrolment
        case assignment
        case blob
        case upload

        init(_ request: TransportRequest) {
            switch request.method {
            case "PUT": self = .upload
            case "GET": self = .blob
            default: self = request.target == "/v1/enrolments" ? .enrolment : .assignment
            }
        }
    }

    let world: World
    let index: Int
    let folder: MemoryFolder
    private let invite: String
    private let data: String
    private let heldOut: String?
    private let randomness: ShareRandomness
    private let fate: FateOf
    private let counts = Mutex<[Kind: Int]>([:])
    private let isDead = Atomic<Bool>(false)
    private let killings = Atomic<Int>(0)

    /// - Parameters:
    ///   - index: from 1; the device holds that part of the digits.
    ///   - parts: into how many parts the digits are cut.
    ///   - heldOut: what it evaluates on.
    init(
        _ world: World,
        index: Int,
        of parts: Int,
        heldOut: String? = nil,
        isNoisy: Bool = false,
        fate: @escaping FateOf = { _, _ in (.arrives, false) }
    ) throws {
        self.world = world
        self.index = index
        folder = try MemoryFolder()
        invite = try world.invite()
        data = "digits:\(index)/\(parts)"
        self.heldOut = heldOut
        randomness = isNoisy ? .secret : .insecureNoNoise { Self.seed(device: index, round: $0.round) }
        self.fate = fate
    }

    /// The coins of a device in a round, the same in every attempt.
    static func seed(device: Int, round: Int) -> UInt64 { UInt64(1000 * device + round) }

    /// Limits of a run.
    struct Limits: Sendable {
        var memory = 1 << 32
        var epsilon = 100.0
        var epsilonServer = 1e6
    }

    /// Runs a participant on its own thread until the server has nothing more for it, or it is killed.
    @discardableResult
    func run(_ limits: Limits = Limits()) async throws -> ParticipantReport {
        isDead.store(false, ordering: .sequentiallyConsistent)
        return try await withTaskCancellationHandler {
            try await self.participate(limits)
        } onCancel: {
            isDead.store(true, ordering: .sequentiallyConsistent)
        }
    }

    private func participate(_ limits: Limits) async throws -> ParticipantReport {
        try await onThread {
            let clock = self.world.clock
            var configuration = ParticipantConfiguration(
                server: try ServerAddress("http://127.0.0.1:1"),
                invite: self.invite,
                data: self.data,
                stateFolder: self.folder.path,
                memoryLimit: limits.memory,
                maximumEpsilon: limits.epsilon,
                maximumEpsilonAgainstServer: limits.epsilonServer
            )
            configuration.heldOut = self.heldOut
            let participant = try Participant(
                configuration: configuration,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                transport: { Link(device: self) },
                randomness: self.randomness,
                clock: { clock.now },
                pause: { _ in usleep(500) }
            )
            return try self.whileLocked {
                try participant.run { self.isDead.load(ordering: .sequentiallyConsistent) }
            }
        }
    }

    /// Whether the last run ended because its process was killed.
    var wasKilled: Bool { isDead.load(ordering: .sequentiallyConsistent) }

    /// Tries again while the folder is in use: a process that another test starts has a copy of its lock for a moment,
    /// between fork and exec.
    func whileLocked<Value: ~Copyable>(_ body: () throws -> Value) throws -> Value {
        for _ in 0..<1000 {
            do {
                return try body()
            } catch ParticipantError.input(let reason) where reason.contains("in use") {
                usleep(1000)
            }
        }
        return try body()
    }

    /// How often it was killed.
    var deaths: Int { killings.load(ordering: .sequentiallyConsistent) }

    fileprivate func send(_ request: TransportRequest) throws(TransportError) -> TransportReply {
        // What a dead process would have sent is never sent.
        guard !wasKilled else { throw TransportError("the process is dead") }
        let kind = Kind(request)
        let ordinal = counts.withLock { counts in
            counts[kind, default: 0] += 1
            return counts[kind, default: 0] - 1
        }
        let (fate, kills) = fate(kind, ordinal)
        guard kills else { return try world.exchange(request, fate: fate) }
        do {
            _ = try world.exchange(request, fate: fate)
        } catch {
            // It dies whatever came back.
        }
        killings.add(1, ordering: .sequentiallyConsistent)
        isDead.store(true, ordering: .sequentiallyConsistent)
        throw TransportError("the process was killed")
    }

    private struct Link: Transport {
        let device: Device

        func send(_ request: TransportRequest) throws(TransportError) -> TransportReply {
            try device.send(request)
        }
    }
}

extension World {
    /// Runs devices side by side until each has ended; one that was killed is started again.
    ///
    /// - Parameter isHopeless: looks at the open round; where it says so, everybody waits for somebody who will not come, and
    ///   the clock moves over the deadline. Otherwise it stands still, however long a busy machine takes.
    func run(_ devices: [Device], jumpsWhen isHopeless: (@Sendable (RoundRecord) -> Bool)? = nil) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for device in devices {
                group.addTask {
                    repeat { try await device.run() } while device.wasKilled && !Task.isCancelled
                }
            }
            if let isHopeless {
                group.addTask { try await self.jump(when: isHopeless) }
            }
            for _ in devices { try await group.next() }
            group.cancelAll()
        }
    }

    private func jump(when isHopeless: @Sendable (RoundRecord) -> Bool) async throws {
        let store = try openStore()
        while !Task.isCancelled {
            if try store.read({ try $0.openRounds() }).contains(where: isHopeless) {
                await pass(seconds: terms.deadlineSeconds + 1)
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}
