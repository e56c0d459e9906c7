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
    /// at it is no further participation, because only one of them is ever released. The limits are about training: evaluation
    /// rounds are always allowed, and count for nothing.
    package func participation(in round: RoundIdentifier, of plan: TaskPlan) -> Participation {
        let terms = plan.rounds
        guard terms.kind(ofRound: round.round) == .training else { return .allowed }
        let before = Set(ledger.charges.lazy.filter { $0.attempt.task == round.task }.map(\.attempt.round))
            .filter { terms.kind(ofRound: $0) == .training }
        if before.contains(round.round) { return .allowed }
        var next: Int?
        if before.count < terms.mostParticipations {
            // Rounds only go forward, so the last one is the nearest.
            guard let last = before.max() else { return .allowed }
            let earliest = terms.round(afterTraining: terms.leastSeparation, since: last)
            if round.round >= earliest { return .allowed }
            next = earliest
        }
        // Until it may train again there may be rounds for evaluation.
        if let period = terms.evaluationPeriod {
            next = min(next ?? .max, (round.round / period + 1) * period)
        }
        return next.flatMap { $0 <= terms.rounds ? .notBefore($0) : nil } ?? .complete
    }

    private static func charge(_ plan: TaskPlan, _ round: Int, _ certificate: SensitivityCertificate) -> LedgerCharge {
        charge(
            plan,
            RoundIdentifier(task: plan.task, round: round, attempt: 1),
            certificate,
            modelHash: [UInt8](repeating: 0, count: 32)
        )
    }

    /// Refuses a whole task beyond the limits before any of it is done, so that a device does not spend on a task that it
    /// cannot finish.
    ///
    /// - Parameter certificate: of the plan's training rounds, here and below; that of evaluation rounds follows from the plan.
    package func checkWhole(_ plan: TaskPlan, certificate: SensitivityCertificate) throws(ParticipantError) {
        let done = plan.attempts(in: ledger)
        let planned = RoundCounts(training: plan.mostParticipations, evaluation: plan.rounds.counts.evaluation)
        var rest = RoundCounts()
        for kind in RoundKind.allCases { rest[kind] = max(0, planned[kind] - done[kind]) }
        let charge = Self.charge(plan, 1, certificate)
        let adversaries = Set(ledger.adversaries).union(charge.events.keys).sorted()
        for adversary in adversaries where adversary != .server || limits.epsilonServer != nil {
            do {
                // Against somebody whom the plan does not name, by the next stronger one whom it names.
                let evaluation =
                    rest.evaluation == 0 ? nil : Self.charge(plan, plan.rounds.evaluationPeriod ?? 0, certificate)
                try checkWhole(charge, evaluation, rounds: rest, against: adversary)
            } catch let error as ParticipantError {
                throw error
            } catch {
                throw .limit("task \(plan.task): \(error)")
            }
        }
    }

    private func checkWhole(
        _ charge: LedgerCharge,
        _ evaluation: LedgerCharge?,
        rounds: RoundCounts,
        against adversary: Adversary
    ) throws {
        let task = charge.attempt.task
        guard let event = charge.event(against: adversary) else {
            throw LedgerError.noGuarantee(against: adversary, entry: ledger.entries.count)
        }
        let spent: PrivacyEvent = ledger.charges.isEmpty ? .composed([]) : try ledger.event(against: adversary)
        var parts = [PrivacyEvent.Repeated(spent, count: 1), .init(event, count: rounds.training)]
        if let event = evaluation?.event(against: adversary) { parts.append(.init(event, count: rounds.evaluation)) }
        let whole = PrivacyEvent.composed(parts)
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
        let kind = plan.rounds.kind(ofRound: round.round)
        return LedgerCharge(
            LedgerCharge.Attempt(task: round.task, round: round.round, attempt: round.attempt),
            kind: .spent,
            events: plan.events(of: kind),
            certificate: kind == .training ? certificate : plan.evaluationTerms.certificate,
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
