// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import GRDB
package import Rounds

extension SQLiteStore {
    package func openRound(_ round: RoundRecord, reservation: LedgerRow) throws(StoreError) {
        try write { database in
            try Self.insertLedgerRow(reservation, database)
            try database.execute(
                sql: """
                    INSERT INTO rounds (task, round, attempt, state, model_hash, key_id, public_key, sealed_private_key,
                        sealed_sum, opened_at, closes_at) VALUES (?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    round.identifier.task, round.identifier.round, round.identifier.attempt, round.modelHash.blob,
                    round.keyID, round.publicKey.blob, round.sealedPrivateKey.blob, round.sealedSum.blob,
                    Int64(round.openedAt), round.closesAt.map { Int64($0) },
                ]
            )
        }
    }

    package func openRounds() throws(StoreError) -> [RoundRecord] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM rounds WHERE state = 'open' ORDER BY task").map { row in
                let identifier = RoundIdentifier(task: row["task"], round: row["round"], attempt: row["attempt"])
                let opened: Int64 = row["opened_at"]
                let closes: Int64? = row["closes_at"]
                var record = RoundRecord(
                    identifier: identifier,
                    modelHash: row.bytes("model_hash"),
                    keyID: row["key_id"],
                    publicKey: row.bytes("public_key"),
                    sealedPrivateKey: row.bytes("sealed_private_key"),
                    openedAt: UInt64(opened)
                )
                record.sealedSum = row.bytes("sealed_sum")
                record.closesAt = closes.map { UInt64($0) }
                record.members = try String.fetchAll(
                    database,
                    sql: "SELECT client FROM members \(Self.whereRound) ORDER BY position",
                    arguments: Self.arguments(identifier)
                )
                record.accepted = try Row.fetchAll(
                    database,
                    sql: "SELECT * FROM updates \(Self.whereRound) ORDER BY client",
                    arguments: Self.arguments(identifier)
                )
                .map(Self.accepted(from:))
                return record
            }
        }
    }

    package func addMember(
        _ client: String,
        to round: RoundIdentifier,
        closesAt: UInt64
    ) throws(StoreError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO members (task, round, attempt, position, client)
                    SELECT ?, ?, ?, COUNT(*), ? FROM members \(Self.whereRound)
                    """,
                arguments: [round.task, round.round, round.attempt, client] + Self.arguments(round)
            )
            try Self.setDeadline(closesAt, of: round, database)
        }
    }

    package func setDeadline(_ closesAt: UInt64, of round: RoundIdentifier) throws(StoreError) {
        try write { database in try Self.setDeadline(closesAt, of: round, database) }
    }

    private static func setDeadline(_ closesAt: UInt64, of round: RoundIdentifier, _ database: Database) throws {
        try database.execute(
            sql: "UPDATE rounds SET closes_at = ? \(whereRound) AND state = 'open'",
            arguments: [Int64(closesAt)] + arguments(round)
        )
        guard database.changesCount == 1 else { throw StoreError.conflict("\(round): is closed") }
    }

    package func accept(
        _ update: AcceptedUpdate,
        in round: RoundIdentifier,
        sealedSum: [UInt8]
    ) throws(StoreError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO updates (task, round, attempt, client, body_hash, receipt, bytes_up)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    round.task, round.round, round.attempt, update.client, update.bodyHash.blob, update.receipt.blob,
                    update.bytesUp,
                ]
            )
            try database.execute(
                sql: "UPDATE rounds SET sealed_sum = ? \(Self.whereRound) AND state = 'open'",
                arguments: [sealedSum.blob] + Self.arguments(round)
            )
            guard database.changesCount == 1 else { throw StoreError.conflict("\(round): is closed") }
        }
    }

    package func receipt(of client: String, in round: RoundIdentifier) throws(StoreError) -> AcceptedUpdate? {
        try read { database in
            try Row.fetchOne(
                database,
                sql: "SELECT * FROM updates \(Self.whereRound) AND client = ?",
                arguments: Self.arguments(round) + [client]
            )
            .map(Self.accepted(from:))
        }
    }

    package func commit(_ commit: RoundCommit) throws(StoreError) {
        let round = commit.identifier
        try write { database in
            try Self.insertLedgerRow(commit.entry, database)
            try Self.insertBlob(commit.modelHash, commit.model, database)
            try database.execute(
                sql: """
                    UPDATE tasks SET round = ?, model_hash = ?, optimizer_state = ? WHERE name = ? AND round = ?
                    """,
                arguments: [
                    round.round, commit.modelHash.blob, commit.optimizerState.blob, round.task, round.round - 1,
                ]
            )
            guard database.changesCount == 1 else { throw StoreError.conflict("\(round): was committed before") }
            if commit.status == .finished {
                try database.execute(
                    sql: "UPDATE tasks SET status = ?, status_reason = '' WHERE name = ?",
                    arguments: [commit.status.rawValue, round.task]
                )
            }
            let result = try JSONEncoder().encode(commit.result)
            try Self.end(round, state: "committed", result: String(decoding: result, as: UTF8.self), database)
        }
        emptyLog()
    }

    package func abandon(_ round: RoundIdentifier, entry: LedgerRow) throws(StoreError) {
        try write { database in
            try Self.insertLedgerRow(entry, database)
            try Self.end(round, state: "abandoned", result: nil, database)
        }
        emptyLog()
    }

    /// Closes an attempt and erases what only it needed.
    private static func end(
        _ round: RoundIdentifier,
        state: String,
        result: String?,
        _ database: Database
    ) throws {
        try database.execute(
            sql: """
                UPDATE rounds SET state = ?, result = ?, sealed_private_key = NULL, sealed_sum = NULL
                \(whereRound) AND state = 'open'
                """,
            arguments: [state, result] + arguments(round)
        )
        guard database.changesCount == 1 else { throw StoreError.conflict("\(round): is closed") }
    }

    package func results(of task: String) throws(StoreError) -> [RoundResult] {
        try read { database in
            try String.fetchAll(
                database,
                sql: "SELECT result FROM rounds WHERE task = ? AND state = 'committed' ORDER BY round",
                arguments: [task]
            )
            .map { try JSONDecoder().decode(RoundResult.self, from: Data($0.utf8)) }
        }
    }

    package func lastAttempt(task: String, round: Int) throws(StoreError) -> Int {
        try read { database in
            try Int.fetchOne(
                database,
                sql: "SELECT MAX(attempt) FROM rounds WHERE task = ? AND round = ?",
                arguments: [task, round]
            ) ?? 0
        }
    }

    private static let whereRound = "WHERE task = ? AND round = ? AND attempt = ?"

    private static func arguments(_ round: RoundIdentifier) -> StatementArguments {
        [round.task, round.round, round.attempt]
    }

    private static func accepted(from row: Row) -> AcceptedUpdate {
        AcceptedUpdate(
            client: row["client"],
            bodyHash: row.bytes("body_hash"),
            receipt: row.bytes("receipt"),
            bytesUp: row["bytes_up"]
        )
    }
}
