// SPDX-License-Identifier: Apache-2.0

package import Accounting
internal import Files
package import Rounds

/// The device's own record of what its data has been exposed to, and its own limit.
///
/// All tasks of the state folder add up, whatever data they name: a device does not rely on being told twice what is the
/// same data. A charge is on disk before the first byte of its update leaves, and is never taken back. A ledger that
/// cannot be read stops the client.
package struct ClientLedger: ~Copyable {
    private static let population = "device"

    private var log: RecordLog
    private var ledger: Ledger
    private let limits: SpendLimits

    /// Opens the ledger file, or makes it for a device that has never taken part.
    ///
    /// - Parameters:
    ///   - isNew: whether this device may have no ledger yet.
    ///   - maximumEpsilonAgainstServer: infinite where the owner trusts the server.
    package init(
        path: String,
        isNew: Bool,
        maximumEpsilon: Double,
        maximumEpsilonAgainstServer: Double,
        delta: Double
    ) throws(ParticipantError) {
        let exists = try StateFolder.translating { () throws(FileError) in try DurableFile.exists(path) }
        guard isNew || exists else {
            throw .input(
                "\(path): is missing, but this device is enrolled; restore it from a backup, or use a new folder"
            )
        }
        let log = try StateFolder.translating { () throws(FileError) in try RecordLog(path) }
        let ledger = try Self.ledger(log.records, path: path)
        let limits: SpendLimits
        do {
            limits = try SpendLimits(
                epsilon: maximumEpsilon,
                epsilonServer: maximumEpsilonAgainstServer == .infinity ? nil : maximumEpsilonAgainstServer,
                delta: delta
            )
        } catch {
            throw .input("\(error)")
        }
        self.log = log
        self.ledger = ledger
        self.limits = limits
    }

    /// The verified ledger of the file's records; each is an entry's encoding and its hash.
    private static func ledger(_ records: [[UInt8]], path: String) throws(ParticipantError) -> Ledger {
        do {
            var entries: [LedgerEntry] = []
            for record in records {
                guard record.count > 32 else { throw LedgerError.malformed("record \(entries.count + 1) is too short") }
                entries.append(
                    try LedgerEntry(canonicalEncoding: Array(record.dropLast(32)), hash: Array(record.suffix(32)))
                )
            }
            return try Ledger(population: population, entries: entries)
        } catch {
            throw .input("\(path): \(error)")
        }
    }

    package var count: Int { ledger.charges.count }

    package var rounds: Set<RoundIdentifier> {
        Set(
            ledger.charges.map {
                RoundIdentifier(task: $0.attempt.task, round: $0.attempt.round, attempt: $0.attempt.attempt)
            }
        )
    }

    /// Whether a plan lets this device take part in a round, as far as its own ledger knows.
    package enum Participation: Hashable, Sendable {
        case allowed
        /// Only in this round or a later one.
        case notBefore(Int)
        /// In none any more.
        case complete
    }

    /// What the plan's limits say about a round. A round counts once it is charged, however often it is tried: another attempt
    /// at it is no further participation, because only one of them is ever released.
    package func participation(in round: RoundIdentifier, of plan: TaskPlan) -> Participation {
        let before = Set(ledger.charges.lazy.filter { $0.attempt.task == round.task }.map(\.attempt.round))
        if before.contains(round.round) { return .allowed }
        guard before.count < plan.rounds.mostParticipations else { return .complete }
        // Rounds only go forward, so the last one is the nearest.
        guard let last = before.max() else { return .allowed }
        let (earliest, overflow) = last.addingReportingOverflow(plan.rounds.leastSeparation)
        guard !overflow, earliest <= plan.rounds.rounds else { return .complete }
        return round.round >= earliest ? .allowed : .notBefore(earliest)
    }

    /// Refuses a whole task beyond the limits before any of it is done, so that a device does not spend on a task that it
    /// cannot finish.
    package func checkWhole(_ plan: TaskPlan, certificate: SensitivityCertificate) throws(ParticipantError) {
        let done = ledger.charges.count { $0.attempt.task == plan.task }
        let rest = max(0, plan.mostParticipations - done)
        let first = RoundIdentifier(task: plan.task, round: 1, attempt: 1)
        let charge = Self.charge(plan, first, certificate, modelHash: [UInt8](repeating: 0, count: 32))
        let adversaries = Set(ledger.adversaries).union(charge.events.keys).sorted()
        for adversary in adversaries where adversary != .server || limits.epsilonServer != nil {
            do {
                try checkWhole(charge, rounds: rest, against: adversary)
            } catch let error as ParticipantError {
                throw error
            } catch {
                throw .limit("task \(plan.task): \(error)")
            }
        }
    }

    private func checkWhole(_ charge: LedgerCharge, rounds: Int, against adversary: Adversary) throws {
        let task = charge.attempt.task
        guard let event = charge.event(against: adversary) else {
            throw LedgerError.noGuarantee(against: adversary, entry: ledger.entries.count)
        }
        let spent: PrivacyEvent = ledger.charges.isEmpty ? .composed([]) : try ledger.event(against: adversary)
        let whole = PrivacyEvent.composed([.init(spent, count: 1), .init(event, count: rounds)])
        let epsilon = try RDPAccountant.epsilon(of: whole, delta: limits.budget.delta).epsilon
        let limit = adversary == .server ? limits.epsilonServer ?? .infinity : limits.epsilon
        let flag = adversary == .server ? "--max-epsilon-server" : "--max-epsilon"
        guard epsilon <= limit else {
            throw ParticipantError.limit(
                "task \(task): would take this device to epsilon \(epsilon.roundedUp(decimals: 4)) at delta \(limits.delta)"
                    + " against \(adversary.explanation); \(flag) allows \(limit)"
            )
        }
        let dimension = (ledger.charges + [charge]).map(\.certificate.dimension).max() ?? 0
        guard try DeltaShares.parts(of: limits.delta, epsilon: epsilon, event: whole, dimension: dimension) != nil
        else {
            throw ParticipantError.limit(
                "task \(task): no epsilon against \(adversary.explanation) could be stated in the end (it would be about"
                    + " \(epsilon.roundedUp(decimals: 1))); \(flag) inf takes part without a limit against it"
            )
        }
    }

    /// Refuses the charge of one attempt that would pass a limit. Nothing changes.
    package func checkNext(
        _ plan: TaskPlan,
        round: RoundIdentifier,
        certificate: SensitivityCertificate,
        modelHash: [UInt8]
    ) throws(ParticipantError) {
        do {
            try ledger.checkSpend(Self.charge(plan, round, certificate, modelHash: modelHash), limits: limits)
        } catch {
            throw .limit("\(round): \(error)")
        }
    }

    /// Charges one attempt and waits until the charge is on disk. An attempt that is charged already costs nothing more.
    ///
    /// - Throws: ``ParticipantError/limit(_:)`` when a limit refuses, and then nothing is charged.
    package mutating func charge(
        _ plan: TaskPlan,
        round: RoundIdentifier,
        certificate: SensitivityCertificate,
        modelHash: [UInt8]
    ) throws(ParticipantError) {
        let charge = Self.charge(plan, round, certificate, modelHash: modelHash)
        guard ledger.entry(of: charge.attempt) == nil else { return }
        guard participation(in: round, of: plan) == .allowed else {
            throw .limit("\(round): the task's plan does not allow this device to take part in it")
        }
        try checkNext(plan, round: round, certificate: certificate, modelHash: modelHash)
        do {
            let entry = try ledger.prepare(charge)
            try log.append(entry.canonicalEncoding + entry.hash)
            try ledger.append(entry)
        } catch {
            throw .failure("\(error)")
        }
    }

    private static func charge(
        _ plan: TaskPlan,
        _ round: RoundIdentifier,
        _ certificate: SensitivityCertificate,
        modelHash: [UInt8]
    ) -> LedgerCharge {
        LedgerCharge(
            LedgerCharge.Attempt(task: round.task, round: round.round, attempt: round.attempt),
            kind: .spent,
            events: plan.events,
            certificate: certificate,
            modelHashBefore: modelHash
        )
    }

    /// ε of everything charged, by adversary; `nil` where none can be stated.
    package func epsilons() throws(ParticipantError) -> [(Adversary, Double?)] {
        do {
            return try ledger.adversaries.map { adversary in
                (adversary, try ledger.stated(against: adversary, delta: limits.delta))
            }
        } catch {
            throw .failure("\(error)")
        }
    }
}
