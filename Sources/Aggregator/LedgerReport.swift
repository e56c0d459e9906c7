// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Files
internal import Messages
internal import Rounds
internal import Store
internal import Training

/// A population's ledger for people and auditors: every entry, and what follows from all of them.
package struct LedgerReport: Sendable, Codable {
    package struct Line: Sendable, Codable {
        package var index: Int
        package var task: String
        package var round: Int
        package var attempt: Int
        package var kind: String
        package var events: [String: String]
        package var modelBefore: String
        package var modelAfter: String?
        package var hash: String
    }

    package var population: String
    package var entries: [Line]
    package var head: String
    /// ε of all entries against each adversary against whom one can be stated.
    package var epsilonAgainst: [String: Double]
    package var delta: Double
    package var budgetEpsilon: Double?
    package var budgetEpsilonServer: Double?
}

extension Administration {
    /// The ledger of a population, or of the population of a task.
    package static func ledgerReport(
        _ name: String,
        configuration: ServerConfiguration
    ) throws(AggregatorError) -> LedgerReport {
        let ledger = try verifiedLedger(name, configuration: configuration)
        let population = ledger.population
        do {
            let budget = configuration.budgets[population]
            let delta = budget?.delta ?? 1e-5
            var epsilons: [String: Double] = [:]
            for adversary in ledger.adversaries {
                epsilons[adversary.description] = try ledger.stated(against: adversary, delta: delta)
            }
            return LedgerReport(
                population: population,
                entries: ledger.entries.map(LedgerReport.Line.init),
                head: Hexadecimal.text(ledger.head.hash),
                epsilonAgainst: epsilons,
                delta: delta,
                budgetEpsilon: budget?.epsilon,
                budgetEpsilonServer: budget?.epsilonServer
            )
        } catch {
            throw .failure("\(error)")
        }
    }

    /// The stored ledger of a population, or of the population of a task, every entry verified.
    private static func verifiedLedger(
        _ name: String,
        configuration: ServerConfiguration
    ) throws(AggregatorError) -> Ledger {
        let store = try openStore(configuration)
        do {
            let (population, rows) = try store.read { session in
                let population = try session.task(name)?.population ?? name
                return (population, try session.ledger(of: population))
            }
            guard !rows.isEmpty || configuration.budgets[population] != nil else {
                throw AggregatorError.input("\(name): is neither a population nor a task of this server")
            }
            return try Ledger(stored: rows, population: population)
        } catch let error as AggregatorError {
            throw error
        } catch {
            throw .failure("\(error)")
        }
    }

    /// Writes the ledger as a JSON document whose head this server signs: what `sotto account --ledger` reads.
    ///
    /// - Returns: the public key of the signature in hexadecimal, which an auditor has to know from elsewhere than the
    ///   file.
    public static func exportLedger(
        _ name: String,
        to path: String,
        configuration: ServerConfiguration
    ) throws(AggregatorError) -> String {
        let ledger = try verifiedLedger(name, configuration: configuration)
        let key = try signingKey(configuration, now: WallClock.milliseconds())
        let signature = LedgerSignature(of: ledger, by: key.key)
        do {
            let text = try JSONText.encode(LedgerDocument(ledger, signature: signature), pretty: true)
            try DurableFile.write(Array((text + "\n").utf8), to: path, mode: 0o644)
        } catch {
            throw .failure("\(error)")
        }
        return Hexadecimal.text(signature.key.bytes)
    }

    /// The report as JSON.
    public static func ledgerJSON(_ name: String, configuration: ServerConfiguration) throws(AggregatorError) -> String
    {
        try json(ledgerReport(name, configuration: configuration))
    }
}

extension LedgerReport.Line {
    init(_ entry: LedgerEntry) {
        self.init(
            index: entry.index,
            task: entry.charge.attempt.task,
            round: entry.charge.attempt.round,
            attempt: entry.charge.attempt.attempt,
            kind: entry.charge.kind.rawValue,
            events: Dictionary(
                uniqueKeysWithValues: entry.charge.events.map { ($0.key.description, $0.value.description) }
            ),
            modelBefore: Hexadecimal.text(entry.charge.modelHashBefore),
            modelAfter: entry.charge.modelHashAfter.map { Hexadecimal.text($0) },
            hash: Hexadecimal.text(entry.hash)
        )
    }
}
