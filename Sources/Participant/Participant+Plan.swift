// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Logging
internal import Messages
internal import Rounds
internal import SwiftProtobuf
internal import Training

/// Whether this device takes part in a task.
extension Participant {
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
    func review(_ bytes: [UInt8], hash: [UInt8]) throws(CallError) -> ReviewedPlan? {
        if let known = reviews[hash] { return refused[known.plan.task] == nil ? known : nil }
        do {
            let reviewed = try ReviewedPlan(
                bytes: bytes,
                hash: hash,
                dataset: dataset,
                heldOut: heldOut,
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

    func accepts(_ reviewed: ReviewedPlan, _ ledger: borrowing ClientLedger) throws(CallError) -> Bool {
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
            if plan.evaluation != nil {
                logger.info(
                    """
                    task \(plan.task): \(plan.rounds.counts.evaluation) of the rounds are for evaluation, with \
                    \(heldOut == nil ? "noise alone; --held-out would name examples" : "what --held-out names")
                    """
                )
            }
            for claim in try Self.claims(of: plan) { logger.info("task \(plan.task): \(claim)") }
            sources[reviewed.planHash] = try ShareSource(
                reviewed,
                dataset: dataset,
                heldOut: heldOut,
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

    func refuse(_ task: String, _ reason: ParticipantError) {
        logger.warning("refusing task \(task): \(reason)")
        refused[task] = reason
    }
}
