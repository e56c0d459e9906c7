// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import GRDB

extension SQLiteStore {
    package func createTask(_ task: TaskRecord, plan: [UInt8], model: [UInt8]) throws(StoreError) {
        try write { database in
            let taken = try Bool.fetchOne(
                database,
                sql: "SELECT EXISTS (SELECT 1 FROM tasks WHERE name = ?)",
                arguments: [task.name]
            )
            guard taken == false else {
                throw StoreError.conflict("task \(task.name): exists already; choose another name")
            }
            try Self.insertBlob(task.planHash, plan, database)
            try Self.insertBlob(task.modelHash, model, database)
            try database.execute(
                sql: """
                    INSERT INTO tasks (name, population, plan_hash, status, status_reason, round, model_hash,
                        optimizer_state, evaluation_data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    task.name, task.population, task.planHash.blob, task.status.rawValue, task.statusReason, task.round,
                    task.modelHash.blob, task.optimizerState.blob, task.evaluationData,
                ]
            )
        }
    }

    package func task(_ name: String) throws(StoreError) -> TaskRecord? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM tasks WHERE name = ?", arguments: [name])
                .map(Self.task(from:))
        }
    }

    package func tasks() throws(StoreError) -> [TaskRecord] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM tasks ORDER BY id").map(Self.task(from:))
        }
    }

    private static func task(from row: Row) throws -> TaskRecord {
        let name: String = row["name"]
        guard let status = TaskStatus(rawValue: row["status"]) else {
            throw StoreError.database("task \(name): has an unknown status; use the version that wrote it")
        }
        return TaskRecord(
            name: name,
            population: row["population"],
            planHash: row.bytes("plan_hash"),
            status: status,
            statusReason: row["status_reason"],
            round: row["round"],
            modelHash: row.bytes("model_hash"),
            optimizerState: row.bytes("optimizer_state"),
            evaluationData: row["evaluation_data"]
        )
    }

    @discardableResult
    package func setStatus(
        _ status: TaskStatus,
        reason: String,
        of task: String,
        from: Set<TaskStatus>
    ) throws(StoreError) -> Bool {
        try write { database in
            let marks = from.map { _ in "?" }.joined(separator: ", ")
            try database.execute(
                sql: "UPDATE tasks SET status = ?, status_reason = ? WHERE name = ? AND status IN (\(marks))",
                arguments: [status.rawValue, reason, task] + StatementArguments(from.map(\.rawValue))
            )
            return database.changesCount == 1
        }
    }

    package func blob(_ hash: [UInt8]) throws(StoreError) -> [UInt8]? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT bytes FROM blobs WHERE hash = ?", arguments: [hash.blob])?
                .bytes("bytes")
        }
    }

    static func insertBlob(_ hash: [UInt8], _ bytes: [UInt8], _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR IGNORE INTO blobs (hash, bytes) VALUES (?, ?)",
            arguments: [hash.blob, bytes.blob]
        )
    }

    package func ledger(of population: String) throws(StoreError) -> [LedgerRow] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT position, entry FROM ledger WHERE population = ? ORDER BY position",
                arguments: [population]
            )
            .map { LedgerRow(population: population, index: $0["position"], entry: $0.bytes("entry")) }
        }
    }

    static func insertLedgerRow(_ row: LedgerRow, _ database: Database) throws {
        let next = try Int.fetchOne(
            database,
            sql: "SELECT COUNT(*) FROM ledger WHERE population = ?",
            arguments: [row.population]
        )
        guard next == row.index else {
            throw StoreError.conflict("ledger of \(row.population): another process has appended; look again and retry")
        }
        try database.execute(
            sql: "INSERT INTO ledger (population, position, entry) VALUES (?, ?, ?)",
            arguments: [row.population, row.index, row.entry.blob]
        )
    }
}
