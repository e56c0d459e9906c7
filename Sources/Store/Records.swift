// SPDX-License-Identifier: Apache-2.0

package import Rounds

/// Where a task stands.
package enum TaskStatus: String, Sendable, Codable {
    case created
    case running
    case paused
    case stopped
    /// All rounds are committed.
    case finished
    /// The next round's spend would pass the population's budget.
    case exhausted
}

/// A task as it is stored; its plan and models are blobs.
package struct TaskRecord: Hashable, Sendable {
    package var name: String
    package var population: String
    package var planHash: [UInt8]
    package var status: TaskStatus
    /// Why the task is paused, stopped or exhausted; otherwise empty.
    package var statusReason: String
    /// Committed rounds.
    package var round: Int
    package var modelHash: [UInt8]
    /// The optimizer's state, as its own encoding.
    package var optimizerState: [UInt8]
    /// The evaluation data that the task declared public, or empty.
    package var evaluationData: String

    package init(
        name: String,
        population: String,
        planHash: [UInt8],
        status: TaskStatus = .created,
        statusReason: String = "",
        round: Int = 0,
        modelHash: [UInt8],
        optimizerState: [UInt8],
        evaluationData: String
    ) {
        self.name = name
        self.population = population
        self.planHash = planHash
        self.status = status
        self.statusReason = statusReason
        self.round = round
        self.modelHash = modelHash
        self.optimizerState = optimizerState
        self.evaluationData = evaluationData
    }
}

/// An open attempt.
package struct RoundRecord: Hashable, Sendable {
    package var identifier: RoundIdentifier
    /// The model on which its members train.
    package var modelHash: [UInt8]
    package var keyID: String
    /// X25519 public key to which updates are sealed.
    package var publicKey: [UInt8]
    /// The private key under the server's storage key.
    package var sealedPrivateKey: [UInt8]
    /// The running sum under the server's storage key; empty before the first update.
    package var sealedSum: [UInt8]
    /// Milliseconds since 1970.
    package var openedAt: UInt64
    package var closesAt: UInt64?
    /// In the order in which they joined.
    package var members: [String]
    package var accepted: [AcceptedUpdate]

    package init(
        identifier: RoundIdentifier,
        modelHash: [UInt8],
        keyID: String,
        publicKey: [UInt8],
        sealedPrivateKey: [UInt8],
        openedAt: UInt64
    ) {
        self.identifier = identifier
        self.modelHash = modelHash
        self.keyID = keyID
        self.publicKey = publicKey
        self.sealedPrivateKey = sealedPrivateKey
        self.openedAt = openedAt
        sealedSum = []
        closesAt = nil
        members = []
        accepted = []
    }
}

/// An update that is in a round's sum. The update itself is not kept.
package struct AcceptedUpdate: Hashable, Sendable {
    package var client: String
    /// SHA-256 of the request's body, by which a repeated upload is told from a different one.
    package var bodyHash: [UInt8]
    /// The signed receipt, to be given again.
    package var receipt: [UInt8]
    package var bytesUp: Int

    package init(client: String, bodyHash: [UInt8], receipt: [UInt8], bytesUp: Int) {
        self.client = client
        self.bodyHash = bodyHash
        self.receipt = receipt
        self.bytesUp = bytesUp
    }
}

/// One entry of a population's ledger, encoded. `index` counts from 0 without gaps.
package struct LedgerRow: Hashable, Sendable {
    package var population: String
    package var index: Int
    package var entry: [UInt8]

    package init(population: String, index: Int, entry: [UInt8]) {
        self.population = population
        self.index = index
        self.entry = entry
    }
}

/// What everybody may know of a committed round.
package struct RoundResult: Hashable, Sendable, Codable {
    package var round: Int
    package var attempt: Int
    package var survivors: Int
    /// On the task's public evaluation data, where it has some.
    package var accuracy: Double?
    package var loss: Double?
    package var seconds: Double
    /// Bodies of all accepted updates.
    package var bytesUp: Int

    package init(
        round: Int,
        attempt: Int,
        survivors: Int,
        accuracy: Double?,
        loss: Double?,
        seconds: Double,
        bytesUp: Int
    ) {
        self.round = round
        self.attempt = attempt
        self.survivors = survivors
        self.accuracy = accuracy
        self.loss = loss
        self.seconds = seconds
        self.bytesUp = bytesUp
    }
}

/// Everything that changes when a round is committed.
package struct RoundCommit: Sendable {
    package var identifier: RoundIdentifier
    package var entry: LedgerRow
    package var modelHash: [UInt8]
    package var model: [UInt8]
    package var optimizerState: [UInt8]
    package var result: RoundResult
    /// `finished` with the last round, whatever the operator has told the task meanwhile; otherwise `running`, which leaves
    /// a task that was paused or stopped meanwhile as it is.
    package var status: TaskStatus

    package init(
        identifier: RoundIdentifier,
        entry: LedgerRow,
        modelHash: [UInt8],
        model: [UInt8],
        optimizerState: [UInt8],
        result: RoundResult,
        status: TaskStatus
    ) {
        self.identifier = identifier
        self.entry = entry
        self.modelHash = modelHash
        self.model = model
        self.optimizerState = optimizerState
        self.result = result
        self.status = status
    }
}
