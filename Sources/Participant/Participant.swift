// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Datasets
internal import Files
public import Logging
internal import Messages
internal import Rounds
internal import Training

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
    let heldOut: Dataset?
    let makeTransport: () throws(TransportError) -> any Transport
    let randomness: ShareRandomness
    let clock: @Sendable () -> UInt64
    /// Milliseconds of a clock that nobody sets.
    let steadyClock: @Sendable () -> UInt64
    private let pause: ((UInt64) -> Void)?
    /// Whether somebody asked the client to end.
    private let question: StopQuestion
    var isStopped: @Sendable () -> Bool { { [question] in question.isAnsweredYes } }

    var report = ParticipantReport()
    var reviews: [[UInt8]: ReviewedPlan] = [:]
    var sources: [[UInt8]: ShareSource] = [:]
    /// Tasks that this device will not take part in, with the reason.
    var refused: [String: ParticipantError] = [:]
    /// Tasks that this device has taken part in as often as their plans allow.
    var completed: Set<String> = []
    /// Whether a condition of the owner's failed when it was last asked.
    private var isHeldBack = false

    /// Reads the data and makes ready; nothing is sent yet.
    ///
    /// - Throws: ``ParticipantError`` when the data cannot be read or a limit is not a number.
    public convenience init(configuration: ParticipantConfiguration, logger: Logger) throws(ParticipantError) {
        let question = StopQuestion()
        try self.init(
            configuration: configuration,
            logger: logger,
            transport: { () throws(TransportError) in
                try CurlTransport(
                    address: configuration.server,
                    certificate: configuration.serverCertificate,
                    question: question
                )
            },
            randomness: .secret,
            clock: WallClock.milliseconds,
            question: question
        )
    }

    /// The same with another transport, clocks or, for tests, randomness.
    ///
    /// - Parameters:
    ///   - pause: waits so many milliseconds.
    ///   - question: the one that the transport asks too.
    package init(
        configuration: ParticipantConfiguration,
        logger: Logger,
        transport: @escaping () throws(TransportError) -> any Transport,
        randomness: ShareRandomness,
        clock: @escaping @Sendable () -> UInt64,
        steadyClock: @escaping @Sendable () -> UInt64 = Pause.milliseconds,
        pause: ((UInt64) -> Void)? = nil,
        question: StopQuestion = StopQuestion()
    ) throws(ParticipantError) {
        self.question = question
        self.configuration = configuration
        self.logger = logger
        self.randomness = randomness
        self.clock = clock
        self.steadyClock = steadyClock
        self.pause = pause
        makeTransport = transport
        try Self.checkCertificate(configuration.serverCertificate)
        let (dataBytes, data) = try Self.read("--data", configuration.data, configuration.memoryLimit)
        dataset = data
        heldOut = try configuration.heldOut.map { (source) throws(ParticipantError) in
            try Self.checkApart(source, from: configuration.data)
            return try Self.read("--held-out", source, configuration.memoryLimit, beside: dataBytes).dataset
        }
        report.delta = configuration.delta
    }

    /// - Parameter other: bytes of data that were read before.
    private static func read(
        _ flag: String,
        _ source: String,
        _ limit: Int,
        beside other: Int = 0
    ) throws(ParticipantError) -> (bytes: Int, dataset: Dataset) {
        do {
            // The limit comes before the data, which are most of what a small model needs.
            let bytes = try DatasetSource.plannedBytes(source)
            guard other + bytes < limit else {
                throw ParticipantError.limit(
                    "\(flag) \(source): takes \(bytes) bytes\(other > 0 ? " beside \(other)" : ""); --memory-limit allows \(limit)"
                )
            }
            return (bytes, try DatasetSource.load(source).train)
        } catch let error as ParticipantError {
            throw error
        } catch {
            throw .input("\(flag) \(source): \(error)")
        }
    }

    /// A model is not evaluated on what it was trained on.
    private static func checkApart(_ heldOut: String, from data: String) throws(ParticipantError) {
        do {
            guard try !DatasetSource.overlap(heldOut, data) else {
                throw ParticipantError.input(
                    "--held-out \(heldOut): has examples of --data \(data); name others, for example another part"
                )
            }
        } catch let error as ParticipantError {
            throw error
        } catch {
            throw .input("--held-out \(heldOut): \(error)")
        }
    }

    /// A file that cannot be used is a mistake of this device, which no waiting mends.
    private static func checkCertificate(_ path: String?) throws(ParticipantError) {
        guard let path else { return }
        let bytes: [UInt8]?
        do {
            bytes = try DurableFile.read(path, limit: 1 << 20)
        } catch {
            throw .input("--server-certificate \(error)")
        }
        guard let bytes, String(decoding: bytes, as: UTF8.self).contains("-----BEGIN CERTIFICATE-----") else {
            throw .input("--server-certificate \(path): is not a PEM file with a certificate")
        }
    }

    /// Takes part until every task is finished, or `isStopped` answers true.
    ///
    /// - Parameter isStopped: asked between two steps, between two batches of a computation, and while waiting, from any
    ///   thread; what had begun is dropped or goes on in the next run, as after a crash.
    /// - Returns: what happened, and what the whole ledger amounts to.
    /// - Throws: ``ParticipantError``: what stopped the client or, when nothing else is left, why it refused a task.
    public func run(
        isStopped: @escaping @Sendable () -> Bool = { false }
    ) throws(ParticipantError) -> ParticipantReport {
        question.ask(isStopped)
        let folder = try StateFolder(configuration.stateFolder, key: configuration.deviceKey)
        var isEnrolled = false
        if let identity = try folder.identity() { isEnrolled = !identity.client.isEmpty }
        var ledger = try ClientLedger(
            path: folder.ledgerPath,
            isNew: !isEnrolled,
            maximumEpsilon: configuration.maximumEpsilon,
            maximumEpsilonAgainstServer: configuration.maximumEpsilonAgainstServer,
            delta: configuration.delta
        )
        try checkCharges(folder, ledger)
        var connection: ServerConnection?
        var backOff = BackOff()
        while !isStopped() {
            do {
                do {
                    if connection == nil { connection = try connect(folder) }
                    // What was interrupted comes first: there is room on disk for one sealed update.
                    try resume(folder, &ledger, &connection!)
                    guard try step(folder, &ledger, &connection!) else { break }
                    backOff = BackOff()
                } catch CallError.later(let reason) {
                    let delay = backOff.next()
                    // A request that ended because the client is to end is nothing to tell of.
                    if !isStopped() { logger.notice("\(reason); trying again in \(delay) ms") }
                    try wait(delay)
                }
            } catch {
                switch error {
                case .stopped, .later: break
                case .refused(let status, let reason):
                    throw .refused("\(configuration.server): \(reason) (HTTP status \(status))")
                case .fatal(let error): throw error
                }
            }
        }
        if let connection {
            report.bytesUp = connection.bytesUp
            report.bytesDown = connection.bytesDown
        }
        try complete(ledger)
        if !isStopped(), let first = refused.min(by: { $0.key < $1.key }) { throw first.value }
        return report
    }

    /// Waits so many milliseconds, or until somebody asks the client to end.
    func wait(_ milliseconds: UInt64) throws(CallError) {
        if let pause { pause(milliseconds) } else { Pause.sleep(milliseconds, unless: isStopped) }
        if isStopped() { throw .stopped }
    }

    /// Whether everything holds under which the owner lets this device work; where something does not, it waits.
    func mayWork() throws(CallError) -> Bool {
        for command in configuration.conditions {
            switch ShellCondition.check(command, unless: isStopped) {
            case .holds: continue
            case .stopped: throw .stopped
            case .fails(let reason):
                if !isHeldBack { logger.notice("--only-when '\(command)': \(reason); waiting until it holds") }
                isHeldBack = true
                try wait(ShellCondition.pause + .random(in: 0...ShellCondition.pause / 10))
                return false
            }
        }
        if isHeldBack { logger.notice("--only-when: holds again") }
        isHeldBack = false
        return true
    }

    /// One question to the server and what follows from its answer; `false` when nothing is left to do.
    private func step(
        _ folder: borrowing StateFolder,
        _ ledger: inout ClientLedger,
        _ connection: inout ServerConnection
    ) throws(CallError) -> Bool {
        guard try mayWork() else { return true }
        let accepted = sources.keys.filter { hash in
            reviews[hash].map { refused[$0.plan.task] == nil && !completed.contains($0.plan.task) } ?? false
        }
        let reply = try connection.assignment(
            accepting: Array(accepted),
            refusing: completed.union(refused.keys).sorted()
        )
        let arrival = steadyClock()
        if !reply.keys.isEmpty, connection.learn(reply.keys) { try keep(connection.serverKeys, folder) }
        switch reply.answer {
        case .assignment(let signed):
            try participate(signed, arrival: arrival, folder, &ledger, &connection)
        case .wait(let answer):
            try reviewPlans(answer.plansToReview.prefix(100).map(\.byteArray), ledger, &connection)
            let delay = UInt64(min(max(answer.milliseconds, 20), 60_000))
            // Clients that were told the same do not come back in the same moment.
            try wait(delay + .random(in: 0...delay / 10))
        case .finished(let finished):
            logger.info("\(finished.reason)")
            guard configuration.staysWhenFinished else { return false }
            try wait(.random(in: 5000...5500))
        case nil:
            throw .fatal(.refused("\(configuration.server): its answer is empty; is it a server of another version?"))
        }
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

    /// Writes down which keys are the server's.
    private func keep(_ keys: PinnedKeys, _ folder: borrowing StateFolder) throws(CallError) {
        do {
            guard var identity = try folder.identity() else { return }
            identity.serverPublicKey = keys.oldest.bytes
            identity.serverKeys = keys.statements
            try folder.setIdentity(identity)
        } catch {
            throw .fatal(error)
        }
        logger.notice("the server has announced a change of its key; it is signed by the one that is known")
    }
}
