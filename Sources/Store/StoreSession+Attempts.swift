// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
package import Rounds

/// An attempt at a round, open or ended, as people see it: without keys.
package struct AttemptRecord: Hashable, Sendable {
    package var identifier: RoundIdentifier
    package var state: RoundRecord.State
    /// Milliseconds since 1970.
    package var openedAt: UInt64
    /// When configuration ends, or ended, at the latest.
    package var configuresUntil: UInt64
    /// When it closes without the missing updates; `nil` before its members were told.
    package var closesAt: UInt64?
    package var endedAt: UInt64?
    /// The clients that were waiting when it opened, at most as many as the plan allows.
    package var expected: Int
    /// Clients that were given the assignment.
    package var members: Int
    /// Updates that are, or were, in its sum.
    package var accepted: Int
    /// Bodies of all accepted updates.
    package var bytesUp: Int
    /// What came of it, once it has ended; older versions did not keep that of abandoned ones.
    package var result: RoundResult?

    package init(
        identifier: RoundIdentifier,
        state: RoundRecord.State,
        openedAt: UInt64,
        configuresUntil: UInt64,
        closesAt: UInt64?,
        endedAt: UInt64?,
        expected: Int,
        members: Int,
        accepted: Int,
        bytesUp: Int,
        result: RoundResult?
    ) {
        self.identifier = identifier
        self.state = state
        self.openedAt = openedAt
        self.configuresUntil = configuresUntil
        self.closesAt = closesAt
        self.endedAt = endedAt
        self.expected = expected
        self.members = members
        self.accepted = accepted
        self.bytesUp = bytesUp
        self.result = result
    }
}

extension StoreSession {
    /// The attempts of a task from a round on, open and ended ones, in their order, at most `limit` of them.
    package func attempts(of task: String, from round: Int, limit: Int = .max) throws(StoreError) -> [AttemptRecord] {
        let rows = try rows(
            """
            SELECT round, attempt, state, opened_at, configures_until, closes_at, ended_at, expected, members, result,
                CASE WHEN result IS NULL THEN \(Self.ofUpdates("COUNT(*)")) ELSE 0 END,
                CASE WHEN result IS NULL THEN \(Self.ofUpdates("COALESCE(SUM(bytes_up), 0)")) ELSE 0 END
            FROM rounds WHERE task = ? AND round >= ? ORDER BY round, attempt LIMIT ?
            """,
            task,
            round,
            limit
        )
        return try rows.map { (row) throws(StoreError) in
            let identifier = RoundIdentifier(task: task, round: try row.int(0), attempt: try row.int(1))
            guard let state = RoundRecord.State(rawValue: try row.text(2)) else {
                throw .database("\(identifier): has an unknown state; use the version that wrote it")
            }
            let result = try row.optionalText(9).map { (text) throws(StoreError) in
                try RoundResult(json: text, of: identifier)
            }
            return AttemptRecord(
                identifier: identifier,
                state: state,
                openedAt: try row.time(3),
                configuresUntil: try row.time(4),
                closesAt: try row.optionalTime(5),
                endedAt: try row.optionalTime(6),
                expected: try row.int(7),
                members: try row.int(8),
                accepted: result == nil ? try row.int(10) : result?.survivors ?? 0,
                bytesUp: result == nil ? try row.int(11) : result?.bytesUp ?? 0,
                result: result
            )
        }
    }

    private static func ofUpdates(_ value: String) -> String {
        """
        CAST((SELECT \(value) FROM updates WHERE updates.task = rounds.task AND updates.round = rounds.round
            AND updates.attempt = rounds.attempt) AS BIGINT)
        """
    }

    /// How many clients are enrolled; revoked ones are not.
    package func clientCount() throws(StoreError) -> Int {
        try row("SELECT COUNT(*) FROM clients WHERE revoked_at IS NULL")?.int(0) ?? 0
    }
}

extension RoundResult {
    fileprivate init(json: String, of round: RoundIdentifier) throws(StoreError) {
        do {
            self = try JSONDecoder().decode(RoundResult.self, from: Data(json.utf8))
        } catch {
            throw .database("\(round): its result is not readable; restore the database from a backup")
        }
    }
}

extension ServerRound {
    /// The state machine of a stored attempt.
    package init(_ record: AttemptRecord, terms: RoundTerms) {
        self.init(
            identifier: record.identifier,
            terms: terms,
            configuresUntil: record.configuresUntil,
            expected: record.expected,
            members: record.members,
            accepted: record.accepted,
            closesAt: record.closesAt,
            isClosing: record.state != .open
        )
    }
}
