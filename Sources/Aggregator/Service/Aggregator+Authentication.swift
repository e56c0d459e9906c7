// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Messages
internal import Store

/// Who sends a request, checked before anything is done for it.
extension Aggregator {
    /// Looks at a request's head before its body is read, so that a stranger cannot make the server hold a long body.
    ///
    /// - Returns: the most bytes of the body that may be read, or the refusal to answer with.
    public func admit(
        method: String,
        target: String,
        headers: [String: String],
        address: String? = nil
    ) async -> Result<Int, Refusal> {
        do {
            try admitAddress(address, method: method, target: target)
        } catch {
            return .failure(Refusal(Self.refusal(error, to: headers)))
        }
        guard let limit = await bodyLimit(method: method, target: target) else {
            return .failure(Refusal(.refusal(503, "server: cannot serve this now; try again later")))
        }
        guard limit > WireLimits.smallMessage else { return .success(limit) }
        do {
            _ = try await compute.run { try self.claimedClient(headers) }
            return .success(limit)
        } catch let error as APIError {
            if let address { _ = limits.strangers.take(address, now: limits.now) }
            return .failure(Refusal(Self.refusal(error, to: headers)))
        } catch {
            return .failure(Refusal(.refusal(503, "server: cannot serve this now; try again later")))
        }
    }

    /// Holds back an address from which too much comes that nobody stands behind.
    private func admitAddress(_ address: String?, method: String, target: String) throws(APIError) {
        guard let address else { return }
        let access = (try? Self.route(method: method, target: target))?.route.access
        let now = limits.now
        let wait: Int?
        switch access {
        // What is signed counts only when the signature turns out to be wrong.
        case .client, .operate: wait = limits.strangers.look(address, now: now)
        case .anyone, .invited, .view, nil: wait = limits.strangers.take(address, now: now)
        }
        if let wait { throw RequestLimits.refusal("this address", wait) }
        if access == .invited, let wait = limits.enrolments.take("", now: now) {
            throw RequestLimits.refusal("enrolments", wait)
        }
    }

    /// Counts a request that turned out to be nobody's.
    func noteStranger(_ request: APIRequest, status: Int) {
        guard let address = request.address, status == 401 || status == 403 else { return }
        _ = limits.strangers.take(address, now: limits.now)
    }

    /// An answer in place of a body.
    public struct Refusal: Error {
        public let response: APIResponse

        init(_ response: APIResponse) {
            self.response = response
        }
    }

    /// What a request says of its sender.
    private struct Claim {
        let client: String
        let key: [UInt8]
        let time: UInt64
        let nonce: [UInt8]
        let signature: [UInt8]
    }

    /// The sender as far as it can be checked without the body: the headers are there, the time is within the window, and
    /// the client is enrolled.
    private func claimedClient(_ headers: [String: String]) throws -> Claim {
        guard
            let client = headers[RequestSignature.clientHeader],
            let time = headers[RequestSignature.timeHeader].flatMap({ UInt64($0) }),
            let nonce = headers[RequestSignature.nonceHeader].flatMap({ Hexadecimal.bytes($0) }),
            let signature = headers[RequestSignature.signatureHeader].flatMap({ Hexadecimal.bytes($0) }),
            nonce.count == 16, client.utf8.count <= 64, client.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw APIError(401, "request: lacks a valid client, time, nonce or signature header") }
        let now = now()
        let window = RequestSignature.windowMilliseconds
        guard time <= now + window, now <= time + window else {
            throw APIError(401, "request: its time differs by more than 5 minutes from the server's; set the clock")
        }
        guard let record = try store.read({ session in try session.client(client) }) else {
            throw APIError(403, "client: is not enrolled here; enrol with an invite")
        }
        guard record.revokedAt == nil else {
            throw APIError(403, "client: its enrolment was revoked by the operator")
        }
        return Claim(client: client, key: record.publicKey, time: time, nonce: nonce, signature: signature)
    }

    /// Who sent a request, and the nonce that makes it this one.
    struct Caller: Sendable {
        let client: String
        /// `nil` where it was used already.
        let nonce: [UInt8]?
        /// Until when the nonce must be remembered.
        let expires: UInt64
    }

    /// The client whose valid and timely signature the request carries. Whether it comes for the first time is for
    /// ``useNonce(_:_:)``, in the transaction in which something is done for it.
    func verify(_ request: APIRequest) throws -> Caller {
        let claim = try claimedClient(request.headers)
        let bodyHash = SHA256.hash(request.body)
        let key = try Ed25519PublicKey(bytes: claim.key)
        // It names this server by any of the keys that are taken.
        let isSigned = keys.accepted(now: now()).contains { serverKey in
            let signed = RequestSignature(
                method: request.method,
                target: request.target,
                range: request.signedRange,
                bodyHash: bodyHash,
                server: serverKey.hash,
                client: claim.client,
                time: claim.time,
                nonce: claim.nonce
            )
            return key.verifies(signature: claim.signature, of: signed.signedBytes)
        }
        guard isSigned else {
            throw APIError(401, "request: its signature is not that of client \(claim.client)")
        }
        // A nonce is remembered for as long as its time could still be accepted.
        let expires = claim.time + 2 * RequestSignature.windowMilliseconds
        return Caller(client: claim.client, nonce: claim.nonce, expires: expires)
    }

    /// Refuses a request that came before, on this server or another one of the database.
    func useNonce(_ caller: Caller, _ session: StoreSession) throws {
        guard let nonce = caller.nonce else { return }
        guard try session.useNonce(nonce, client: caller.client, expires: caller.expires) else {
            throw APIError(401, "request: its nonce was used before; a retry needs a fresh one")
        }
    }
}
