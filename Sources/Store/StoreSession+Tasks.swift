// SPDX-License-Identifier: Apache-2.0

extension StoreSession {
    /// Makes a task with its plan and first model.
    ///
    /// - Throws: ``StoreError/conflict(_:)`` when a task of that name exists.
    package func createTask(_ task: TaskRecord, plan: [UInt8], model: [UInt8]) throws(StoreError) {
        guard try row("SELECT 1 FROM tasks WHERE name = ?", task.name) == nil else {
            throw .conflict("task \(task.name): exists already; choose another name")
        }
        try putBlob(task.planHash, plan)
        try putBlob(task.modelHash, model)
        try execute(
            """
            INSERT INTO tasks (name, population, plan_hash, status, status_reason, round, model_hash, optimizer_state,
                evaluation_data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            task.name,
            task.population,
            task.planHash,
            task.status.rawValue,
            task.statusReason,
            task.round,
            task.modelHash,
            task.optimizerState,
            task.evaluationData
        )
        tell(.taskCreated, task: task.name)
        try notify()
    }

    /// A task by its name, without its optimizer's state.
    package func task(_ name: String) throws(StoreError) -> TaskRecord? {
        try row("\(Self.selectTask) WHERE name = ?", name).map(Self.task(from:))
    }

    /// The same, which nobody else can change until the transaction ends.
    package func lockTask(_ name: String) throws(StoreError) -> TaskRecord? {
        try row("\(Self.selectTask) WHERE name = ?" + dialect.forUpdate, name).map(Self.task(from:))
    }

    /// All tasks, oldest first, without their optimizers' states.
    package func tasks() throws(StoreError) -> [TaskRecord] {
        try rows("\(Self.selectTask) ORDER BY id").map(Self.task(from:))
    }

    private static let selectTask =
        "SELECT name, population, plan_hash, status, status_reason, round, model_hash, evaluation_data FROM tasks"

    private static func task(from row: SQLRow) throws(StoreError) -> TaskRecord {
        let name = try row.text(0)
        guard let status = TaskStatus(rawValue: try row.text(3)) else {
            throw .database("task \(name): has an unknown status; use the version that wrote it")
        }
        return TaskRecord(
            name: name,
            population: try row.text(1),
            planHash: try row.bytes(2),
            status: status,
            statusReason: try row.text(4),
            round: try row.int(5),
            modelHash: try row.bytes(6),
            optimizerState: [],
            evaluationData: try row.text(7)
        )
    }

    /// The state of a task's optimizer.
    package func optimizerState(of task: String) throws(StoreError) -> [UInt8] {
        try row("SELECT optimizer_state FROM tasks WHERE name = ?", task)?.bytes(0) ?? []
    }

    /// Changes a task's status where it is one of `from`; otherwise nothing changes.
    ///
    /// - Returns: whether it changed.
    @discardableResult
    package func setStatus(
        _ status: TaskStatus,
        reason: String,
        of task: String,
        from: Set<TaskStatus>
    ) throws(StoreError) -> Bool {
        guard let now = try lockTask(task), from.contains(now.status) else { return false }
        try execute("UPDATE tasks SET status = ?, status_reason = ? WHERE name = ?", status.rawValue, reason, task)
        if status != now.status, let kind = StoreEvent.Kind(status) { tell(kind, task: task, detail: reason) }
        try notify()
        return true
    }

    /// Goes back to the model that a committed round left. Rounds are not repeated, and what they spent stays spent.
    ///
    /// - Returns: `false` when that round's model is not kept.
    package func rollBack(_ task: String, to round: Int) throws(StoreError) -> Bool {
        let kept = try row(
            """
            SELECT model_after, optimizer_after FROM rounds
            WHERE task = ? AND round = ? AND state = 'committed' AND optimizer_after IS NOT NULL
            """,
            task,
            round
        )
        guard let kept else { return false }
        let changed = try execute(
            "UPDATE tasks SET model_hash = ?, optimizer_state = ? WHERE name = ?",
            try kept.bytes(0),
            try kept.bytes(1),
            task
        )
        if changed == 1 { tell(.taskRolledBack, task: task, round: round) }
        try notify()
        return changed == 1
    }

    /// A plan or model by its SHA-256.
    package func blob(_ hash: [UInt8]) throws(StoreError) -> [UInt8]? {
        try row("SELECT bytes FROM blobs WHERE hash = ?", hash)?.bytes(0)
    }

    /// The length of a plan or model.
    package func blobLength(_ hash: [UInt8]) throws(StoreError) -> Int? {
        try row("SELECT LENGTH(bytes) FROM blobs WHERE hash = ?", hash)?.int(0)
    }

    func putBlob(_ hash: [UInt8], _ bytes: [UInt8]) throws(StoreError) {
        let insert = "INSERT INTO blobs (hash, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING"
        // One that is there is held until the transaction ends; it may just have been forgotten.
        while try execute(insert, hash, bytes) == 0 {
            if try row("SELECT 1 FROM blobs WHERE hash = ?" + dialect.forShare, hash) != nil { return }
        }
    }

    // MARK: What the database is

    /// A value that all servers of the database share, for example the hash of their key.
    package func meta(_ name: String) throws(StoreError) -> [UInt8]? {
        try row("SELECT value FROM meta WHERE name = ?", name)?.bytes(0)
    }

    /// Notes such a value where there is none.
    ///
    /// - Returns: the value that is there now.
    package func setMeta(_ name: String, ifAbsent value: [UInt8]) throws(StoreError) -> [UInt8] {
        try execute("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", name, value)
        return try meta(name) ?? value
    }

    // MARK: Ledger

    /// The encoded entries of a population's ledger from an index on, in order.
    package func ledger(of population: String, from first: Int = 0) throws(StoreError) -> [LedgerRow] {
        let rows = try rows(
            "SELECT position, entry FROM ledger WHERE population = ? AND position >= ? ORDER BY position",
            population,
            first
        )
        return try rows.map { (row) throws(StoreError) in
            LedgerRow(population: population, index: try row.int(0), entry: try row.bytes(1))
        }
    }

    /// The last entry of a population's ledger.
    package func ledgerHead(of population: String) throws(StoreError) -> LedgerRow? {
        let row = try row(
            "SELECT position, entry FROM ledger WHERE population = ? ORDER BY position DESC LIMIT 1",
            population
        )
        guard let row else { return nil }
        return LedgerRow(population: population, index: try row.int(0), entry: try row.bytes(1))
    }

    func appendLedger(_ entry: LedgerRow) throws(StoreError) {
        let next = try ledgerHead(of: entry.population).map { $0.index + 1 } ?? 0
        guard next == entry.index else {
            throw .conflict("ledger of \(entry.population): another process has appended; look again and retry")
        }
        try execute(
            "INSERT INTO ledger (population, position, entry) VALUES (?, ?, ?)",
            entry.population,
            entry.index,
            entry.entry
        )
    }
}
