// SPDX-License-Identifier: Apache-2.0

/// Something that happened, as the database noted it in the transaction in which it happened, for people who watch: numbers,
/// names of tasks and reasons of their status; never the name of a client or anything sealed.
package struct StoreEvent: Hashable, Sendable {
    /// The raw values are part of the database's format.
    package enum Kind: String, Sendable, CaseIterable {
        case roundOpened = "round-opened"
        case roundCommitted = "round-committed"
        case roundAbandoned = "round-abandoned"
        case taskCreated = "task-created"
        case taskRunning = "task-running"
        case taskPaused = "task-paused"
        case taskStopped = "task-stopped"
        case taskFinished = "task-finished"
        case taskExhausted = "task-exhausted"
        case taskRolledBack = "task-rolled-back"
        case clientEnrolled = "client-enrolled"
        case clientRevoked = "client-revoked"

        init?(_ status: TaskStatus) { self.init(rawValue: "task-\(status.rawValue)") }

        /// Whether it tells how many clients are enrolled.
        var countsClients: Bool { self == .clientEnrolled || self == .clientRevoked }
    }

    /// Counts from 1, in the order in which the transactions were committed.
    package var number: Int64
    /// Milliseconds since 1970, by the database's clock.
    package var time: UInt64
    package var kind: Kind
    package var task: String?
    package var round: Int?
    package var attempt: Int?
    /// The reason that a task's status gives; of enrolments and revocations, how many clients are enrolled.
    package var detail: String

    package init(
        number: Int64,
        time: UInt64,
        kind: Kind,
        task: String?,
        round: Int?,
        attempt: Int?,
        detail: String
    ) {
        self.number = number
        self.time = time
        self.kind = kind
        self.task = task
        self.round = round
        self.attempt = attempt
        self.detail = detail
    }
}

/// The events of a transaction until its end.
final class PendingEvents {
    var list: [(kind: StoreEvent.Kind, task: String?, round: Int?, attempt: Int?, detail: String)] = []
}

extension StoreSession {
    /// Older events are forgotten.
    package static let keptEvents = 10_000

    func tell(_ kind: StoreEvent.Kind, task: String? = nil, round: Int? = nil, attempt: Int? = nil, detail: String = "")
    {
        if kind.countsClients, events.list.last?.kind == kind { return }
        events.list.append((kind, task, round, attempt, detail))
    }

    /// Writes what the transaction told, as its last act: the lock by which events are numbered is then held for the commit
    /// alone, nobody waits for another lock with this one in hand, and whoever reads a number has read all smaller ones.
    func tellEvents() throws(StoreError) {
        guard !events.list.isEmpty else { return }
        _ = try setMeta("events", ifAbsent: [])
        _ = try row("SELECT value FROM meta WHERE name = 'events'" + dialect.forUpdate)
        var number = try lastEvent()
        for event in events.list {
            if event.kind.countsClients {
                // Of many that enrol one after the other only the last count is kept.
                try execute(
                    "DELETE FROM events WHERE number = ? AND kind = ?",
                    Int(number),
                    event.kind.rawValue
                )
            }
            number += 1
            try execute(
                """
                INSERT INTO events (number, time, kind, task, round, attempt, detail)
                VALUES (?, \(dialect.now), ?, ?, ?, ?, ?)
                """,
                Int(number),
                event.kind.rawValue,
                event.task,
                event.round,
                event.attempt,
                event.kind.countsClients ? "\(try clientCount())" : event.detail
            )
        }
        try execute("DELETE FROM events WHERE number <= ?", Int(number) - Self.keptEvents)
        events.list = []
        try notify()
    }

    /// The events with larger numbers than `number`, oldest first, at most `limit` of them.
    package func events(after number: Int64, limit: Int) throws(StoreError) -> [StoreEvent] {
        let rows = try rows(
            """
            SELECT number, time, kind, task, round, attempt, detail FROM events WHERE number > ? ORDER BY number LIMIT ?
            """,
            Int(number),
            limit
        )
        var events: [StoreEvent] = []
        for row in rows {
            // A newer version may note what this one does not know of.
            guard let kind = StoreEvent.Kind(rawValue: try row.text(2)) else { continue }
            events.append(
                StoreEvent(
                    number: try row.integer(0),
                    time: try row.time(1),
                    kind: kind,
                    task: try row.optionalText(3),
                    round: row.isNull(4) ? nil : try row.int(4),
                    attempt: row.isNull(5) ? nil : try row.int(5),
                    detail: try row.text(6)
                )
            )
        }
        return events
    }

    /// The number of the last event, 0 for none.
    package func lastEvent() throws(StoreError) -> Int64 {
        guard let row = try row("SELECT MAX(number) FROM events"), !row.isNull(0) else { return 0 }
        return try row.integer(0)
    }
}
