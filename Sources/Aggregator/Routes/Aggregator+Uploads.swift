// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import FoundationEssentials
internal import Messages
internal import Rounds
internal import Store
internal import Updates

extension Aggregator {
    /// `PUT /v1/tasks/{task}/rounds/{round}/attempts/{attempt}/update`: adds a sealed update once.
    ///
    /// The same body again is answered with the same receipt, also after the round has ended; another body is a conflict. An
    /// update that comes after its round has closed is discarded, whatever the reason. With a Content-Range the body is one
    /// part of an update; the last one is answered like the whole.
    func accept(
        _ request: APIRequest,
        _ identifier: RoundIdentifier,
        _ caller: Caller
    ) async throws -> APIResponse {
        guard !request.contentRange.isEmpty else {
            return try await deliver(request.body, caller, identifier)
        }
        let part = try PartRange(request.contentRange, bodyBytes: request.body.count)
        let body = try await commits.submit { session, _ -> PartOutcome in
            try self.useNonce(caller, session)
            return try self.take(part, request.body, caller.client, identifier, session)
        }
        switch body {
        case .progress(let received):
            var progress = Sotto_V1_UploadProgress()
            progress.received = UInt64(received)
            return APIResponse(status: 202, contentType: APIResponse.protobuf, body: progress.wireBytes())
        case .known(let update):
            return try await compute.run { self.receipt(update, identifier) }
        case .whole(let bytes):
            return try await deliver(bytes, Caller(client: caller.client, nonce: nil, expires: 0), identifier)
        }
    }

    /// `GET` on the same path: how much of an update that comes in parts is here.
    func progress(_ identifier: RoundIdentifier, _ caller: Caller) async throws -> APIResponse {
        let received = try await commits.submit { session, _ in
            try self.useNonce(caller, session)
            if let update = try session.update(of: caller.client, in: identifier) { return update.bytesUp }
            return try session.receivedBytes(of: caller.client, in: identifier)
        }
        var progress = Sotto_V1_UploadProgress()
        progress.received = UInt64(received)
        return .message(progress.wireBytes())
    }

    // MARK: A whole update

    private func deliver(
        _ body: [UInt8],
        _ caller: Caller,
        _ identifier: RoundIdentifier
    ) async throws -> APIResponse {
        let client = caller.client
        let opened = try await compute.run { try self.open(body, client, identifier) }
        let accepted = try await commits.submit { session, batch in
            try self.useNonce(caller, session)
            if let earlier = try session.update(of: client, in: identifier) {
                guard earlier.bodyHash == opened.bodyHash else {
                    throw APIError(409, "\(identifier): has another update of client \(client); the first one stays")
                }
                return earlier
            }
            guard let update = opened.update, let plan = opened.plan else { throw opened.refusal }
            guard let record = try session.shareRound(identifier) else { throw opened.refusal }
            let isMember = try session.isMember(client, of: identifier)
            switch ServerRound(record, terms: plan.plan.rounds).upload(isMember: isMember, now: self.now()) {
            case .add: break
            case .notMember: throw Self.notMember(client, identifier)
            case .late: throw Self.notOpen(identifier)
            }
            let accepted = try session.accept(
                client: client,
                bodyHash: opened.bodyHash,
                bytesUp: body.count,
                in: identifier,
                population: plan.plan.population
            )
            try session.removeParts(of: client, in: identifier)
            batch.add(update, bytes: body.count, to: identifier, plan: plan)
            return accepted
        }
        store.wake()
        return try await compute.run { self.receipt(accepted, identifier) }
    }

    /// An update as far as it can be looked at before the transaction.
    private struct Opened: Sendable {
        let bodyHash: [UInt8]
        var plan: ServedPlan?
        var update: OpenedUpdate?
        /// Why there is none.
        var refusal: APIError
    }

    private static func notOpen(_ identifier: RoundIdentifier) -> APIError {
        APIError(410, "\(identifier): is not open; ask for a new assignment")
    }

    private static func notMember(_ client: String, _ identifier: RoundIdentifier) -> APIError {
        APIError(409, "\(identifier): client \(client) is not a member; ask for an assignment first")
    }

    /// Decrypts an update of a member of an open round. A repeated one is recognised by its hash alone.
    private func open(_ body: [UInt8], _ client: String, _ identifier: RoundIdentifier) throws -> Opened {
        var opened = Opened(bodyHash: SHA256.hash(body), refusal: Self.notOpen(identifier))
        let (record, isMember, isKnown) = try store.read { session in
            (
                try session.round(identifier), try session.isMember(client, of: identifier),
                try session.update(of: client, in: identifier) != nil
            )
        }
        guard !isKnown, let record, record.state == .open else { return opened }
        guard isMember else {
            opened.refusal = Self.notMember(client, identifier)
            return opened
        }
        let plan = try store.read { session in try plans.plan(record.planHash, session) }
        opened.plan = plan
        opened.update = OpenedUpdate(try decrypt(body, client: client, record: record, plan: plan))
        return opened
    }

    /// Opens and checks an upload against what the round expects: plan, model, key, shape, lengths, range.
    private func decrypt(
        _ body: [UInt8],
        client: String,
        record: RoundRecord,
        plan: ServedPlan
    ) throws -> DecodedUpdate {
        let identifier = record.identifier
        let form = plan.form(of: identifier)
        let message = try Sotto_V1_UpdateUpload(wire: body, limit: form.uploadLimit, what: "update")
        func require(_ holds: Bool, _ what: String) throws {
            if !holds { throw APIError(422, "update for \(identifier): \(what)") }
        }
        try require(message.planHash.byteArray == plan.hash, "is for another plan; take the one of the assignment")
        try require(message.modelHash.byteArray == record.modelHash, "is for another model than this round's")
        try require(message.keyID == record.keyID, "is sealed to another key than this round's")
        let (count, ring) = (form.count, form.ring)
        let isTraining = plan.plan.rounds.kind(ofRound: identifier.round) == .training
        try require(
            message.count == UInt64(count),
            "has \(message.count) values; \(isTraining ? "the model" : "an evaluation round") has \(count)"
        )
        try require(
            message.ringBits == UInt32(ring.bits),
            "is in a ring of \(message.ringBits) bits; the plan says \(ring.bits)"
        )
        guard let codec = UpdateCodec(rawValue: message.codec) else {
            throw APIError(422, "update for \(identifier): has an unknown codec \(message.codec)")
        }
        do {
            let sealed = try SealedUpdate(
                encapsulatedKey: message.encapsulatedKey.byteArray,
                ciphertext: message.ciphertext.byteArray,
                codec: codec,
                ring: ring,
                count: count
            )
            try require(message.plaintextLength == UInt64(sealed.plaintextLength), "names a wrong plaintext length")
            let context = try UpdateContext(
                planHash: plan.hash,
                modelHash: record.modelHash,
                task: identifier.task,
                round: UInt32(identifier.round),
                attempt: UInt32(identifier.attempt),
                client: client,
                keyID: record.keyID,
                codec: codec,
                ring: ring,
                count: count,
                plaintextLength: sealed.plaintextLength
            )
            return try UpdateSealing.open(sealed, context: context, with: roundKeys.key(of: record).secret)
        } catch let error as UpdateError {
            throw APIError(422, "update for \(identifier): \(error)")
        }
    }

    /// The signed receipt: the same fields give the same bytes (Ed25519 signatures are deterministic, RFC 8032), so it need
    /// not be kept.
    private func receipt(_ update: AcceptedUpdate, _ round: RoundIdentifier) -> APIResponse {
        var message = Sotto_V1_Receipt()
        message.client = update.client
        message.task = round.task
        message.round = UInt32(round.round)
        message.attempt = UInt32(round.attempt)
        message.bodyHash = Data(update.bodyHash)
        message.ledgerIndex = UInt64(update.ledgerIndex)
        message.ledgerHead = Data(update.ledgerHead)
        message.receipts = UInt64(update.receipts)
        return .message(Sotto_V1_Signed(.receipt, body: message.wireBytes(), key: signingKey.key).wireBytes())
    }

    // MARK: Parts

    private enum PartOutcome: Sendable {
        case progress(Int)
        /// The update was accepted before: its receipt is given again, whichever part comes.
        case known(AcceptedUpdate)
        case whole([UInt8])
    }

    private func take(
        _ part: PartRange,
        _ bytes: [UInt8],
        _ client: String,
        _ identifier: RoundIdentifier,
        _ session: StoreSession
    ) throws -> PartOutcome {
        if let update = try session.update(of: client, in: identifier) { return .known(update) }
        guard let record = try session.round(identifier), record.state == .open else { throw Self.notOpen(identifier) }
        guard try session.isMember(client, of: identifier) else { throw Self.notMember(client, identifier) }
        let limit = try plans.plan(record.planHash, session).form(of: identifier).uploadLimit
        guard part.total <= limit else {
            throw APIError(413, "update for \(identifier): has \(part.total) bytes; the plan allows \(limit)")
        }
        let received = try session.receivedBytes(of: client, in: identifier)
        guard part.first <= received else {
            throw APIError(
                416,
                "update for \(identifier): part from byte \(part.first) leaves a gap; \(received) bytes are here"
            )
        }
        if part.first == received {
            try session.addPart(bytes, first: part.first, total: part.total, of: client, in: identifier)
        }
        let now = max(received, part.first + bytes.count)
        guard now >= part.total else { return .progress(now) }
        let whole = try session.joinedParts(of: client, in: identifier)
        guard whole.count == part.total else {
            try session.removeParts(of: client, in: identifier)
            throw APIError(409, "update for \(identifier): its parts do not fit together; send it again from the start")
        }
        return .whole(whole)
    }
}

/// A Content-Range: `bytes FIRST-LAST/TOTAL` (RFC 9110, section 14.4).
struct PartRange: Hashable, Sendable {
    let first: Int
    let total: Int

    /// The most bytes of one part.
    static let largest = WireLimits.uploadPart

    /// - Throws: ``APIError`` 400 for anything else, or a range that is not as long as the body.
    init(_ header: String, bodyBytes: Int) throws {
        let wrong = APIError(400, "update: Content-Range must be bytes FIRST-LAST/TOTAL and as long as the body")
        guard header.hasPrefix("bytes ") else { throw wrong }
        let ends = header.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard ends.count == 2, let total = Int(ends[1]) else { throw wrong }
        let range = ends[0].split(separator: "-", omittingEmptySubsequences: false)
        guard range.count == 2, let first = Int(range[0]), let last = Int(range[1]), first >= 0, first <= last,
            last < total, last - first == bodyBytes - 1
        else { throw wrong }
        guard bodyBytes <= Self.largest else {
            throw APIError(413, "update: a part has \(bodyBytes) bytes; at most \(Self.largest) are allowed")
        }
        self.first = first
        self.total = total
    }
}
