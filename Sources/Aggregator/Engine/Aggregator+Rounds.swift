// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Logging
internal import Messages
internal import Rounds
internal import Store
internal import Training
internal import Updates

/// Opening and closing rounds.
extension Aggregator {
    /// Looks after every task once: closes rounds that are due and opens those for which a cohort waits. Called after
    /// every request that may change something, and by a timer.
    public func tick() {
        do {
            for task in try store.tasks() {
                // One task's trouble is not another's.
                do {
                    try tend(task)
                    troubles[task.name] = nil
                } catch {
                    let trouble = "task \(task.name): \(error)"
                    if troubles.updateValue(trouble, forKey: task.name) != trouble { logger.error("\(trouble)") }
                }
            }
        } catch {
            logger.error("\(error)")
        }
    }

    private func tend(_ task: TaskRecord) throws {
        if let round = try openRound(of: task.name) {
            switch round.machine.closing(now: clock()) {
            case .notYet:
                guard task.status == .stopped, round.machine.members.isEmpty else { return }
                // Nobody was told of this round, and nobody will be.
                try abandon(round, task: task, survivors: 0)
            case .commit(let survivors):
                try commit(round, task: task, survivors: survivors)
            case .abandon(let survivors):
                try abandon(round, task: task, survivors: survivors)
            }
        }
        guard let task = try store.task(task.name), task.status == .running else { return }
        try open(task)
    }

    /// The open round of a task, read from the store where memory has none.
    func openRound(of task: String) throws -> OpenRound? {
        if let round = rounds[task] { return round }
        for record in try store.openRounds() where record.identifier.task == task { return try restore(record) }
        return nil
    }

    // MARK: Opening

    private func open(_ task: TaskRecord) throws {
        let runtime = try runtime(of: task.name)
        let plan = runtime.plan
        guard task.round < plan.rounds.rounds else {
            try store.setStatus(.finished, reason: "", of: task.name, from: [.running])
            return
        }
        guard waiting.isReady(for: task.planHash, terms: plan.rounds, now: clock()) else { return }
        let number = task.round + 1
        let earlier = try store.lastAttempt(task: task.name, round: number)
        let isResumed = task.statusReason == Administration.resumed
        if earlier > 0, earlier.isMultiple(of: Self.attemptsBeforePause), !isResumed {
            let reason = "round \(number) was abandoned \(earlier) times; see to the clients, then start the task again"
            logger.warning("task \(task.name): paused: \(reason)")
            try store.setStatus(.paused, reason: reason, of: task.name, from: [.running])
            return
        }
        // A start answers for the attempt that follows it, not for a later pause.
        if isResumed { try store.setStatus(.running, reason: "", of: task.name, from: [.running]) }
        let identifier = RoundIdentifier(task: task.name, round: number, attempt: earlier + 1)
        let reservation = runtime.reservation(of: identifier, modelHash: task.modelHash)
        guard let entry = try reserve(reservation, task: task) else { return }
        let key = X25519PrivateKey()
        let sealedKey = try key.withBytes { bytes throws in
            try keys.seal(bytes.indices.map { bytes[$0] }, context: OpenRound.keyContext(identifier))
        }
        let record = RoundRecord(
            identifier: identifier,
            modelHash: task.modelHash,
            keyID: Hexadecimal.text(SHA256.hash(key.publicKey).prefix(8)),
            publicKey: key.publicKey,
            sealedPrivateKey: sealedKey,
            openedAt: clock()
        )
        do {
            try store.openRound(record, reservation: entry.row)
        } catch {
            forget(task.name, population: task.population)
            throw error
        }
        try ledgers[task.population]?.append(entry)
        try restore(record)
        logger.info("\(identifier): open, ledger entry \(entry.index)")
    }

    /// Attempts at one round after which a task waits for its operator, because each costs as much as a round.
    private static let attemptsBeforePause = 3

    /// The ledger entry of a reservation, or `nil` when the population's budget refuses it; the task then says so.
    private func reserve(_ charge: LedgerCharge, task: TaskRecord) throws -> LedgerEntry? {
        guard let budget = configuration.budgets[task.population] else {
            try exhaust(task, "the server file has no [[population]] named \(task.population)")
            return nil
        }
        let ledger = try ledger(of: task.population)
        do {
            try ledger.checkSpend(charge, limits: budget)
            return try ledger.prepare(charge)
        } catch {
            try exhaust(task, "\(error)")
            return nil
        }
    }

    private func exhaust(_ task: TaskRecord, _ reason: String) throws {
        logger.warning("task \(task.name): no further round: \(reason)")
        try store.setStatus(.exhausted, reason: reason, of: task.name, from: [.running])
    }

    // MARK: Closing

    private func commit(_ round: OpenRound, task: TaskRecord, survivors: Int) throws {
        let identifier = round.machine.identifier
        let runtime = try runtime(of: task.name)
        guard let model = try store.blob(round.record.modelHash) else {
            throw AggregatorError.failure("\(identifier): its model is not in the database")
        }
        let step: TaskRuntime.Step
        do {
            step = try runtime.step(model: model, optimizerState: task.optimizerState, sum: round.sum.decoded())
        } catch let error as AggregatorError {
            // The same sum would fail again and again, so the attempt ends here, and an operator looks at it.
            try abandon(round, task: task, survivors: survivors)
            try store.setStatus(.paused, reason: "\(error)", of: task.name, from: [.running])
            return
        }
        if let trouble = step.evaluationTrouble { logger.error("\(identifier): not evaluated: \(trouble)") }
        let ledger = try ledger(of: task.population)
        let charge = try reservation(of: identifier, in: ledger).closed(as: .spent, modelHashAfter: step.modelHash)
        let entry = try ledger.prepare(charge)
        let result = RoundResult(
            round: identifier.round,
            attempt: identifier.attempt,
            survivors: survivors,
            accuracy: step.evaluation?.accuracy,
            loss: step.evaluation.flatMap { $0.loss.isFinite ? $0.loss : nil },
            seconds: Double(clock() - min(clock(), round.record.openedAt)) / 1000,
            bytesUp: round.bytesUp
        )
        let isLast = identifier.round == runtime.plan.rounds.rounds
        do {
            try store.commit(
                RoundCommit(
                    identifier: identifier,
                    entry: entry.row,
                    modelHash: step.modelHash,
                    model: step.model,
                    optimizerState: step.optimizerState,
                    result: result,
                    status: isLast ? .finished : .running
                )
            )
        } catch {
            forget(task.name, population: task.population)
            throw error
        }
        try ledgers[task.population]?.append(entry)
        rounds[task.name] = nil
        let accuracy = result.accuracy.map { ", accuracy \($0)" } ?? ""
        logger.info("\(identifier): committed with \(survivors) updates\(accuracy), ledger entry \(entry.index)")
        if let task = try store.task(task.name) { publishOrSay(task) }
    }

    /// What was reserved for an attempt, as the ledger has it: its certificate names the processor that it was made on, which
    /// a restarted server may not have.
    private func reservation(of round: RoundIdentifier, in ledger: Ledger) throws -> LedgerCharge {
        let attempt = LedgerCharge.Attempt(task: round.task, round: round.round, attempt: round.attempt)
        guard let entry = ledger.entry(of: attempt) else {
            throw AggregatorError.failure("\(round): is open but not in the ledger; restore the database")
        }
        return entry.charge
    }

    private func abandon(_ round: OpenRound, task: TaskRecord, survivors: Int) throws {
        let identifier = round.machine.identifier
        let runtime = try runtime(of: task.name)
        let ledger = try ledger(of: task.population)
        let entry = try ledger.prepare(reservation(of: identifier, in: ledger).closed(as: .abandoned))
        do {
            try store.abandon(identifier, entry: entry.row)
        } catch {
            forget(task.name, population: task.population)
            throw error
        }
        try ledgers[task.population]?.append(entry)
        rounds[task.name] = nil
        logger.warning(
            """
            \(identifier): abandoned with \(survivors) of at least \(runtime.plan.rounds.fewestSurvivors) updates; what was \
            sent counts as spent
            """
        )
    }
}
