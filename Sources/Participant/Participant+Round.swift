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
            try proceed(&journal, reviewed, folder, &ledger, &connection)
        case .compute, .wait, .refuseStale:
            return
        }
    }

    func participate(
        _ signed: Sotto_V1_Signed,
        _ folder: borrowing StateFolder,
        _ ledger: inout ClientLedger,
        _ connection: inout ServerConnection
    ) throws(CallError) {
        let assignment = try assignment(signed, connection)
        let identifier = assignment.identifier
        let journals = try fatal { () throws(ParticipantError) in try folder.journals() }
        let earlier = journals[identifier.task]
        switch ClientRound.action(for: identifier, journal: earlier?.round) {
        case .compute:
            // A journal that was lost or put back must not lead to a second vector for a charged attempt.
            guard !ledger.rounds.contains(identifier) else { return refuseStale(identifier) }
        case .wait:
            return pause(500)
        case .refuseStale:
            return refuseStale(identifier)
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
        try fatal { () throws(ParticipantError) in
            try folder.setPlan(planBytes)
            try folder.setJournal(journal)
            let body = try sealedUpload(reviewed, assignment.message, identifier, model)
            try folder.setUpdate(body)
            journal.bodyHash = SHA256.hash(body)
            journal.round.recorded(.sealed)
            try folder.setJournal(journal)
        }
        try proceed(&journal, reviewed, folder, &ledger, &connection)
    }

    /// From sealed bytes on disk to the receipt: charge, then send.
    private func proceed(
        _ journal: inout Journal,
        _ reviewed: ReviewedPlan,
        _ folder: borrowing StateFolder,
        _ ledger: inout ClientLedger,
        _ connection: inout ServerConnection
    ) throws(CallError) {
        let identifier = journal.round.identifier
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
                try folder.setJournal(journal)
            }
        }
        let receipt: Sotto_V1_Receipt
        do {
            receipt = try connection.deliver(body, round: identifier)
        } catch {
            // The attempt is over, or its update does not fit it; everything else is about this client or server.
            guard case .refused(let status, let reason) = error, [409, 410, 413, 422].contains(status) else {
                throw error
            }
            return try drop(&journal, folder, reason)
        }
        guard receipt.ledgerIndex >= journal.ledgerIndex else {
            throw .fatal(
                .refused("\(configuration.server): its ledger has become shorter than an earlier receipt of it says")
            )
        }
        try fatal { () throws(ParticipantError) in
            journal.ledgerIndex = receipt.ledgerIndex
            journal.round.recorded(.delivered)
            try folder.setJournal(journal)
            try folder.removeUpdate()
        }
        report.rounds += 1
        logger.info("\(identifier): delivered \(body.count) bytes")
    }

    private func drop(
        _ journal: inout Journal,
        _ folder: borrowing StateFolder,
        _ reason: String
    ) throws(CallError) {
        logger.notice("\(journal.round.identifier): dropped out, because \(reason)")
        try fatal { () throws(ParticipantError) in
            journal.round.recorded(.dropped)
            try folder.setJournal(journal)
            try folder.removeUpdate()
        }
        report.dropped += 1
    }

    private func refuseStale(_ identifier: RoundIdentifier) {
        logger.warning("\(identifier): refused, because this device has already taken part in it or a later one")
        pause(1000)
    }

    // MARK: The plan

    /// Accepts or refuses plans before there is a round to take part in.
    func reviewPlans(
        _ hashes: [[UInt8]],
        _ ledger: borrowing ClientLedger,
        _ connection: inout ServerConnection
    ) throws(CallError) {
        for hash in hashes where sources[hash] == nil {
            let bytes = try connection.blob(hash, length: nil, limit: WireLimits.smallMessage)
            if let reviewed = try review(bytes, hash: hash) { _ = try accepts(reviewed, ledger) }
        }
    }

    /// The reviewed plan, or `nil` when this device refuses the task.
    private func review(_ bytes: [UInt8], hash: [UInt8]) throws(CallError) -> ReviewedPlan? {
        if let known = reviews[hash] { return refused[known.plan.task] == nil ? known : nil }
        do {
            let reviewed = try ReviewedPlan(
                bytes: bytes,
                hash: hash,
                dataset: dataset,
                memoryLimit: configuration.memoryLimit,
                workers: configuration.workers,
                baseBytes: ProcessMemory.resident() ?? 0
            )
            reviews[hash] = reviewed
            report.planMiB = max(report.planMiB, Double(reviewed.memory.totalBytes) / 1_048_576)
            return reviewed
        } catch {
            guard let task = try? Sotto_V1_Plan(serializedBytes: bytes).task, !task.isEmpty else { throw .fatal(error) }
            refuse(task, error)
            return nil
        }
    }

    private func accepts(_ reviewed: ReviewedPlan, _ ledger: borrowing ClientLedger) throws(CallError) -> Bool {
        guard sources[reviewed.planHash] == nil else { return true }
        do {
            try ledger.checkWhole(reviewed.plan, certificate: reviewed.certificate)
            let plan = reviewed.plan
            logger.info(
                """
                task \(plan.task): \(plan.rounds.rounds) rounds, \(plan.model.parameters) parameters, planned \
                \(reviewed.memory.totalBytes >> 20) MiB
                """
            )
            for claim in try Self.claims(of: plan) { logger.info("task \(plan.task): \(claim)") }
            sources[reviewed.planHash] = try ShareSource(
                reviewed,
                dataset: dataset,
                randomness: randomness,
                workers: configuration.workers
            )
            return true
        } catch {
            refuse(reviewed.plan.task, error)
            return false
        }
    }

    private static func claims(of plan: TaskPlan) throws(ParticipantError) -> [String] {
        do {
            return try plan.claims(rounds: plan.rounds.rounds).map(\.description)
        } catch {
            throw .refused("task \(plan.task): \(error)")
        }
    }

    private func refuse(_ task: String, _ reason: ParticipantError) {
        logger.warning("refusing task \(task): \(reason)")
        refused[task] = reason
    }

    // MARK: The update

    private func sealedUpload(
        _ reviewed: ReviewedPlan,
        _ assignment: Sotto_V1_Assignment,
        _ identifier: RoundIdentifier,
        _ model: [UInt8]
    ) throws(ParticipantError) -> [UInt8] {
        guard let source = sources[reviewed.planHash] else {
            throw .failure("\(identifier): its plan was not accepted")
        }
        let encoded = try source.update(round: identifier, model: model)
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
                wire: signed.verified(.assignment, by: connection.serverKey),
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
