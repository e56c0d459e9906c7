// SPDX-License-Identifier: Apache-2.0

import Store
import Testing

@Suite("Stores: clients")
struct ClientConformanceTests {
    @Test("An invite enrols one key, as often as that key asks", arguments: Backend.all)
    func invites(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open()
        let (invite, key) = (Samples.hash(1), Samples.hash(10))
        func enrol(_ client: String, _ key: [UInt8]) throws -> String? {
            try store.write { session in
                try session.enrol(client: client, publicKey: key, inviteSecretHash: invite, now: 5)
            }
        }
        #expect(try enrol("a", key) == nil)
        #expect(try store.read { try $0.client("a") } == nil)

        try store.write { try $0.addInvite(secretHash: invite) }
        #expect(try enrol("a", key) == "a")
        #expect(try enrol("b", key) == "a")
        #expect(try enrol("c", Samples.hash(11)) == nil)
        #expect(try store.read { try $0.client("a") } == ClientRecord(name: "a", publicKey: key, enrolledAt: 5))
        #expect(try store.read { try $0.client("b") } == nil)
        #expect(try store.read { try $0.client("c") } == nil)
    }

    @Test("A revoked invite, and one whose time is over, enrol nobody", arguments: Backend.all)
    func endedInvites(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open()
        for invite: UInt8 in 1...2 { try store.write { try $0.addInvite(secretHash: Samples.hash(invite)) } }
        func enrol(_ invite: UInt8, now: UInt64) throws -> String? {
            try store.write { session in
                let client = "c\(invite)"
                let (key, secret) = (Samples.hash(10 + invite), Samples.hash(invite))
                return try session.enrol(client: client, publicKey: key, inviteSecretHash: secret, now: now)
            }
        }
        try database.sql("UPDATE invites SET expires_at = 100")
        #expect(try enrol(1, now: 100) == nil)
        #expect(try enrol(1, now: 99) == "c1")
        try database.sql("UPDATE invites SET expires_at = NULL, revoked_at = 50")
        #expect(try enrol(2, now: 10) == nil)
    }

    @Test("A name or key that is taken is a conflict and leaves the invite unused", arguments: Backend.all)
    func takenNames(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let store = try database.open()
        func enrol(_ session: StoreSession, _ client: String, _ key: UInt8, _ invite: UInt8) throws -> String? {
            try session.enrol(
                client: client,
                publicKey: Samples.hash(key),
                inviteSecretHash: Samples.hash(invite),
                now: 1
            )
        }
        for invite: UInt8 in 1...2 { try store.write { try $0.addInvite(secretHash: Samples.hash(invite)) } }
        #expect(try store.write { try enrol($0, "a", 10, 1) } == "a")
        try expectConflict(store, database) { _ = try enrol($0, "a", 11, 2) }
        try expectConflict(store, database) { _ = try enrol($0, "b", 10, 2) }
        try expectConflict(store, database) { try $0.addInvite(secretHash: Samples.hash(2)) }
        #expect(try store.write { try enrol($0, "b", 11, 2) } == "b")
    }

    @Test("Of many who use an invite at once, one is enrolled", arguments: Backend.all)
    func race(_ backend: Backend) async throws {
        let database = try backend.makeDatabase()
        let stores = try (0..<4).map { _ in try database.open() }
        try stores[0].write { try $0.addInvite(secretHash: Samples.hash(1)) }
        try await concurrently(4) { index in
            _ = try stores[index].write { session in
                let key = Samples.hash(UInt8(10 + index))
                return try session.enrol(
                    client: "c\(index)",
                    publicKey: key,
                    inviteSecretHash: Samples.hash(1),
                    now: 1
                )
            }
        }
        let enrolled = try stores[0].read { session in try (0..<4).compactMap { try session.client("c\($0)") } }
        #expect(enrolled.count == 1)
    }

    @Test("A nonce is used once by each client until it is forgotten", arguments: Backend.all)
    func nonces(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let (store, other) = (try database.open(), try database.open())
        func use(_ store: Store, _ nonce: UInt8, _ client: String, now: UInt64) throws -> Bool {
            try store.write { session in
                try session.forgetExpired(now: now)
                return try session.useNonce([nonce], client: client, expires: now + 100)
            }
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

    @Test("Who waits is counted, once for each plan, until the time is over", arguments: Backend.all)
    func waiting(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open()
        let (plan, other) = (Samples.hash(1), Samples.hash(2))
        func counts(now: UInt64) throws -> [Int] {
            try store.read { session in
                [
                    try session.waitingCount(for: plan, now: now), try session.waitingCount(for: other, now: now),
                    try session.waitingCount(now: now),
                ]
            }
        }
        try store.write { session in
            for (client, plan, time) in [("a", plan, 100), ("b", plan, 50), ("a", other, 100), ("a", plan, 200)] {
                try session.noteWaiting(client, for: plan, until: UInt64(time))
            }
        }
        #expect(try counts(now: 50) == [2, 1, 2])
        #expect(try counts(now: 51) == [1, 1, 1])
        #expect(try counts(now: 200) == [1, 0, 1])
        try store.write { try $0.forgetExpired(now: 101) }
        #expect(try counts(now: 0) == [1, 0, 1])
        try store.write { try $0.stopWaiting("a", for: plan) }
        #expect(try counts(now: 0) == [0, 0, 0])
    }
}
