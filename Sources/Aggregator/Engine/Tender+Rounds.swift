// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Logging
internal import Rounds
internal import Store
internal import Training
internal import Updates

/// The beginning and the end of rounds.
extension Tender {
    /// Attempts at one round after which a task waits for its operator, because each costs as much as a round.
    private static let attemptsBeforePause = 3

    // MARK: Opening

    func open(_ task: TaskRecord, _ runtime: TaskRuntime, expected: Int, _ lease: Lease) throws {
        let number = task.round + 1
        let earlier = try store.read { session in try session.lastAttempt(task: task.name, round: number) }
        let isResumed = task.statusReason == Administration.resumed
        if earlier > 0, earlier.isMultiple(of: Self.attemptsBeforePause), !isResumed {
            let reason = "round \(number) was abandoned \(earlier) times; see to the clients, then start the task again"
            return try pause(task, as: .paused, reason)
        }
        let identifier = RoundIdentifier(task: task.name, round: number, attempt: earlier + 1)
        let reservation = runtime.reservation(of: identifier, modelHash: task.modelHash)
        guard let entry = try reserve(reservation, task: task) else { return }
        let key = X25519PrivateKey()
        let sealedKey = try key.withBytes { bytes throws in
            try environment.keys.seal(bytes.indices.map { bytes[$0] }, context: RoundKeys.context(identifier))
        }
        let now = now()
        let record = RoundRecord(
            identifier: identifier,
            planHash: task.planHash,
            modelHash: task.modelHash,
            keyID: Hexadecimal.text(SHA256.hash(key.publicKey).prefix(8)),
            publicKey: key.publicKey,
            sealedPrivateKey: sealedKey,
            openedAt: now,
            configuresUntil: now + UInt64(runtime.plan.rounds.configurationSeconds) * 1000,
            expected: expected
        )
        try store.write { session in
            try session.confirm(lease)
            // Paused, stopped or rolled back since the look: the next look decides anew.
            guard let current = try session.lockTask(task.name), current.status == .running,
                current.round == task.round, current.modelHash == task.modelHash
            else { throw StoreError.conflict("\(identifier): its task has changed") }
            try session.openRound(record, reservation: entry.row)
            // A start answers for the attempt that follows it, not for a later pause.
            if isResumed { try session.setStatus(.running, reason: "", of: task.name, from: [.running]) }
        }
        try ledgers[task.population]?.append(entry)
        logger.info("\(identifier): open for \(expected) clients, ledger entry \(entry.index)")
    }

    /// The ledger entry of a reservation, or `nil` when the population's budget refuses it; the task then says so.
    private func reserve(_ charge: LedgerCharge, task: TaskRecord) throws -> LedgerEntry? {
        guard let budget = environment.configuration.budgets[task.population] else {
            try pause(task, as: .exhausted, "the server file has no [[population]] named \(task.population)")
            return nil
        }
        let ledger = try ledger(of: task.population)
        do {
            try ledger.checkSpend(charge, limits: budget)
            return try ledger.prepare(charge)
        } catch {
            try pause(task, as: .exhausted, "\(error)")
            return nil
        }
    }

    private func pause(_ task: TaskRecord, as status: TaskStatus, _ reason: String) throws {
        logger.warning("task \(task.name): \(status.rawValue): \(reason)")
        try store.write { session in
            try session.setStatus(status, reason: reason, of: task.name, from: [.running])
        }
    }

    // MARK: Closing

    /// Lets nothing more into a round, so that what is decided about its sum stays true.
    private func close(_ identifier: RoundIdentifier, _ lease: Lease) throws -> RoundRecord {
        try store.write { session in
            try session.confirm(lease)
            _ = try session.lockRound(identifier)
            try session.close(identifier)
            guard let record = try session.round(identifier) else {
                throw StoreError.conflict("\(identifier): has ended")
            }
            return record
        }
    }

    func release(_ identifier: RoundIdentifier, _ task: TaskRecord, _ runtime: TaskRuntime, _ lease: Lease) throws {
        let record = try close(identifier, lease)
        let (model, optimizerState, parts, count) = try store.read { session in
            (
                try session.blob(record.modelHash), try session.optimizerState(of: task.name),
                try session.partialSums(of: identifier), try session.updateCount(of: identifier)
            )
        }
        guard let model else { throw AggregatorError.failure("\(identifier): its model is not in the database") }
        let sum = try PartialSums.merged(parts, of: identifier, plan: runtime.served, keys: environment.keys)
        guard sum.updates == count, count == record.accepted else {
            throw AggregatorError.failure("\(identifier): its sums and its accepted updates differ in number")
        }
        let step: TaskRuntime.Step
        do {
            switch runtime.plan.rounds.kind(ofRound: identifier.round) {
            case .training:
                step = try runtime.step(model: model, optimizerState: optimizerState, sum: sum.decoded())
            case .evaluation:
                step = runtime.evaluated(
                    model: model,
                    modelHash: record.modelHash,
                    optimizerState: optimizerState,
                    sum: sum.decoded(),
                    survivors: count
                )
            }
        } catch let error as AggregatorError {
            // The same sum would fail again and again, so the attempt ends here, and an operator looks at it.
            try abandon(record, task, runtime, lease)
            return try pause(task, as: .paused, "\(error)")
        }
        if let trouble = step.evaluationTrouble { logger.error("\(identifier): not evaluated: \(trouble)") }
        try commit(step, record, task, runtime, lease)
    }

    private func commit(
        _ step: TaskRuntime.Step,
        _ record: RoundRecord,
        _ task: TaskRecord,
        _ runtime: TaskRuntime,
        _ lease: Lease
    ) throws {
        let identifier = record.identifier
        let ledger = try ledger(of: task.population)
        let charge = try reservation(of: identifier, in: ledger).closed(as: .spent, modelHashAfter: step.modelHash)
        let entry = try ledger.prepare(charge)
        var result = result(of: record)
        result.accuracy = step.evaluation?.accuracy
        result.loss = step.evaluation.flatMap { $0.loss.isFinite ? $0.loss : nil }
        result.heldOut = step.heldOut
        let isLast = identifier.round == runtime.plan.rounds.rounds
        let commit = RoundCommit(
            identifier: identifier,
            endedAt: now(),
            entry: entry.row,
            modelHash: step.modelHash,
            model: step.model,
            optimizerState: step.optimizerState,
            result: result,
            status: isLast ? .finished : .running
        )
        try store.write { session in
            try session.confirm(lease)
            try session.commit(commit)
        }
        store.scrub()
        try ledgers[task.population]?.append(entry)
        let told = result.accuracy.map { ", accuracy \($0)" } ?? ""
        let accuracy = step.heldOut.map { ", \($0)" } ?? told
        logger.info("\(identifier): committed with \(record.accepted) updates\(accuracy), ledger entry \(entry.index)")
        if let task = try store.read({ session in try session.task(task.name) }) { publishOrSay(task) }
    }

    private func result(of record: RoundRecord) -> RoundResult {
        RoundResult(
            round: record.identifier.round,
            attempt: record.identifier.attempt,
            members: record.members,
            survivors: record.accepted,
            accuracy: nil,
            loss: nil,
            seconds: Double(now() - min(now(), record.openedAt)) / 1000,
            bytesUp: record.bytesUp
        )
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

    func abandon(_ record: RoundRecord, _ task: TaskRecord, _ runtime: TaskRuntime, _ lease: Lease) throws {
        let identifier = record.identifier
        let closed = try close(identifier, lease)
        let ledger = try ledger(of: task.population)
        let entry = try ledger.prepare(reservation(of: identifier, in: ledger).closed(as: .abandoned))
        try store.write { session in
            try session.confirm(lease)
            try session.abandon(identifier, entry: entry.row, result: result(of: closed), at: now())
        }
        store.scrub()
        try ledgers[task.population]?.append(entry)
        logger.warning(
            """
            \(identifier): abandoned with \(closed.accepted) of at least \(runtime.plan.rounds.fewestSurvivors) updates; \
            what was sent counts as spent
            """
        )
    }
}
