// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import FoundationEssentials
internal import Logging
internal import Messages
internal import Rounds
internal import SwiftProtobuf
internal import Training
internal import Updates

/// One attempt at a round, from the assignment to the receipt.
extension Participant {
    /// Ends what a crash or a lost connection interrupted, as far as the journal allows.
    func resume(
        _ folder: borrowing StateFolder,
        _ ledger: inout ClientLedger,
        _ connection: inout ServerConnection
    ) throws(CallError) {
        let journals = try fatal { () throws(ParticipantError) in try folder.journals() }
        guard var journal = journals.values.first(where: { $0.round.stage < .delivered }) else { return }
        switch journal.round.actionAfterRestart {
        case .dropOut:
            try drop(&journal, folder, "it was interrupted before anything was sealed")
        case .charge, .upload:
            guard let plan = folder.plan(journal.planHash), let reviewed = try review(plan, hash: journal.planHash)
            else {
                return try drop(&journal, folder, "its plan is no longer here or is refused")
            }
            // When its assignment arrived is not known any more: what has not left yet leaves one planned time from now.
            try proceed(&journal, reviewed, arrival: steadyClock(), folder, &ledger, &connection)
        case .compute, .wait, .refuseStale:
            return
        }
    }

    /// - Parameter arrival: when the assignment came, by the steady clock.
    func participate(
        _ signed: Sotto_V1_Signed,
        arrival: UInt64,
        _ folder: borrowing StateFolder,
        _ ledger: inout ClientLedger,
        _ connection: inout ServerConnection
    ) throws(CallError) {
        let assignment = try assignment(signed, connection)
        let identifier = assignment.identifier
        let receipts = try receipts(folder, with: assignment)
        let journals = try fatal { () throws(ParticipantError) in try folder.journals() }
        let earlier = journals[identifier.task]
        switch ClientRound.action(for: identifier, journal: earlier?.round) {
        case .compute:
            // A journal that was lost or put back must not lead to a second vector for a charged attempt.
            guard !ledger.rounds.contains(identifier) else { return try refuseStale(identifier) }
        case .wait:
            return try wait(.random(in: 500...550))
        case .refuseStale:
            return try refuseStale(identifier)
        case .charge, .upload, .dropOut:
            return try resume(folder, &ledger, &connection)
        }
        let planHash = assignment.message.planHash.byteArray
        guard earlier.map({ $0.planHash == planHash }) ?? true else {
            return refuse(
                identifier.task,
                .refused("task \(identifier.task): its plan has changed since this device joined")
            )
        }
        let planBytes: [UInt8]
        if let known = reviews[planHash]?.planBytes ?? folder.plan(planHash) {
            planBytes = known
        } else {
            planBytes = try connection.blob(planHash, length: nil, limit: WireLimits.smallMessage)
        }
        guard let reviewed = try review(planBytes, hash: planHash), try accepts(reviewed, ledger) else { return }
        guard reviewed.plan.task == identifier.task, (1...reviewed.plan.rounds.rounds).contains(identifier.round) else {
            return refuse(identifier.task, .refused("\(identifier): is not a round of the task's plan"))
        }
        guard try mayTakePart(reviewed.plan, identifier, ledger), try mayWork() else { return }
        let modelHash = assignment.message.modelHash.byteArray
        do {
            try ledger.checkNext(
                reviewed.plan,
                round: identifier,
                certificate: reviewed.certificate,
                modelHash: modelHash
            )
        } catch {
            return refuse(identifier.task, error)
        }
        let model = try connection.blob(
            modelHash,
            length: Int(clamping: assignment.message.modelBytes),
            limit: reviewed.modelLimit
        )
        var journal = Journal(
            round: ClientRound(identifier: identifier, stage: .started),
            planHash: planHash,
            modelHash: modelHash,
            ledgerIndex: earlier?.ledgerIndex ?? 0
        )
        let body = try fatal { () throws(ParticipantError) in
            try folder.setPlan(planBytes)
            try folder.setJournal(journal, receipts: receipts)
            return try sealedUpload(reviewed, assignment.message, identifier, model)
        }
        // What was begun and not sealed is dropped in the next run.
        guard let body else { throw .stopped }
        try fatal { () throws(ParticipantError) in
            try folder.setUpdate(body)
            journal.bodyHash = SHA256.hash(body)
            journal.round.recorded(.sealed)
            try folder.setJournal(journal)
        }
        try proceed(&journal, reviewed, arrival: arrival, folder, &ledger, &connection)
    }

    /// The count of receipts after an assignment, when it shows that this folder is the only one and the newest of this client.
    ///
    /// The server may have lost its memory instead; nobody can tell from here, and either way a second vector of one round could
    /// leave. It is a refusal, because it rests on the server's word and ends by an agreement with its operator.
    private func receipts(
        _ folder: borrowing StateFolder,
        with assignment: (message: Sotto_V1_Assignment, identifier: RoundIdentifier)
    ) throws(CallError) -> ReceiptCount {
        var receipts = try fatal { () throws(ParticipantError) in try folder.receipts() }
        let known = receipts
        guard receipts.assigned(assignment.message.receipts) else {
            throw .fatal(.refused(Self.copied(configuration, assignment.message.receipts, known)))
        }
        return receipts
    }

    private static func copied(
        _ configuration: ParticipantConfiguration,
        _ count: UInt64,
        _ known: ReceiptCount
    ) -> String {
        "\(configuration.stateFolder): is a copy, or this folder or the server was put back: the server counts \(count) updates of"
            + " this client, the folder knows of \(known.known); run the newest folder alone, or enrol a new one"
    }

    /// Whether the plan's limits of participation allow this round; where only a later one is allowed, it waits.
    private func mayTakePart(
        _ plan: TaskPlan,
        _ round: RoundIdentifier,
        _ ledger: borrowing ClientLedger
    ) throws(CallError) -> Bool {
        switch ledger.participation(in: round, of: plan) {
        case .allowed: return true
        case .notBefore(let earliest):
            logger.notice(
                "\(round): refused, because the plan allows this device to take part again in round \(earliest)"
            )
            try wait(.random(in: 1000...1100))
        case .complete:
            logger.notice(
                """
                \(round): refused, because this device has taken part in the task as often as its plan allows
                """
            )
            completed.insert(plan.task)
        }
        return false
    }

    /// Waits until the time at which the plan lets an update leave: a whole multiple of it after the assignment arrived.
    private func holdBack(_ plan: TaskPlan, since arrival: UInt64) throws(CallError) {
        let period = UInt64(plan.rounds.uploadAfterMilliseconds)
        let now = steadyClock()
        let elapsed = now - min(arrival, now)
        guard period > 0 else { return }
        let due = max(1, (elapsed + period - 1) / period) * period
        if due > elapsed { try wait(due - elapsed) }
    }

    /// From sealed bytes on disk to the receipt: charge, then send.
    private func proceed(
        _ journal: inout Journal,
        _ reviewed: ReviewedPlan,
        arrival: UInt64,
        _ folder: borrowing StateFolder,
        _ ledger: inout ClientLedger,
        _ connection: inout ServerConnection
    ) throws(CallError) {
        let identifier = journal.round.identifier
        var receipts = try fatal { () throws(ParticipantError) in try folder.receipts() }
        let mayHaveBegun = journal.round.stage == .charged
        let limit = WireLimits.upload(count: reviewed.grid.dimension, bits: 62)
        guard let body = folder.update(journal.bodyHash, limit: limit) else {
            return try drop(&journal, folder, "its sealed update is no longer here")
        }
        if journal.round.stage == .sealed {
            do {
                try ledger.charge(
                    reviewed.plan,
                    round: identifier,
                    certificate: reviewed.certificate,
                    modelHash: journal.modelHash
                )
            } catch {
                guard case .limit = error else { throw .fatal(error) }
                refuse(identifier.task, error)
                return try drop(&journal, folder, "a limit of this device refuses it")
            }
            try fatal { () throws(ParticipantError) in
                journal.round.recorded(.charged)
                receipts.updateMayLeave()
                try folder.setJournal(journal, receipts: receipts)
            }
            try holdBack(reviewed.plan, since: arrival)
        }
        let receipt: Sotto_V1_Receipt
        do {
            receipt = try connection.deliver(body, round: identifier, mayHaveBegun: mayHaveBegun)
        } catch {
            // The attempt is over, or its update does not fit it; everything else is about this client or server.
            guard case .refused(let status, let reason) = error, [409, 410, 413, 422].contains(status) else {
                throw error
            }
            receipts.updateWasRefused()
            return try drop(&journal, folder, reason, receipts)
        }
        let known = receipts
        guard receipts.received(receipt.receipts) else {
            throw .fatal(.refused(Self.copied(configuration, receipt.receipts, known)))
        }
        guard receipt.ledgerIndex >= journal.ledgerIndex else {
            throw .fatal(
                .refused("\(configuration.server): its ledger has become shorter than an earlier receipt of it says")
            )
        }
        try fatal { () throws(ParticipantError) in
            journal.ledgerIndex = receipt.ledgerIndex
            journal.round.recorded(.delivered)
            try folder.setJournal(journal, receipts: receipts)
            try folder.removeUpdate()
        }
        report.rounds += 1
        logger.info("\(identifier): delivered \(body.count) bytes")
    }

    private func drop(
        _ journal: inout Journal,
        _ folder: borrowing StateFolder,
        _ reason: String,
        _ receipts: ReceiptCount? = nil
    ) throws(CallError) {
        logger.notice("\(journal.round.identifier): dropped out, because \(reason)")
        try fatal { () throws(ParticipantError) in
            journal.round.recorded(.dropped)
            try folder.setJournal(journal, receipts: receipts)
            try folder.removeUpdate()
        }
        report.dropped += 1
    }

    private func refuseStale(_ identifier: RoundIdentifier) throws(CallError) {
        logger.warning("\(identifier): refused, because this device has already taken part in it or a later one")
        try wait(.random(in: 1000...1100))
    }

    // MARK: The update

    /// The body of the upload, or `nil` when somebody asked the client to end.
    private func sealedUpload(
        _ reviewed: ReviewedPlan,
        _ assignment: Sotto_V1_Assignment,
        _ identifier: RoundIdentifier,
        _ model: [UInt8]
    ) throws(ParticipantError) -> [UInt8]? {
        guard let source = sources[reviewed.planHash] else {
            throw .failure("\(identifier): its plan was not accepted")
        }
        guard let encoded = try source.update(round: identifier, model: model, isStopped: isStopped) else { return nil }
        do {
            let context = try UpdateContext(
                planHash: reviewed.planHash,
                modelHash: assignment.modelHash.byteArray,
                task: identifier.task,
                round: UInt32(identifier.round),
                attempt: UInt32(identifier.attempt),
                client: assignment.client,
                keyID: assignment.keyID,
                codec: encoded.codec,
                ring: encoded.ring,
                count: encoded.count,
                plaintextLength: encoded.plaintextLength
            )
            let sealed = try UpdateSealing.seal(encoded, context: context, to: assignment.roundPublicKey.byteArray)
            return Sotto_V1_UpdateUpload(sealed, planHash: reviewed.planHash, assignment: assignment).wireBytes()
        } catch {
            throw .failure("\(identifier): \(error)")
        }
    }

    private func assignment(
        _ signed: Sotto_V1_Signed,
        _ connection: borrowing ServerConnection
    ) throws(CallError) -> (message: Sotto_V1_Assignment, identifier: RoundIdentifier) {
        do {
            let message = try Sotto_V1_Assignment(
                wire: connection.verified(assignment: signed),
                what: "assignment"
            )
            _ = try requireThirtyTwo(message.planHash, "assignment: plan hash")
            _ = try requireThirtyTwo(message.modelHash, "assignment: model hash")
            _ = try requireThirtyTwo(message.roundPublicKey, "assignment: round key")
            guard message.client == connection.client, message.round >= 1, message.attempt >= 1,
                message.task.utf8.allSatisfy({ (33...126).contains($0) })
            else {
                throw WireError("assignment: is for another client, or for no round")
            }
            let identifier = RoundIdentifier(
                task: message.task,
                round: Int(message.round),
                attempt: Int(message.attempt)
            )
            return (message, identifier)
        } catch {
            throw .fatal(.refused("\(configuration.server): \(error)"))
        }
    }

    /// Runs what only this device can make fail; such a failure stops the client.
    private func fatal<Value>(_ body: () throws(ParticipantError) -> Value) throws(CallError) -> Value {
        do {
            return try body()
        } catch {
            throw .fatal(error)
        }
    }
}

extension Sotto_V1_UpdateUpload {
    init(_ sealed: SealedUpdate, planHash: [UInt8], assignment: Sotto_V1_Assignment) {
        self.init()
        self.planHash = Data(planHash)
        modelHash = assignment.modelHash
        keyID = assignment.keyID
        encapsulatedKey = Data(sealed.encapsulatedKey)
        ciphertext = Data(sealed.ciphertext)
        codec = sealed.codec.rawValue
        ringBits = UInt32(sealed.ring.bits)
        count = UInt64(sealed.count)
        plaintextLength = UInt64(sealed.plaintextLength)
    }
}
