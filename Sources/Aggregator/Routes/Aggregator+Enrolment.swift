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
        let enrolled: String?
        do {
            enrolled = try await commits.submit { session, _ in
                try session.enrol(client: name, publicKey: key, inviteSecretHash: secretHash, now: now)
            }
        } catch StoreError.conflict {
            throw APIError(403, "enrolment: this key is enrolled with another invite")
        }
        guard let enrolled else {
            throw APIError(403, "enrolment: the invite is unknown or was used by another device; ask for a new one")
        }
        var enrolment = Sotto_V1_Enrolment()
        enrolment.client = enrolled
        enrolment.serverName = environment.configuration.name
        enrolment.serverPublicKey = Data(keys.signing.publicKey.bytes)
        logger.info("client \(enrolled): enrolled")
        return .message(Sotto_V1_Signed(.enrolment, body: enrolment.wireBytes(), key: keys.signing).wireBytes())
    }
}
