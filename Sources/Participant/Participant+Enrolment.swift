// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Logging
internal import Messages

/// From an invite to a connection as an enrolled client.
extension Participant {
    func connect(_ folder: borrowing StateFolder) throws(CallError) -> ServerConnection {
        var transport: any Transport
        do { transport = try makeTransport() } catch { throw .fatal(.failure("\(error)")) }
        do {
            var identity: Identity
            let isNew: Bool
            if let stored = try folder.identity() {
                identity = stored
                isNew = false
            } else {
                identity = Identity()
                isNew = true
            }
            guard identity.client.isEmpty else { return try self.connection(identity, transport) }
            guard let text = configuration.invite else {
                throw ParticipantError.input(
                    "--invite: is missing and \(configuration.stateFolder) holds no identity; ask the operator for an invite"
                )
            }
            let invite = try InviteToken(text)
            // The key is on disk before it is enrolled: after a crash in between, the same invite enrols the same key.
            if isNew { try folder.setIdentity(identity) }
            let key = try identity.signingKey().publicKey
            let signed = try ServerConnection.enrol(secret: invite.secret, publicKey: key, over: &transport)
            let enrolment = try Self.enrolment(signed, invite: invite)
            identity.client = enrolment.client
            identity.serverName = enrolment.serverName
            identity.serverPublicKey = enrolment.serverPublicKey.byteArray
            try folder.setIdentity(identity)
            logger.info("enrolled as \(enrolment.client) with \(enrolment.serverName)")
            return try self.connection(identity, transport)
        } catch let error as CallError {
            throw error
        } catch let error as ParticipantError {
            throw .fatal(error)
        } catch {
            throw .fatal(.input("\(error)"))
        }
    }

    private func connection(_ identity: borrowing Identity, _ transport: any Transport) throws -> ServerConnection {
        try ServerConnection(
            transport: transport,
            key: identity.signingKey(),
            serverKeys: PinnedKeys(publicKey: identity.serverPublicKey, statements: identity.serverKeys),
            client: identity.client,
            clock: clock
        )
    }

    /// The enrolment, when it is signed by the key whose hash the invite carries.
    private static func enrolment(_ signed: Sotto_V1_Signed, invite: InviteToken) throws -> Sotto_V1_Enrolment {
        let claimed = try Sotto_V1_Enrolment(wire: signed.body.byteArray, what: "enrolment")
        let key = try Ed25519PublicKey(bytes: claimed.serverPublicKey.byteArray)
        guard SHA256.hash(key.bytes) == invite.serverKeyHash else {
            throw ParticipantError.refused(
                "the server's key is not the one that the invite pins; do not trust this server"
            )
        }
        _ = try signed.verified(.enrolment, by: key)
        return claimed
    }
}
