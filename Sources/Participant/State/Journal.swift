// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Messages
package import Rounds

/// The durable record of a task's latest attempt.
package struct Journal: Hashable, Sendable {
    package var round: ClientRound
    package var planHash: [UInt8]
    package var modelHash: [UInt8]
    /// SHA-256 of the upload's body; empty before there is one.
    package var bodyHash: [UInt8]
    /// Entries of the server's ledger at the time of the last receipt for this task; they never become fewer.
    package var ledgerIndex: UInt64

    package init(
        round: ClientRound,
        planHash: [UInt8],
        modelHash: [UInt8],
        bodyHash: [UInt8] = [],
        ledgerIndex: UInt64 = 0
    ) {
        self.round = round
        self.planHash = planHash
        self.modelHash = modelHash
        self.bodyHash = bodyHash
        self.ledgerIndex = ledgerIndex
    }

    init(_ message: Sotto_V1_ClientJournal.Attempt, path: String) throws(WireError) {
        guard let stage = ClientRound.Stage(rawValue: Int(message.stage)) else {
            throw WireError("\(path): was written by another version; use that version or another folder")
        }
        self.init(
            round: ClientRound(
                identifier: RoundIdentifier(
                    task: message.task,
                    round: Int(message.round),
                    attempt: Int(message.attempt)
                ),
                stage: stage
            ),
            planHash: message.planHash.byteArray,
            modelHash: message.modelHash.byteArray,
            bodyHash: message.bodyHash.byteArray,
            ledgerIndex: message.ledgerIndex
        )
    }

    var message: Sotto_V1_ClientJournal.Attempt {
        var message = Sotto_V1_ClientJournal.Attempt()
        message.task = round.identifier.task
        message.round = UInt32(round.identifier.round)
        message.attempt = UInt32(round.identifier.attempt)
        message.stage = UInt32(round.stage.rawValue)
        message.planHash = Data(planHash)
        message.modelHash = Data(modelHash)
        message.bodyHash = Data(bodyHash)
        message.ledgerIndex = ledgerIndex
        return message
    }
}
