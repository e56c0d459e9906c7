// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import FoundationEssentials
internal import Logging
internal import Messages
internal import Store

extension Aggregator {
    /// `POST /v1/enrolments`: an invite's secret and a new public key become a client.
    func enrol(_ request: APIRequest) async throws -> APIResponse {
        let message = try Sotto_V1_EnrolmentRequest(wire: request.body, what: "enrolment")
        let key = try requireThirtyTwo(message.publicKey, "enrolment: public key")
        guard message.inviteSecret.count == 16, (try? Ed25519PublicKey(bytes: key)) != nil else {
            throw APIError(400, "enrolment: needs an invite secret of 16 bytes and an Ed25519 public key")
        }
        // The name follows from the key, so it says nothing about when or where the device enrolled.
        let name = "c-" + Hexadecimal.text(SHA256.hash(key).prefix(10))
        let secretHash = SHA256.hash(message.inviteSecret.byteArray)
        let now = now()
        let enrolled: (client: String, key: ServerKeys.SigningKey)?
        do {
            enrolled = try await commits.submit { session, _ in
                // The answer is signed by the key that the invite pins, for as long as that is taken.
                guard let pinned = try session.invite(secretHash: secretHash)?.serverKey else { return nil }
                // It may pin one that was made a moment ago.
                try self.keys.refresh(session)
                let keys = self.keys.accepted(now: now)
                guard let signer = keys.first(where: { $0.hash == (pinned.isEmpty ? self.keys.publicKeyHash : pinned) })
                else {
                    throw APIError(
                        403,
                        "enrolment: the invite pins a key that this server has replaced; ask for a new one"
                    )
                }
                let client = try session.enrol(client: name, publicKey: key, inviteSecretHash: secretHash, now: now)
                return client.map { ($0, signer) }
            }
        } catch StoreError.conflict {
            throw APIError(403, "enrolment: this key is enrolled with another invite")
        }
        guard let enrolled else {
            throw APIError(403, "enrolment: the invite is unknown, used, expired or revoked; ask for a new one")
        }
        var enrolment = Sotto_V1_Enrolment()
        enrolment.client = enrolled.client
        enrolment.serverName = environment.configuration.name
        enrolment.serverPublicKey = Data(enrolled.key.key.publicKey.bytes)
        logger.info("client \(enrolled.client): enrolled")
        return .message(Sotto_V1_Signed(.enrolment, body: enrolment.wireBytes(), key: enrolled.key.key).wireBytes())
    }
}
