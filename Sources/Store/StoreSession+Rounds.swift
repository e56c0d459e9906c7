// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
package import Rounds

extension StoreSession {
    /// Opens an attempt and appends its reservation to the ledger.
    ///
    /// - Throws: ``StoreError/conflict(_:)`` when the task has an open attempt, or the ledger was appended to meanwhile.
    package func openRound(_ round: RoundRecord, reservation: LedgerRow) throws(StoreError) {
        try appendLedger(reservation)
        try execute(
            """
            INSERT INTO rounds (task, round, attempt, state, plan_hash, model_hash, key_id, public_key,
                sealed_private_key, opened_at, configures_until, expected)
            VALUES (?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            round.identifier.task,
            round.identifier.round,
            round.identifier.attempt,
            round.planHash,
            round.modelHash,
            round.keyID,
            round.publicKey,
            round.sealedPrivateKey,
            round.openedAt,
            round.configuresUntil,
            round.expected
        )
        tell(.roundOpened, round.identifier)
        try notify()
    }

    /// The attempts that are neither committed nor abandoned.
    package func openRounds() throws(StoreError) -> [RoundRecord] {
        try rows("\(Self.selectRound) WHERE state IN ('open', 'closing') ORDER BY task").map(Self.round(from:))
    }

    /// The attempt of a task that is neither committed nor abandoned.
    package func openRound(of task: String) throws(StoreError) -> RoundRecord? {
        try row("\(Self.selectRound) WHERE task = ? AND state IN ('open', 'closing')", task).map(Self.round(from:))
    }

    /// An attempt.
    package func round(_ round: RoundIdentifier) throws(StoreError) -> RoundRecord? {
        try row("\(Self.selectRound) \(Self.whereRound)", round.task, round.round, round.attempt)
            .map(Self.round(from:))
    }

    /// An attempt that nobody else can change or add to until the transaction ends.
    package func lockRound(_ round: RoundIdentifier) throws(StoreError) -> RoundRecord? {
        guard dialect.locksRows else { return try self.round(round) }
        // What is counted is counted after the lock is there.
        try lock(round, dialect.forUpdate)
        return try self.round(round)
    }

    /// An attempt whose state nobody can change until the transaction ends; others may add to it at the same time.
    package func shareRound(_ round: RoundIdentifier) throws(StoreError) -> RoundRecord? {
        guard dialect.locksRows else { return try self.round(round) }
        try lock(round, dialect.forShare)
        return try self.round(round)
    }

    private func lock(_ round: RoundIdentifier, _ lock: String) throws(StoreError) {
        _ = try row("SELECT state FROM rounds \(Self.whereRound)" + lock, round.task, round.round, round.attempt)
    }

    private static let whereRound = "WHERE task = ? AND round = ? AND attempt = ?"

    private static let selectRound = """
        SELECT task, round, attempt, state, plan_hash, model_hash, key_id, public_key, sealed_private_key, opened_at,
            expected, members, configures_until, closes_at, \(sum("updates")), \(sum("bytes_up"))
        FROM rounds
        """

    private static func sum(_ column: String) -> String {
        """
        CAST((SELECT COALESCE(SUM(\(column)), 0) FROM partial_sums WHERE partial_sums.task = rounds.task
            AND partial_sums.round = rounds.round AND partial_sums.attempt = rounds.attempt) AS BIGINT)
        """
    }

    private static func round(from row: SQLRow) throws(StoreError) -> RoundRecord {
        let identifier = RoundIdentifier(task: try row.text(0), round: try row.int(1), attempt: try row.int(2))
        guard let state = RoundRecord.State(rawValue: try row.text(3)) else {
            throw .database("\(identifier): has an unknown state; use the version that wrote it")
        }
        var record = RoundRecord(
            identifier: identifier,
            planHash: try row.bytes(4),
            modelHash: try row.bytes(5),
            keyID: try row.text(6),
            publicKey: try row.bytes(7),
            sealedPrivateKey: try row.bytes(8),
            openedAt: try row.time(9),
            configuresUntil: try row.time(12),
            expected: try row.int(10)
        )
        record.state = state
        record.members = try row.int(11)
        record.closesAt = try row.optionalTime(13)
        record.accepted = try row.int(14)
        record.bytesUp = try row.int(15)
        return record
    }

    // MARK: Members

    /// Whether a client was given the assignment of an attempt.
    package func isMember(_ client: String, of round: RoundIdentifier) throws(StoreError) -> Bool {
        let row = try row(
            "SELECT 1 FROM members WHERE client = ? AND task = ? AND round = ? AND attempt = ?",
            client,
            round.task,
            round.round,
            round.attempt
        )
        return row != nil
    }

    /// Adds a member to an attempt that the caller has locked.
    package func addMember(_ client: String, to round: RoundIdentifier, now: UInt64) throws(StoreError) {
        try execute(
            "INSERT INTO members (client, task, round, attempt, joined_at) VALUES (?, ?, ?, ?, ?)",
            client,
            round.task,
            round.round,
            round.attempt,
            now
        )
        try execute(
            "UPDATE rounds SET members = members + 1 \(Self.whereRound)",
            round.task,
            round.round,
            round.attempt
        )
    }

    /// In how many other rounds of a task a client was a member, and in which of them last. Further attempts at one round
    /// are one participation.
    ///
    /// - Parameter period: rounds whose number is a multiple of it do not count.
    package func participation(
        of client: String,
        in task: String,
        exceptRound round: Int,
        exceptEvery period: Int? = nil
    ) throws(StoreError) -> (count: Int, lastRound: Int?) {
        let row = try row(
            """
            SELECT COUNT(DISTINCT round), MAX(round) FROM members
            WHERE client = ? AND task = ? AND round <> ? AND (? = 0 OR round % ? <> 0)
            """,
            client,
            task,
            round,
            period ?? 0,
            period ?? 1
        )
        guard let row else { return (0, nil) }
        return (try row.int(0), row.isNull(1) ? nil : try row.int(1))
    }

    /// Ends the configuration of an attempt, or moves its deadlines.
    package func setTimes(
        of round: RoundIdentifier,
        configuresUntil: UInt64,
        closesAt: UInt64?
    ) throws(StoreError) {
        let changed = try execute(
            "UPDATE rounds SET configures_until = ?, closes_at = ? \(Self.whereRound) AND state = 'open'",
            configuresUntil,
            closesAt,
            round.task,
            round.round,
            round.attempt
        )
        guard changed == 1 else { throw .conflict("\(round): is closed") }
        try notify()
    }

    // MARK: Updates

    /// The update of a client that was added to an attempt, also after the attempt has ended.
    package func update(of client: String, in round: RoundIdentifier) throws(StoreError) -> AcceptedUpdate? {
        let row = try row(
            """
            SELECT body_hash, bytes_up, ledger_index, ledger_head, receipts FROM updates
            \(Self.whereRound) AND client = ?
            """,
            round.task,
            round.round,
            round.attempt,
            client
        )
        guard let row else { return nil }
        return AcceptedUpdate(
            client: client,
            bodyHash: try row.bytes(0),
            bytesUp: try row.int(1),
            ledgerIndex: try row.int(2),
            ledgerHead: try row.bytes(3),
            receipts: try row.int(4)
        )
    }

    /// The updates that were accepted of an attempt: as many as its sums hold.
    package func updateCount(of round: RoundIdentifier) throws(StoreError) -> Int {
        try row(
            "SELECT COUNT(*) FROM updates \(Self.whereRound)",
            round.task,
            round.round,
            round.attempt
        )?
        .int(0) ?? 0
    }

    /// Notes that the update of a member is in the sum; ``setPartialSum(_:of:)`` follows in the same transaction.
    ///
    /// - Parameter population: whose ledger the receipt will speak of.
    /// - Throws: ``StoreError/conflict(_:)`` when the client's update is there already.
    package func accept(
        client: String,
        bodyHash: [UInt8],
        bytesUp: Int,
        in round: RoundIdentifier,
        population: String
    ) throws(StoreError) -> AcceptedUpdate {
        let counted = try row("UPDATE clients SET receipts = receipts + 1 WHERE name = ? RETURNING receipts", client)
        guard let counted else { throw .conflict("client \(client): is not enrolled") }
        let head = try ledgerHead(of: population)
        let update = AcceptedUpdate(
            client: client,
            bodyHash: bodyHash,
            bytesUp: bytesUp,
            ledgerIndex: head.map { $0.index + 1 } ?? 0,
            ledgerHead: head.map { Array($0.entry.suffix(32)) } ?? [],
            receipts: try counted.int(0)
        )
        let inserted = try execute(
            """
            INSERT INTO updates (task, round, attempt, client, body_hash, bytes_up, ledger_index, ledger_head, receipts)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            round.task,
            round.round,
            round.attempt,
            client,
            bodyHash,
            bytesUp,
            update.ledgerIndex,
            update.ledgerHead,
            update.receipts
        )
        guard inserted == 1 else { throw .conflict("\(round): has an update of client \(client)") }
        return update
    }

    /// Replaces the sum of one worker.
    package func setPartialSum(_ sum: PartialSum, of round: RoundIdentifier) throws(StoreError) {
        try execute(
            """
            INSERT INTO partial_sums (task, round, attempt, worker, updates, bytes_up, sealed_sum)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (task, round, attempt, worker) DO UPDATE SET updates = excluded.updates,
                bytes_up = excluded.bytes_up, sealed_sum = excluded.sealed_sum
            """,
            round.task,
            round.round,
            round.attempt,
            sum.worker,
            sum.updates,
            sum.bytesUp,
            sum.sealedSum
        )
    }

    /// The sum of one worker.
    package func partialSum(of worker: String, in round: RoundIdentifier) throws(StoreError) -> PartialSum? {
        try partialSums(of: round, " AND worker = ?", [.text(worker)]).first
    }

    /// The sums of all workers, in the order of their names.
    package func partialSums(of round: RoundIdentifier) throws(StoreError) -> [PartialSum] {
        try partialSums(of: round, "", [])
    }

    private func partialSums(
        of round: RoundIdentifier,
        _ condition: String,
        _ values: [SQLValue]
    ) throws(StoreError) -> [PartialSum] {
        let rows = try connection.rows(
            """
            SELECT worker, updates, bytes_up, sealed_sum FROM partial_sums \(Self.whereRound)\(condition)
            ORDER BY worker
            """,
            [round.task.sqlValue, round.round.sqlValue, round.attempt.sqlValue] + values
        )
        return try rows.map { (row) throws(StoreError) in
            PartialSum(
                worker: try row.text(0),
                updates: try row.int(1),
                bytesUp: try row.int(2),
                sealedSum: try row.bytes(3)
            )
        }
    }

    // MARK: The end

    /// Lets nothing more into an attempt, so that its sum can be used. An attempt that is closing already stays so.
    package func close(_ round: RoundIdentifier) throws(StoreError) {
        let changed = try execute(
            "UPDATE rounds SET state = 'closing' \(Self.whereRound) AND state IN ('open', 'closing')",
            round.task,
            round.round,
            round.attempt
        )
        guard changed == 1 else { throw .conflict("\(round): has ended") }
        try notify()
    }

    /// Ends a round with a new model: ledger entry, optimizer state, model, result and the round's end, all or nothing.
    /// The round's private key and sums are erased.
    package func commit(_ commit: RoundCommit) throws(StoreError) {
        let round = commit.identifier
        try appendLedger(commit.entry)
        try putBlob(commit.modelHash, commit.model)
        let changed = try execute(
            "UPDATE tasks SET round = ?, model_hash = ?, optimizer_state = ? WHERE name = ? AND round = ?",
            round.round,
            commit.modelHash,
            commit.optimizerState,
            round.task,
            round.round - 1
        )
        guard changed == 1 else { throw .conflict("\(round): was committed before") }
        try end(round, state: .committed, result: commit.result, at: commit.endedAt)
        if commit.status == .finished {
            try execute(
                "UPDATE tasks SET status = ?, status_reason = '' WHERE name = ?",
                commit.status.rawValue,
                round.task
            )
            tell(.taskFinished, task: round.task)
        }
        try execute(
            "UPDATE rounds SET model_after = ?, optimizer_after = ? \(Self.whereRound)",
            commit.modelHash,
            commit.optimizerState,
            round.task,
            round.round,
            round.attempt
        )
        try forgetModels(of: round.task, before: round.round - Self.keptModels)
    }

    /// The committed models of a task that are kept to be rolled back to.
    package static let keptModels = 20

    /// Forgets the models and optimizer states of old rounds, unless something still needs them.
    private func forgetModels(of task: String, before round: Int) throws(StoreError) {
        let old = try rows(
            "SELECT round, attempt, model_after FROM rounds WHERE task = ? AND round <= ? AND optimizer_after IS NOT NULL",
            task,
            round
        )
        for row in old {
            let hash = try row.bytes(2)
            // Whoever begins to use the model at this moment has its row locked (``putBlob(_:_:)``), and is seen afterwards.
            if dialect.locksRows { _ = try self.row("SELECT 1 FROM blobs WHERE hash = ?" + dialect.forUpdate, hash) }
            try execute(
                "UPDATE rounds SET optimizer_after = NULL \(Self.whereRound)",
                task,
                try row.int(0),
                try row.int(1)
            )
            try execute(
                """
                DELETE FROM blobs WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM tasks WHERE model_hash = ?)
                    AND NOT EXISTS (SELECT 1 FROM rounds WHERE model_hash = ? AND state IN ('open', 'closing'))
                    AND NOT EXISTS (SELECT 1 FROM rounds WHERE model_after = ? AND optimizer_after IS NOT NULL)
                """,
                hash,
                hash,
                hash,
                hash
            )
        }
    }

    /// Ends an attempt without a release; its private key and sums are erased.
    package func abandon(
        _ round: RoundIdentifier,
        entry: LedgerRow,
        result: RoundResult,
        at time: UInt64
    ) throws(StoreError) {
        try appendLedger(entry)
        try end(round, state: .abandoned, result: result, at: time)
    }

    private func end(
        _ round: RoundIdentifier,
        state: RoundRecord.State,
        result: RoundResult,
        at time: UInt64
    ) throws(StoreError) {
        let changed = try execute(
            """
            UPDATE rounds SET state = ?, result = ?, ended_at = ?, sealed_private_key = NULL
            \(Self.whereRound) AND state IN ('open', 'closing')
            """,
            state.rawValue,
            try Self.json(result),
            time,
            round.task,
            round.round,
            round.attempt
        )
        guard changed == 1 else { throw .conflict("\(round): has ended") }
        for table in ["partial_sums", "upload_parts"] {
            try execute("DELETE FROM \(table) \(Self.whereRound)", round.task, round.round, round.attempt)
        }
        tell(state == .committed ? .roundCommitted : .roundAbandoned, round)
        try notify()
    }

    private func tell(_ kind: StoreEvent.Kind, _ round: RoundIdentifier) {
        tell(kind, task: round.task, round: round.round, attempt: round.attempt)
    }

    private static func json(_ result: RoundResult) throws(StoreError) -> String {
        do {
            return String(decoding: try JSONEncoder().encode(result), as: UTF8.self)
        } catch {
            throw .database("a result cannot be written as JSON: \(error)")
        }
    }

    /// The results of a task's committed rounds, in order.
    package func results(of task: String) throws(StoreError) -> [RoundResult] {
        try ended(task, state: .committed).map(\.result)
    }

    /// The attempts of a task that have ended, in order, with what came of them.
    package func ended(
        _ task: String,
        state: RoundRecord.State? = nil,
        from round: Int = 0
    ) throws(StoreError) -> [(state: RoundRecord.State, result: RoundResult)] {
        let rows = try rows(
            """
            SELECT state, result FROM rounds WHERE task = ? AND round >= ? AND state IN (?, ?) AND result IS NOT NULL
            ORDER BY round, attempt
            """,
            task,
            round,
            (state ?? .committed).rawValue,
            (state ?? .abandoned).rawValue
        )
        return try rows.map { (row) throws(StoreError) in
            do {
                let result = try JSONDecoder().decode(RoundResult.self, from: Data(try row.text(1).utf8))
                return (RoundRecord.State(rawValue: try row.text(0)) ?? .committed, result)
            } catch let error as StoreError {
                throw error
            } catch {
                throw .database("task \(task): a result is not readable; restore the database from a backup")
            }
        }
    }

    /// The highest attempt that was opened for a round, 0 for none.
    package func lastAttempt(task: String, round: Int) throws(StoreError) -> Int {
        let row = try row("SELECT MAX(attempt) FROM rounds WHERE task = ? AND round = ?", task, round)
        guard let row, !row.isNull(0) else { return 0 }
        return try row.int(0)
    }
}
