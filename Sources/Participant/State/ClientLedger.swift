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
    private let budget: Budget
    /// δ of the claims, of which the accountant uses its share.
    private let delta: Double

    package init(
        path: String,
        maximumEpsilon: Double,
        maximumEpsilonAgainstServer: Double,
        delta: Double
    ) throws(ParticipantError) {
        let log = try StateFolder.translating { () throws(FileError) in try RecordLog(path) }
        let ledger = try Self.ledger(log.records, path: path)
        let budget: Budget
        do {
            budget = try Budget(
                epsilon: maximumEpsilon,
                delta: DeltaShares.accountant(of: delta),
                epsilonServer: maximumEpsilonAgainstServer
            )
        } catch {
            throw .input("\(error)")
        }
        self.log = log
        self.ledger = ledger
        self.budget = budget
        self.delta = delta
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

    /// Refuses a whole task beyond the limits before any of it is done, so that a device does not spend on a task that it
    /// cannot finish.
    package func checkWhole(_ plan: TaskPlan) throws(ParticipantError) {
        let done = ledger.charges.count { $0.attempt.task == plan.task }
        let rest = max(0, plan.rounds.rounds - done)
        for adversary in plan.adversaries {
            let limit = adversary == .server ? budget.epsilonServer ?? 0 : budget.epsilon
            do {
                let spent: PrivacyEvent = ledger.charges.isEmpty ? .composed([]) : try ledger.event(against: adversary)
                let epsilon = try RDPAccountant.epsilon(
                    of: .composed([.init(spent, count: 1), .init(plan.event(against: adversary), count: rest)]),
                    delta: budget.delta
                ).epsilon
                guard epsilon <= limit else {
                    let flag = adversary == .server ? "--max-epsilon-server" : "--max-epsilon"
                    throw ParticipantError.limit(
                        "task \(plan.task): would take this device to epsilon \(epsilon.roundedUp(decimals: 4))"
                            + " at delta \(delta) against \(adversary.explanation); \(flag) allows \(limit)"
                    )
                }
            } catch let error as ParticipantError {
                throw error
            } catch {
                throw .refused("task \(plan.task): \(error)")
            }
        }
    }

    /// Charges one attempt and waits until the charge is on disk. An attempt that is charged already costs nothing more.
    package mutating func charge(
        _ plan: TaskPlan,
        round: RoundIdentifier,
        certificate: SensitivityCertificate,
        modelHash: [UInt8]
    ) throws(ParticipantError) {
        let attempt = LedgerCharge.Attempt(task: round.task, round: round.round, attempt: round.attempt)
        guard ledger.entry(of: attempt) == nil else { return }
        let charge = LedgerCharge(
            attempt,
            kind: .spent,
            events: plan.events,
            certificate: certificate,
            modelHashBefore: modelHash
        )
        let entry: LedgerEntry
        do {
            try ledger.check(next: charge, budget: budget)
            entry = try ledger.prepare(charge)
        } catch {
            throw .limit("\(round): \(error)")
        }
        let record = entry.canonicalEncoding + entry.hash
        do {
            try log.append(record)
            try ledger.append(entry)
        } catch {
            throw .failure("\(error)")
        }
    }

    /// ε of everything charged, by adversary.
    package func epsilons() throws(ParticipantError) -> [(Adversary, Double)] {
        do {
            return try ledger.adversaries.map { adversary in
                (adversary, try ledger.epsilon(against: adversary, delta: budget.delta).epsilon)
            }
        } catch {
            throw .failure("\(error)")
        }
    }
}
