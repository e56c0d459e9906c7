// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser
import Auditing

/// The ledger of all runs on one data source.
struct RunLedgerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The ledger of all runs on this data; it is made where there is none.", valueName: "file")
    )
    var ledger: String?

    @Option(help: "Whose data this is, as the ledger names it; by default what --data says.")
    var population: String?

    @Option(
        help: "The most epsilon of all runs in the ledger together, at --delta; a run that would pass it is refused."
    )
    var ledgerBudget: Double?

    func validate() throws {
        guard ledger != nil || (population == nil && ledgerBudget == nil) else {
            throw ValidationError("--population and --ledger-budget need --ledger")
        }
        if let ledgerBudget, !(ledgerBudget >= 0 && ledgerBudget.isFinite) {
            throw ValidationError("--ledger-budget is \(ledgerBudget); expected a finite number, at least 0")
        }
    }

    /// Nil where no ledger is kept.
    func open(data: String) -> RunLedger? {
        ledger.map { RunLedger(path: $0, population: population ?? data) }
    }

    func limit(delta: Double, accountant: Accountant?) throws(AccountingError) -> RunLedger.Limit? {
        guard let ledgerBudget else { return nil }
        return try RunLedger.Limit(epsilon: ledgerBudget, delta: delta, accountant: accountant)
    }
}
