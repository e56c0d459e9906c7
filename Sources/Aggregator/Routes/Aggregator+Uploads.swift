// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import FoundationEssentials
internal import Messages
internal import Networks
internal import Rounds
internal import Store
internal import Updates

extension Aggregator {
    /// `PUT /v1/tasks/{task}/rounds/{round}/attempts/{attempt}/update`: adds a sealed update once.
    ///
    /// The same body again is answered with the same receipt, also after the round has ended; another body is a conflict.
    func accept(_ request: APIRequest, _ identifier: RoundIdentifier) throws -> APIResponse {
        let client = try authenticate(request)
        let bodyHash = SHA256.hash(request.body)
        if let earlier = try store.receipt(of: client, in: identifier) {
            guard earlier.bodyHash == bodyHash else {
                throw APIError(409, "\(identifier): has another update of client \(client); the first one stays")
            }
            return .message(earlier.receipt)
        }
        guard let round = try openRound(of: identifier.task), round.machine.identifier == identifier else {
            throw APIError(410, "\(identifier): is not open; ask for a new assignment")
        }
        switch round.machine.classify(client: client, bodyHash: bodyHash) {
        case .add:
            break
        case .notMember:
            throw APIError(409, "\(identifier): client \(client) is not a member; ask for an assignment first")
        case .replay, .conflict:
            throw APIError(409, "\(identifier): has an update of client \(client)")
        }
        let update = try open(request.body, client: client, round: round)
        try add(update, client: client, bodyHash: bodyHash, bytes: request.body.count, round: round)
        let receipt = try store.receipt(of: client, in: identifier)?.receipt ?? []
        tick()
        return .message(receipt)
    }

    /// Opens and checks an upload against what the round expects: plan, model, key, shape, lengths, range.
    private func open(_ body: [UInt8], client: String, round: OpenRound) throws -> DecodedUpdate {
        let identifier = round.machine.identifier
        let runtime = try runtime(of: identifier.task)
        let message = try Sotto_V1_UpdateUpload(
            wire: body,
            limit: TaskRuntime.uploadLimit(runtime.plan),
            what: "update"
        )
        func require(_ holds: Bool, _ what: String) throws {
            if !holds { throw APIError(422, "update for \(identifier): \(what)") }
        }
        try require(
            message.planHash.byteArray == runtime.planHash,
            "is for another plan; take the one of the assignment"
        )
        try require(message.modelHash.byteArray == round.record.modelHash, "is for another model than this round's")
        try require(message.keyID == round.record.keyID, "is sealed to another key than this round's")
        let count = runtime.network.parameterCount
        try require(message.count == UInt64(count), "has \(message.count) values; the model has \(count)")
        try require(
            message.ringBits == UInt32(runtime.ring.bits),
            "is in a ring of \(message.ringBits) bits; the plan says \(runtime.ring.bits)"
        )
        guard let codec = UpdateCodec(rawValue: message.codec) else {
            throw APIError(422, "update for \(identifier): has an unknown codec \(message.codec)")
        }
        do {
            let sealed = try SealedUpdate(
                encapsulatedKey: message.encapsulatedKey.byteArray,
                ciphertext: message.ciphertext.byteArray,
                codec: codec,
                ring: runtime.ring,
                count: count
            )
            try require(message.plaintextLength == UInt64(sealed.plaintextLength), "names a wrong plaintext length")
            let context = try UpdateContext(
                planHash: runtime.planHash,
                modelHash: round.record.modelHash,
                task: identifier.task,
                round: UInt32(identifier.round),
                attempt: UInt32(identifier.attempt),
                client: client,
                keyID: round.record.keyID,
                codec: codec,
                ring: runtime.ring,
                count: count,
                plaintextLength: sealed.plaintextLength
            )
            return try UpdateSealing.open(sealed, context: context, with: round.privateKey)
        } catch let error as UpdateError {
            throw APIError(422, "update for \(identifier): \(error)")
        }
    }

    /// Adds an update to the running sum and the accepted set in one transaction.
    private func add(
        _ update: consuming DecodedUpdate,
        client: String,
        bodyHash: [UInt8],
        bytes: Int,
        round: OpenRound
    ) throws {
        let identifier = round.machine.identifier
        let population = try runtime(of: identifier.task).plan.population
        let receipt = try receipt(
            client: client,
            round: identifier,
            bodyHash: bodyHash,
            head: ledger(of: population).head
        )
        let accepted = AcceptedUpdate(client: client, bodyHash: bodyHash, receipt: receipt, bytesUp: bytes)
        do {
            try round.sum.add(update)
            let sealedSum = try keys.seal(round.sum.serialized(), context: OpenRound.sumContext(identifier))
            try store.accept(accepted, in: identifier, sealedSum: sealedSum)
        } catch {
            // The sum in memory may hold what the store does not.
            forget(identifier.task, population: population)
            throw error
        }
        round.machine.recordAccepted(client: client, bodyHash: bodyHash)
        round.bytesUp += bytes
    }

    private func receipt(
        client: String,
        round: RoundIdentifier,
        bodyHash: [UInt8],
        head: LedgerHead
    ) throws -> [UInt8] {
        var receipt = Sotto_V1_Receipt()
        receipt.client = client
        receipt.task = round.task
        receipt.round = UInt32(round.round)
        receipt.attempt = UInt32(round.attempt)
        receipt.bodyHash = Data(bodyHash)
        receipt.ledgerIndex = UInt64(head.count)
        receipt.ledgerHead = Data(head.hash)
        return Sotto_V1_Signed(.receipt, body: receipt.wireBytes(), key: keys.signing).wireBytes()
    }
}
