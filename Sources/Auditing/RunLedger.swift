// SPDX-License-Identifier: Apache-2.0

package import Accounting
internal import Files
internal import Rounds

/// The ledger file of training runs on one data source, so that a second run, or a whole sweep, shows its total.
///
/// A run is one attempt. All of its steps are reserved before the first, and the reservation is on disk before a byte of
/// data is computed on; a run that is killed stays reserved and counts in full. Runs may overlap: each reads, checks and
/// replaces the file while it holds the file's lock, so that no entry is lost and a budget sees the reservations of all.
package struct RunLedger: Sendable {
    package let path: String
    package let population: String

    /// - Parameter population: whose data this is; a file that keeps another population is refused.
    package init(path: String, population: String) {
        self.path = path
        self.population = population
    }

    private static let fileLimit = 1 << 28

    /// What a run is allowed to bring the whole ledger to.
    package struct Limit: Hashable, Sendable {
        fileprivate let delta: Double
        fileprivate let budget: Budget
        fileprivate let choice: AccountantChoice

        /// - Parameters:
        ///   - epsilon: the most epsilon of all runs together, against everybody whom an entry names; at least 0.
        ///   - delta: in (0, 1), all items included.
        ///   - accountant: nil for the least of those that cover the runs.
        package init(epsilon: Double, delta: Double, accountant: Accountant? = nil) throws(AccountingError) {
            self.delta = delta
            choice = AccountantChoice(accountant: accountant)
            // A little less than the accountant will get, so that what is stated afterwards is within the limit.
            budget = try Budget(
                epsilon: epsilon,
                delta: DeltaShares.accountant(of: delta),
                accountants: accountant.map { [$0] } ?? [.rdp, .pld]
            )
        }

        fileprivate func check(_ charge: LedgerCharge, in ledger: Ledger) throws(LedgerError) {
            try ledger.check(next: charge, budget: budget)
            var after = ledger
            try after.append(charge)
            for adversary in after.adversaries where adversary != .server {
                guard after.standing(against: adversary, delta: delta, by: choice).epsilon != nil else {
                    throw .notStatable(against: adversary, delta: delta)
                }
            }
        }
    }

    /// Reserves a run, and returns when that is on disk.
    ///
    /// - Parameters:
    ///   - name: of the run, at most 1,024 bytes; runs may share it.
    ///   - event: all that the run will release to an outsider.
    ///   - modelHash: SHA-256 of the model that it starts from.
    /// - Returns: the charge, to be closed when the run has ended.
    /// - Throws: ``AuditError`` where the limit refuses (``AuditError/isBudget``), or the file; then nothing is spent.
    package func reserve(
        _ name: String,
        event: PrivacyEvent,
        certificate: SensitivityCertificate,
        modelHash: [UInt8],
        limit: Limit? = nil
    ) throws(AuditError) -> LedgerCharge {
        var reserved: LedgerCharge?
        _ = try change { (ledger) throws(LedgerError) in
            let charge = LedgerCharge(
                LedgerCharge.Attempt(task: name, round: ledger.charges.count),
                kind: .reserved,
                events: [.outsider: event],
                certificate: certificate,
                modelHashBefore: modelHash
            )
            try limit?.check(charge, in: ledger)
            try ledger.append(charge)
            reserved = charge
        }
        guard let reserved else { preconditionFailure("a change that returns has appended") }
        return reserved
    }

    /// Closes a run, and returns the whole ledger when that is on disk. Whatever was reserved stays spent.
    ///
    /// - Parameters:
    ///   - kind: spent, before the model leaves; abandoned where there is none.
    ///   - modelHash: SHA-256 of the model file that came out.
    @discardableResult
    package func close(
        _ charge: LedgerCharge,
        as kind: LedgerCharge.Kind,
        modelHash: [UInt8]? = nil
    ) throws(AuditError) -> Ledger {
        try change { (ledger) throws(LedgerError) in
            try ledger.append(charge.closed(as: kind, modelHashAfter: modelHash))
        }
    }

    /// Reads the file, or starts with an empty ledger where there is none, and replaces it by the changed one.
    private func change(_ body: (inout Ledger) throws(LedgerError) -> Void) throws(AuditError) -> Ledger {
        let lock = try AuditError.filing { () throws(FileError) in try FileLock(path: path) }
        let bytes = try AuditError.filing { () throws(FileError) in
            try DurableFile.read(path, limit: Self.fileLimit)
        }
        var ledger: Ledger
        if let bytes {
            let file = try LedgerFile(bytes, path: path)
            guard file.signature == .none else { throw .signed(path: path) }
            guard file.ledger.population == population else {
                throw .otherPopulation(path: path, found: file.ledger.population, expected: population)
            }
            ledger = file.ledger
        } else {
            ledger = try AuditError.reading(path) { () throws(LedgerError) in try Ledger(population: population) }
        }
        try AuditError.reading(path) { () throws(LedgerError) in try body(&ledger) }
        let written: [UInt8]
        do {
            written = try LedgerFile.json(ledger)
        } catch {
            throw .notReadable(path: path, reason: "cannot be written: \(error)")
        }
        try AuditError.filing { () throws(FileError) in try DurableFile.write(written, to: path, mode: 0o644) }
        lock.release()
        return ledger
    }
}
