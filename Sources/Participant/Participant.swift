// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Datasets
internal import Files
internal import FoundationEssentials
public import Logging
internal import Messages
internal import Rounds
internal import Training
internal import Updates

/// A client of a Sotto server: takes part in its tasks with data that stays on this device.
///
/// In each round it checks the plan against its own limits, draws secretly which examples take part, clips their
/// gradients in integers, adds its share of exact noise, and sends the sum sealed to the server's key of the round. It
/// keeps a privacy ledger of its own, charged before anything leaves the device, and refuses what would pass its owner's
/// limits. After a crash, of itself or of the server, it goes on: it sends the very bytes that it had sealed, or drops out
/// of the round; it never computes a second vector for the same attempt.
///
/// It blocks the thread that runs it. Diagnostics of the private data (losses, norms, the size of a draw) are neither
/// logged nor sent.
public final class Participant {
    let configuration: ParticipantConfiguration
    let logger: Logger
    let dataset: Dataset
    let makeTransport: () throws(TransportError) -> any Transport
    let randomness: ShareRandomness
    let clock: @Sendable () -> UInt64
    let pause: (UInt64) -> Void

    var report = ParticipantReport()
    var reviews: [[UInt8]: ReviewedPlan] = [:]
    var sources: [[UInt8]: ShareSource] = [:]
    /// Tasks that this device will not take part in, with the reason.
    var refused: [String: ParticipantError] = [:]

    /// Reads the data and makes ready; nothing is sent yet.
    ///
    /// - Throws: ``ParticipantError`` when the data cannot be read or a limit is not a number.
    public convenience init(configuration: ParticipantConfiguration, logger: Logger) throws(ParticipantError) {
        try self.init(
            configuration: configuration,
            logger: logger,
            transport: { () throws(TransportError) in try CurlTransport(address: configuration.server) },
            randomness: .secret,
            clock: WallClock.milliseconds,
            pause: Pause.sleep
        )
    }

    /// The same with another transport, clock or, for tests, randomness.
    package init(
        configuration: ParticipantConfiguration,
        logger: Logger,
        transport: @escaping () throws(TransportError) -> any Transport,
        randomness: ShareRandomness,
        clock: @escaping @Sendable () -> UInt64,
        pause: @escaping (UInt64) -> Void
    ) throws(ParticipantError) {
        self.configuration = configuration
        self.logger = logger
        self.randomness = randomness
        self.clock = clock
        self.pause = pause
        makeTransport = transport
        do {
            // The limit comes before the data, which are most of what a small model needs.
            let bytes = try DatasetSource.plannedBytes(configuration.data)
            guard bytes < configuration.memoryLimit else {
                throw ParticipantError.limit(
                    "--data \(configuration.data): takes \(bytes) bytes; --memory-limit allows \(configuration.memoryLimit)"
                )
            }
            dataset = try DatasetSource.load(configuration.data).train
        } catch let error as ParticipantError {
            throw error
        } catch {
            throw .input("--data \(configuration.data): \(error)")
        }
        report.delta = configuration.delta
    }

    /// Takes part until every task is finished, or `isStopped` answers true.
    public func run(isStopped: () -> Bool = { false }) throws(ParticipantError) -> ParticipantReport {
        let folder = try StateFolder(configuration.stateFolder)
        let identity = try folder.identity()
        var ledger = try ClientLedger(
            path: folder.ledgerPath,
            isNew: identity?.client.isEmpty ?? true,
            maximumEpsilon: configuration.maximumEpsilon,
            maximumEpsilonAgainstServer: configuration.maximumEpsilonAgainstServer,
            delta: configuration.delta
        )
        try checkCharges(folder, ledger)
        var connection: ServerConnection?
        var backOff = BackOff()
        while !isStopped() {
            do {
                if connection == nil { connection = try connect(folder) }
                // What was interrupted comes first: there is room on disk for one sealed update.
                try resume(folder, &ledger, &connection!)
                guard try step(folder, &ledger, &connection!) else { break }
                backOff = BackOff()
            } catch {
                switch error {
                case .later(let reason):
                    let delay = backOff.next()
                    logger.notice("\(reason); trying again in \(delay) ms")
                    pause(delay)
                case .refused(let status, let reason):
                    throw .refused("\(configuration.server): \(reason) (HTTP status \(status))")
                case .fatal(let error):
                    throw error
                }
            }
        }
        try complete(ledger)
        if !isStopped(), let first = refused.min(by: { $0.key < $1.key }) { throw first.value }
        return report
    }

    /// One question to the server and what follows from its answer; `false` when nothing is left to do.
    private func step(
        _ folder: borrowing StateFolder,
        _ ledger: inout ClientLedger,
        _ connection: inout ServerConnection
    ) throws(CallError) -> Bool {
        let accepted = sources.keys.filter { hash in reviews[hash].map { refused[$0.plan.task] == nil } ?? false }
        let reply = try connection.assignment(accepting: Array(accepted), refusing: refused.keys.sorted())
        switch reply.answer {
        case .assignment(let signed):
            try participate(signed, folder, &ledger, &connection)
        case .wait(let wait):
            try reviewPlans(wait.plansToReview.prefix(100).map(\.byteArray), ledger, &connection)
            pause(UInt64(min(max(wait.milliseconds, 20), 60_000)))
        case .finished(let finished):
            logger.info("\(finished.reason)")
            guard configuration.staysWhenFinished else { return false }
            pause(5000)
        case nil:
            throw .fatal(.refused("\(configuration.server): its answer is empty; is it a server of another version?"))
        }
        report.bytesUp = connection.bytesUp
        report.bytesDown = connection.bytesDown
        return true
    }

    /// Stops where the journal knows of a charge that the ledger does not: then the ledger was lost or put back.
    private func checkCharges(
        _ folder: borrowing StateFolder,
        _ ledger: borrowing ClientLedger
    ) throws(ParticipantError) {
        let charged = ledger.rounds
        for journal in try folder.journals().values {
            let isCharged = journal.round.stage == .charged || journal.round.stage == .delivered
            guard !isCharged || charged.contains(journal.round.identifier) else {
                throw .input("\(folder.ledgerPath): lacks \(journal.round.identifier); restore it from a newer backup")
            }
        }
    }

    private func complete(_ ledger: borrowing ClientLedger) throws(ParticipantError) {
        report.ledgerEntries = ledger.count
        for (adversary, epsilon) in try ledger.epsilons() { report.epsilonAgainst[adversary.description] = epsilon }
        report.peakMiB = Double(ProcessMemory.peak() ?? 0) / 1_048_576
    }

    // MARK: Enrolment

    private func connect(_ folder: borrowing StateFolder) throws(CallError) -> ServerConnection {
        var transport: any Transport
        do { transport = try makeTransport() } catch { throw .fatal(.failure("\(error)")) }
        do {
            if let identity = try folder.identity(), !identity.client.isEmpty {
                return try ServerConnection(
                    transport: transport,
                    key: Ed25519PrivateKey(seed: identity.signingSeed.byteArray),
                    serverKey: Ed25519PublicKey(bytes: identity.serverPublicKey.byteArray),
                    client: identity.client,
                    clock: clock
                )
            }
            guard let text = configuration.invite else {
                throw ParticipantError.input(
                    "--invite: is missing and \(configuration.stateFolder) holds no identity; ask the operator for an invite"
                )
            }
            let invite = try InviteToken(text)
            // The key is on disk before it is enrolled: after a crash in between, the same invite enrols the same key.
            var identity = try folder.identity() ?? Sotto_V1_ClientIdentity()
            if identity.signingSeed.isEmpty {
                identity.signingSeed = Data(SystemRandom.bytes(Ed25519PrivateKey.seedLength))
                try folder.setIdentity(identity)
            }
            let key = try Ed25519PrivateKey(seed: identity.signingSeed.byteArray)
            let signed = try ServerConnection.enrol(secret: invite.secret, publicKey: key.publicKey, over: &transport)
            let enrolment = try Self.enrolment(signed, invite: invite)
            identity.client = enrolment.client
            identity.serverName = enrolment.serverName
            identity.serverPublicKey = enrolment.serverPublicKey
            try folder.setIdentity(identity)
            logger.info("enrolled as \(enrolment.client) with \(enrolment.serverName)")
            return try ServerConnection(
                transport: transport,
                key: key,
                serverKey: Ed25519PublicKey(bytes: enrolment.serverPublicKey.byteArray),
                client: enrolment.client,
                clock: clock
            )
        } catch let error as CallError {
            throw error
        } catch let error as ParticipantError {
            throw .fatal(error)
        } catch {
            throw .fatal(.input("\(error)"))
        }
    }

    /// The enrolment, when it is signed by the key whose hash the invite carries.
    private static func enrolment(_ signed: Sotto_V1_Signed, invite: InviteToken) throws -> Sotto_V1_Enrolment {
        let claimed = try Sotto_V1_Enrolment(wire: signed.body.byteArray, what: "enrolment")
        let key = try Ed25519PublicKey(bytes: claimed.serverPublicKey.byteArray)
        guard SHA256.hash(key.bytes) == invite.serverKeyHash else {
            throw ParticipantError.refused(
                "the server's key is not the one that the invite pins; do not trust this server"
            )
        }
        _ = try signed.verified(.enrolment, by: key)
        return claimed
    }
}
