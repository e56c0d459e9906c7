// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Messages
internal import Store

/// Who sends a request, checked before anything is done for it.
extension Aggregator {
    /// The client whose valid, timely and first-time signature the request carries.
    func authenticate(_ request: APIRequest) throws -> String {
        guard
            let client = request.headers[RequestSignature.clientHeader],
            let time = request.headers[RequestSignature.timeHeader].flatMap({ UInt64($0) }),
            let nonce = request.headers[RequestSignature.nonceHeader].flatMap({ Hexadecimal.bytes($0) }),
            let signature = request.headers[RequestSignature.signatureHeader].flatMap({ Hexadecimal.bytes($0) }),
            nonce.count == 16, client.utf8.count <= 64
        else { throw APIError(401, "request: lacks a valid client, time, nonce or signature header") }
        let now = clock()
        let window = RequestSignature.windowMilliseconds
        guard time <= now + window, now <= time + window else {
            throw APIError(401, "request: its time differs by more than 5 minutes from the server's; set the clock")
        }
        guard let bytes = try store.publicKey(of: client) else {
            throw APIError(403, "client: is not enrolled here; enrol with an invite")
        }
        let signed = RequestSignature(
            method: request.method,
            target: request.target,
            range: request.range,
            bodyHash: SHA256.hash(request.body),
            server: publicKeyHash,
            client: client,
            time: time,
            nonce: nonce
        )
        guard try Ed25519PublicKey(bytes: bytes).verifies(signature: signature, of: signed.signedBytes) else {
            throw APIError(401, "request: its signature is not that of client \(client)")
        }
        // A nonce is remembered for as long as its time could still be accepted.
        guard try store.useNonce(nonce, client: client, expires: time + 2 * window, now: now) else {
            throw APIError(401, "request: its nonce was used before; a retry needs a fresh one")
        }
        return client
    }
}
