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

/// An attempt at a round.
package struct RoundRecord: Hashable, Sendable {
    /// Where an attempt stands. The raw values are part of the database's format.
    package enum State: String, Sendable {
        /// Members join and deliver.
        case open
        /// Nothing more is added; its sum is being used.
        case closing
        case committed
        case abandoned
    }

    package var identifier: RoundIdentifier
    package var state = State.open
    package var planHash: [UInt8]
    /// The model on which its members train.
    package var modelHash: [UInt8]
    package var keyID: String
    /// X25519 public key to which updates are sealed.
    package var publicKey: [UInt8]
    /// The private key under the server's storage key; empty once the attempt has ended.
    package var sealedPrivateKey: [UInt8]
    /// Milliseconds since 1970.
    package var openedAt: UInt64
    /// The clients that are awaited: those that were waiting when it opened, at most as many as the plan allows.
    package var expected: Int
    /// Clients that were given the assignment.
    package var members = 0
    /// Updates in the sum.
    package var accepted = 0
    /// Bodies of all accepted updates.
    package var bytesUp = 0
    /// When configuration ends at the latest.
    package var configuresUntil: UInt64
    /// When it closes without the missing updates; `nil` during configuration.
    package var closesAt: UInt64?

    package init(
        identifier: RoundIdentifier,
        planHash: [UInt8],
        modelHash: [UInt8],
        keyID: String,
        publicKey: [UInt8],
        sealedPrivateKey: [UInt8],
        openedAt: UInt64,
        configuresUntil: UInt64,
        expected: Int
    ) {
        self.identifier = identifier
        self.planHash = planHash
        self.modelHash = modelHash
        self.keyID = keyID
        self.publicKey = publicKey
        self.sealedPrivateKey = sealedPrivateKey
        self.openedAt = openedAt
        self.configuresUntil = configuresUntil
        self.expected = expected
    }
}

/// An update that is in a round's sum. The update itself is not kept; this is, so that a repeated upload gets the same
/// answer for as long as the task is known.
package struct AcceptedUpdate: Hashable, Sendable {
    package var client: String
    /// SHA-256 of the update's body, by which a repeated upload is told from a different one.
    package var bodyHash: [UInt8]
    package var bytesUp: Int
    /// Entries of the population's ledger when it was accepted, and the hash of the last one.
    package var ledgerIndex: Int
    package var ledgerHead: [UInt8]
    /// Updates that were ever accepted of this client, this one included.
    package var receipts: Int

    package init(
        client: String,
        bodyHash: [UInt8],
        bytesUp: Int,
        ledgerIndex: Int,
        ledgerHead: [UInt8],
        receipts: Int
    ) {
        self.client = client
        self.bodyHash = bodyHash
        self.bytesUp = bytesUp
        self.ledgerIndex = ledgerIndex
        self.ledgerHead = ledgerHead
        self.receipts = receipts
    }
}

/// The sum of the updates that one server has added to a round.
package struct PartialSum: Hashable, Sendable {
    /// The process that added them.
    package var worker: String
    package var updates: Int
    /// Bodies of these updates.
    package var bytesUp: Int
    /// Under the server's storage key.
    package var sealedSum: [UInt8]

    package init(worker: String, updates: Int, bytesUp: Int, sealedSum: [UInt8]) {
        self.worker = worker
        self.updates = updates
        self.bytesUp = bytesUp
        self.sealedSum = sealedSum
    }
}

/// A client as the server knows it.
package struct ClientRecord: Hashable, Sendable {
    package var name: String
    package var publicKey: [UInt8]
    /// Milliseconds since 1970.
    package var enrolledAt: UInt64
    package var revokedAt: UInt64?
    /// Updates that were ever accepted of it.
    package var receipts: Int

    package init(
        name: String,
        publicKey: [UInt8],
        enrolledAt: UInt64,
        revokedAt: UInt64? = nil,
        receipts: Int = 0
    ) {
        self.name = name
        self.publicKey = publicKey
        self.enrolledAt = enrolledAt
        self.revokedAt = revokedAt
        self.receipts = receipts
    }
}

/// The right to do something that only one process may do at a time, for a while.
package struct Lease: Hashable, Sendable {
    package let name: String
    /// The process that holds it.
    package let owner: String
    /// Made anew for every holder, so that one whose time is over cannot act on it.
    package let token: [UInt8]
    /// Milliseconds since 1970.
    package var expiresAt: UInt64

    package init(name: String, owner: String, token: [UInt8], expiresAt: UInt64) {
        self.name = name
        self.owner = owner
        self.token = token
        self.expiresAt = expiresAt
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
    /// Clients that were given the assignment; absent in results of older versions.
    package var members: Int?
    package var survivors: Int
    /// On the task's public evaluation data, where it has some.
    package var accuracy: Double?
    package var loss: Double?
    /// What an evaluation round told of clients' held-out examples; `nil` for a training round.
    package var heldOut: HeldOutMetrics?
    package var seconds: Double
    /// Bodies of all accepted updates.
    package var bytesUp: Int

    package init(
        round: Int,
        attempt: Int,
        members: Int? = nil,
        survivors: Int,
        accuracy: Double?,
        loss: Double?,
        seconds: Double,
        bytesUp: Int
    ) {
        self.round = round
        self.attempt = attempt
        self.members = members
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
    /// Milliseconds since 1970.
    package var endedAt: UInt64
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
        endedAt: UInt64,
        entry: LedgerRow,
        modelHash: [UInt8],
        model: [UInt8],
        optimizerState: [UInt8],
        result: RoundResult,
        status: TaskStatus
    ) {
        self.identifier = identifier
        self.endedAt = endedAt
        self.entry = entry
        self.modelHash = modelHash
        self.model = model
        self.optimizerState = optimizerState
        self.result = result
        self.status = status
    }
}

extension ServerRound {
    /// The state machine of a stored attempt.
    package init(_ record: RoundRecord, terms: RoundTerms) {
        self.init(
            identifier: record.identifier,
            terms: terms,
            configuresUntil: record.configuresUntil,
            expected: record.expected,
            members: record.members,
            accepted: record.accepted,
            closesAt: record.closesAt,
            isClosing: record.state != .open
        )
    }
}
