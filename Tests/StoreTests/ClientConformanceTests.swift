// SPDX-License-Identifier: Apache-2.0

import Store
import Testing

@Suite("Stores: clients")
struct ClientConformanceTests {
    @Test("An invite enrols one key, as often as that key asks", arguments: Backend.all)
    func invites(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open()
        let (invite, key) = (Samples.hash(1), Samples.hash(10))
        #expect(try store.enrol(client: "a", publicKey: key, inviteSecretHash: invite) == nil)
        #expect(try store.publicKey(of: "a") == nil)

        try store.addInvite(secretHash: invite)
        #expect(try store.enrol(client: "a", publicKey: key, inviteSecretHash: invite) == "a")
        #expect(try store.enrol(client: "b", publicKey: key, inviteSecretHash: invite) == "a")
        #expect(try store.enrol(client: "c", publicKey: Samples.hash(11), inviteSecretHash: invite) == nil)
        #expect(try store.publicKey(of: "a") == key)
        #expect(try store.publicKey(of: "b") == nil)
        #expect(try store.publicKey(of: "c") == nil)
    }

    @Test("A name or key that is taken is a conflict and leaves the invite unused", arguments: Backend.all)
    func takenNames(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open()
        for invite: UInt8 in 1...2 { try store.addInvite(secretHash: Samples.hash(invite)) }
        _ = try store.enrol(client: "a", publicKey: Samples.hash(10), inviteSecretHash: Samples.hash(1))
        try expectConflict(store, database) {
            _ = try store.enrol(client: "a", publicKey: Samples.hash(11), inviteSecretHash: Samples.hash(2))
        }
        try expectConflict(store, database) {
            _ = try store.enrol(client: "b", publicKey: Samples.hash(10), inviteSecretHash: Samples.hash(2))
        }
        try expectConflict(store, database) { try store.addInvite(secretHash: Samples.hash(2)) }
        #expect(
            try store.enrol(client: "b", publicKey: Samples.hash(11), inviteSecretHash: Samples.hash(2)) == "b"
        )
    }

    @Test("A nonce is used once by each client until it has expired", arguments: Backend.all)
    func nonces(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let (store, other) = (try database.open(), try database.open())
        func use(_ store: any Store, _ nonce: UInt8, _ client: String, now: UInt64) throws -> Bool {
            try store.useNonce([nonce], client: client, expires: now + 100, now: now)
        }
        #expect(try use(store, 1, "a", now: 1000))
        #expect(try !use(store, 1, "a", now: 1000))
        #expect(try !use(other, 1, "a", now: 1050))
        #expect(try use(other, 1, "b", now: 1050))
        #expect(try use(store, 2, "a", now: 1050))
        // Remembered to the end of its last millisecond.
        #expect(try !use(store, 1, "a", now: 1100))
        #expect(try use(store, 1, "a", now: 1101))
        #expect(try !use(other, 2, "a", now: 1101))
        #expect(try !use(try database.open(), 1, "a", now: 1101))
    }
}
