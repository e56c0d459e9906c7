// SPDX-License-Identifier: Apache-2.0

package import Cryptography
internal import FoundationEssentials
package import Messages
package import Rounds
internal import SwiftProtobuf

/// Why a call brought no usable answer.
package enum CallError: Error {
    /// Nothing or a temporary failure came back: the same call may work later.
    case later(String)
    /// The server refused this call, with its HTTP status and its one line.
    case refused(Int, String)
    /// The client itself must stop.
    case fatal(ParticipantError)
    /// Somebody asked the client to end.
    case stopped
}

/// Speaks to one server: signs every request, checks every signature, counts bytes.
package struct ServerConnection: ~Copyable {
    private var transport: any Transport
    private let key: Ed25519PrivateKey
    /// The server's keys: the one that the invite pinned, and those that followed.
    private(set) var serverKeys: PinnedKeys
    let client: String
    private let clock: @Sendable () -> UInt64
    private(set) var bytesUp = 0
    private(set) var bytesDown = 0

    package init(
        transport: any Transport,
        key: consuming Ed25519PrivateKey,
        serverKeys: PinnedKeys,
        client: String,
        clock: @escaping @Sendable () -> UInt64
    ) {
        self.transport = transport
        self.key = key
        self.serverKeys = serverKeys
        self.client = client
        self.clock = clock
    }

    /// Takes up what the server says of its keys.
    ///
    /// - Returns: whether anything is new.
    mutating func learn(_ statements: [Sotto_V1_Signed]) -> Bool { serverKeys.learn(statements, now: clock()) }

    /// The body of an assignment that the server has signed.
    func verified(assignment signed: Sotto_V1_Signed) throws(WireError) -> [UInt8] {
        try serverKeys.verified(signed, .assignment, now: clock())
    }

    /// What the server has for this client.
    mutating func assignment(
        accepting plans: [[UInt8]],
        refusing tasks: [String]
    ) throws(CallError) -> Sotto_V1_AssignmentReply {
        var request = Sotto_V1_AssignmentRequest()
        request.refusedTasks = tasks
        request.acceptedPlans = plans.map { Data($0) }
        let body = try call("POST", Paths.assignments, body: request.wireBytes(), limit: WireLimits.smallMessage)
        return try understood { () throws(WireError) in
            try Sotto_V1_AssignmentReply(wire: body, what: "assignment")
        }
    }

    /// A plan or model whose SHA-256 is `hash`, fetched in ranges, so that a broken connection costs one range.
    mutating func blob(_ hash: [UInt8], length: Int?, limit: Int) throws(CallError) -> [UInt8] {
        var bytes: [UInt8] = []
        if let length { bytes.reserveCapacity(min(length, limit)) }
        while bytes.count <= limit {
            let end = bytes.count + Self.rangeLength - 1
            let chunk = try call(
                "GET",
                Paths.blob(hash),
                range: "bytes=\(bytes.count)-\(end)",
                limit: Self.rangeLength
            )
            bytes += chunk
            if chunk.count < Self.rangeLength || bytes.count == length { break }
        }
        guard bytes.count <= limit, SHA256.hash(bytes) == hash else {
            throw .later("the server sent \(bytes.count) bytes that do not have the hash it signed")
        }
        return bytes
    }

    /// Delivers an update and gives its checked receipt. A long one goes in parts, so that a broken connection costs one part.
    ///
    /// - Parameter mayHaveBegun: whether parts of it may be there from before; then the server is asked how many.
    package mutating func deliver(
        _ body: [UInt8],
        round: RoundIdentifier,
        mayHaveBegun: Bool
    ) throws(CallError) -> Sotto_V1_Receipt {
        let target = Paths.update(round)
        guard body.count > WireLimits.uploadPart else {
            let reply = try exchange("PUT", target, body: body, limit: WireLimits.smallMessage)
            return try receipt(reply.body, of: body, round: round)
        }
        var sent = 0
        if mayHaveBegun { sent = try progress(call("GET", target, limit: WireLimits.smallMessage), of: body) }
        while true {
            // Where all is there and only the receipt is missing, the last part brings it.
            let first = min(sent, (body.count - 1) / WireLimits.uploadPart * WireLimits.uploadPart)
            let end = min(body.count, first + WireLimits.uploadPart)
            let reply = try exchange(
                "PUT",
                target,
                body: Array(body[first..<end]),
                contentRange: "bytes \(first)-\(end - 1)/\(body.count)",
                limit: WireLimits.smallMessage
            )
            guard reply.status == 202 else { return try receipt(reply.body, of: body, round: round) }
            let received = try progress(reply.body, of: body)
            guard received > sent, received < body.count else {
                throw .later("the server has \(received) bytes of the update, after \(end) were sent")
            }
            sent = received
        }
    }

    /// The bytes that the server has from the beginning of `body` on.
    private func progress(_ reply: [UInt8], of body: [UInt8]) throws(CallError) -> Int {
        let message = try understood { () throws(WireError) in
            try Sotto_V1_UploadProgress(wire: reply, what: "progress of an upload")
        }
        return Int(clamping: min(message.received, UInt64(body.count)))
    }

    private func receipt(
        _ reply: [UInt8],
        of body: [UInt8],
        round: RoundIdentifier
    ) throws(CallError) -> Sotto_V1_Receipt {
        let (serverKeys, now) = (serverKeys, clock())
        let receipt = try understood { () throws(WireError) in
            let signed = try Sotto_V1_Signed(wire: reply, what: "receipt")
            return try Sotto_V1_Receipt(wire: serverKeys.verified(signed, .receipt, now: now), what: "receipt")
        }
        guard
            receipt.client == client, receipt.task == round.task, receipt.round == UInt32(round.round),
            receipt.attempt == UInt32(round.attempt), receipt.bodyHash.byteArray == SHA256.hash(body)
        else { throw .later("the server's receipt is for something else") }
        return receipt
    }

    static let rangeLength = 4 << 20

    private func understood<Value>(_ body: () throws(WireError) -> Value) throws(CallError) -> Value {
        do {
            return try body()
        } catch {
            throw .later("\(error)")
        }
    }

    /// The body of the answer to one signed exchange.
    private mutating func call(
        _ method: String,
        _ target: String,
        body: [UInt8] = [],
        range: String = "",
        limit: Int
    ) throws(CallError) -> [UInt8] {
        try exchange(method, target, body: body, range: range, limit: limit).body
    }

    /// One signed exchange.
    ///
    /// A request whose time has become stale, because the device slept or its clock was set between signing and sending,
    /// is signed once more; a clock that is really wrong is refused again.
    ///
    /// - Parameters:
    ///   - range: what is asked for, or empty.
    ///   - contentRange: which part of the whole `body` is, or empty.
    private mutating func exchange(
        _ method: String,
        _ target: String,
        body: [UInt8] = [],
        range: String = "",
        contentRange: String = "",
        limit: Int
    ) throws(CallError) -> TransportReply {
        do {
            return try signedExchange(method, target, body, range: range, contentRange: contentRange, limit: limit)
        } catch {
            guard case .refused(401, _) = error else { throw error }
            return try signedExchange(method, target, body, range: range, contentRange: contentRange, limit: limit)
        }
    }

    private mutating func signedExchange(
        _ method: String,
        _ target: String,
        _ body: [UInt8],
        range: String,
        contentRange: String,
        limit: Int
    ) throws(CallError) -> TransportReply {
        let now = clock()
        let signature = RequestSignature(
            method: method,
            target: target,
            range: range.isEmpty ? contentRange : range,
            bodyHash: SHA256.hash(body),
            server: SHA256.hash(serverKeys.current(now: now).bytes),
            client: client,
            time: now,
            nonce: SystemRandom.bytes(16)
        )
        var request = TransportRequest(method: method, target: target, replyLimit: max(limit, WireLimits.smallMessage))
        request.body = body
        request.range = range
        request.headers = [
            (RequestSignature.clientHeader, client),
            (RequestSignature.timeHeader, "\(signature.time)"),
            (RequestSignature.nonceHeader, Hexadecimal.text(signature.nonce)),
            (RequestSignature.signatureHeader, Hexadecimal.text(key.sign(signature.signedBytes))),
        ]
        if !contentRange.isEmpty { request.headers.append(("content-range", contentRange)) }
        return try Self.send(request, over: &transport, up: &bytesUp, down: &bytesDown)
    }

    /// Enrols with an invite's secret and a new key; the only call that is not signed by the client.
    static func enrol(
        secret: [UInt8],
        publicKey: Ed25519PublicKey,
        over transport: inout any Transport
    ) throws(CallError) -> Sotto_V1_Signed {
        var message = Sotto_V1_EnrolmentRequest()
        message.inviteSecret = .init(secret)
        message.publicKey = .init(publicKey.bytes)
        var request = TransportRequest(method: "POST", target: Paths.enrolments, replyLimit: WireLimits.smallMessage)
        request.body = message.wireBytes()
        var up = 0
        var down = 0
        let reply = try send(request, over: &transport, up: &up, down: &down)
        do {
            return try Sotto_V1_Signed(wire: reply.body, what: "enrolment")
        } catch {
            throw .later("\(error)")
        }
    }

    private static func send(
        _ request: TransportRequest,
        over transport: inout any Transport,
        up: inout Int,
        down: inout Int
    ) throws(CallError) -> TransportReply {
        let reply: TransportReply
        do {
            reply = try transport.send(request)
        } catch {
            throw .later("\(error)")
        }
        up += request.body.count
        down += reply.body.count
        switch reply.status {
        case 200, 202, 206:
            return reply
        case 416 where !request.range.isEmpty:
            // The range begins where the blob ends.
            return TransportReply(status: 416, body: [])
        default:
            var told = ""
            if let refusal = try? Sotto_V1_Refusal(serializedBytes: reply.body) {
                // It goes to a terminal, so it may not control one.
                told = String(
                    refusal.reason.filter { character in !character.unicodeScalars.contains { $0.value < 32 } }
                )
            }
            let reason = told.isEmpty ? "HTTP status \(reply.status)" : String(told.prefix(500))
            if reply.status == 429 || reply.status >= 500 { throw .later(reason) }
            throw .refused(reply.status, reason)
        }
    }
}
