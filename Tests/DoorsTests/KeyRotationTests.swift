// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Cryptography
import FoundationEssentials
import Messages
import Participant
import TestKit
import Testing

@Suite("Keys of the server", .serialized, .timeLimit(.minutes(5)))
struct KeyRotationTests {
    private static let day: UInt64 = 86_400

    @Test(
        "A key is announced, signs, is replaced and expires; a client that listened follows, one that did not is left"
    )
    func life() async throws {
        let place = try await Place()
        let configuration = place.configuration
        let device = try await Device(enrolledIn: place)
        let invite = try InviteToken(Administration.invite(configuration))
        let first = place.aggregator.publicKeyHash
        var identity = Sotto_V1_ClientIdentity()
        let enrolment = await place.respond(to: Device(unknownTo: place).enrolment(secret: invite.secret))
        let signed = try Sotto_V1_Signed(wire: enrolment.body, what: "enrolment")
        let told = try Sotto_V1_Enrolment(wire: signed.body.byteArray, what: "enrolment")
        #expect(SHA256.hash(told.serverPublicKey.byteArray) == first)
        identity.serverPublicKey = told.serverPublicKey
        var listener = try PinnedKeys(publicKey: identity.serverPublicKey.byteArray, statements: identity.serverKeys)
        let deaf = listener

        _ = try Administration.rotateKey(
            after: Self.day * 1000,
            grace: Self.day * 1000,
            configuration: configuration
        )
        #expect(throws: AggregatorError.self) {
            try Administration.rotateKey(after: 0, grace: 0, configuration: configuration)
        }
        await place.aggregator.tick()
        func statements() async throws -> [Sotto_V1_Signed] { try await device.ask(accepting: []).keys }
        func send(naming server: [UInt8]) async -> Int {
            var lies = Device.Lies()
            lies.server = server
            return await place.respond(to: device.signed(Device.assignmentRequest(accepting: []), lies)).status
        }

        // Announced: nothing signs otherwise than before.
        #expect(place.aggregator.publicKeyHash == first)
        let announced = try await statements()
        #expect(announced.count == 2)
        let isNew = [listener.learn(announced, now: place.clock.now), listener.learn(announced, now: place.clock.now)]
        #expect(isNew == [true, false])
        #expect(SHA256.hash(listener.current(now: place.clock.now).bytes) == first)
        #expect(try Administration.listKeys(configuration).map(\.status) == [.active, .pending])

        // Active: both keys are named and taken.
        place.clock.advance(seconds: Self.day + 3600)
        await place.aggregator.tick()
        let second = place.aggregator.publicKeyHash
        #expect(second != first)
        #expect(SHA256.hash(listener.current(now: place.clock.now).bytes) == second)
        #expect(SHA256.hash(deaf.current(now: place.clock.now).bytes) == first)
        #expect(await send(naming: first) == 200)
        #expect(await send(naming: second) == 200)
        let late = try InviteToken(Administration.invite(configuration))
        // The command line's clock has not moved: its invite pins the first key, and is answered by it.
        #expect(late.serverKeyHash == first)
        let answer = await place.respond(to: Device(unknownTo: place).enrolment(secret: late.secret))
        #expect(answer.status == 200)

        // Expired.
        let unused = try InviteToken(Administration.invite(configuration))
        place.clock.advance(seconds: Self.day)
        await place.aggregator.tick()
        #expect(await send(naming: first) == 401)
        #expect(await send(naming: second) == 200)
        let refused = await place.respond(to: Device(unknownTo: place).enrolment(secret: unused.secret))
        #expect(refused.status == 403 && refused.reason?.contains("replaced") == true)
    }

    @Test("An invite that pins a key of this moment enrols, though the server has not looked for keys since")
    func fresh() async throws {
        let place = try await Place(tasks: [])
        _ = try Administration.rotateKey(after: 0, grace: 60_000, configuration: place.configuration)
        let invite = try InviteToken(Administration.invite(place.configuration))
        #expect(invite.serverKeyHash != place.aggregator.publicKeyHash)
        let response = await place.respond(to: Device(unknownTo: place).enrolment(secret: invite.secret))
        #expect(response.status == 200)
        #expect(invite.serverKeyHash == place.aggregator.publicKeyHash)
    }

    @Test("A client takes no key from a statement that none of its keys has signed, nor a longer life of one it knows")
    func forged() throws {
        let own = Ed25519PrivateKey()
        let next = Ed25519PrivateKey()
        let thief = Ed25519PrivateKey()
        var identity = Sotto_V1_ClientIdentity()
        identity.serverPublicKey = Data(own.publicKey.bytes)
        var keys = try PinnedKeys(publicKey: identity.serverPublicKey.byteArray, statements: identity.serverKeys)
        func statement(_ key: Ed25519PublicKey, _ from: UInt64, _ until: UInt64) -> [UInt8] {
            var statement = Sotto_V1_KeyStatement()
            statement.publicKey = Data(key.bytes)
            statement.notBefore = from
            statement.notAfter = until
            return statement.wireBytes()
        }
        let body = statement(next.publicKey, 100, 0)
        // A receipt with the same bytes is no statement.
        let forged = [
            keys.learn([Sotto_V1_Signed(.key, body: body, key: thief)], now: 10),
            keys.learn([Sotto_V1_Signed(.receipt, body: body, key: own)], now: 10),
        ]
        #expect(forged == [false, false])
        #expect(keys.current(now: 200) == own.publicKey)
        let isLearned = keys.learn([Sotto_V1_Signed(.key, body: body, key: own)], now: 10)
        #expect(isLearned)
        #expect(keys.current(now: 99) == own.publicKey)
        #expect(keys.current(now: 100) == next.publicKey)
        let shorter = keys.learn([Sotto_V1_Signed(.key, body: statement(own.publicKey, 0, 150), key: own)], now: 10)
        let longer = keys.learn([Sotto_V1_Signed(.key, body: statement(own.publicKey, 0, 900), key: next)], now: 10)
        #expect(shorter && !longer)
        // After its end the first key vouches for nothing.
        let word = Sotto_V1_Signed(.receipt, body: [1, 2, 3], key: own)
        #expect(try keys.verified(word, .receipt, now: 149) == [1, 2, 3])
        #expect(throws: WireError.self) { try keys.verified(word, .receipt, now: 150) }
        _ = keys.learn([Sotto_V1_Signed(.key, body: statement(thief.publicKey, 0, 0), key: own)], now: 150)
        #expect(keys.statements.map(\.publicKey.byteArray) == [next.publicKey.bytes])
        // What is kept on disk says the same again.
        identity.serverPublicKey = Data(keys.oldest.bytes)
        identity.serverKeys = keys.statements
        #expect(
            try PinnedKeys(publicKey: identity.serverPublicKey.byteArray, statements: identity.serverKeys).statements
                == keys.statements
        )
        #expect(throws: WireError.self) {
            try PinnedKeys(publicKey: identity.serverPublicKey.byteArray, statements: identity.serverKeys).verified(
                word,
                .receipt,
                now: 150
            )
        }
    }

    @Test("After a change of the storage key, what is sealed can still be opened, and new seals need the new key")
    func storage() async throws {
        let place = try await Place()
        let configuration = place.configuration
        _ = try Administration.rotateKey(after: 0, grace: 1000, configuration: configuration)
        let hash = try #require(try Administration.listKeys(configuration).last).hash
        let old = try ServerKeys(stateFolder: configuration.stateFolder)
        let sealed = try old.seal([1, 2, 3], context: "a round")
        #expect(throws: AggregatorError.self, "a server is running") {
            try Administration.rotateStorageKey(configuration)
        }
        try await place.close()
        _ = try Administration.rotateStorageKey(configuration)
        let new = try ServerKeys(stateFolder: configuration.stateFolder)
        #expect(new.publicKeyHash == old.publicKeyHash && new.storageKeys == 2)
        #expect(try new.open(sealed, context: "a round") == [1, 2, 3])
        #expect(throws: CryptographyError.self) { try new.open(sealed, context: "another round") }
        let fresh = try new.seal([4], context: "a round")
        #expect(throws: CryptographyError.self) { try old.open(fresh, context: "a round") }
        // The later signing key was sealed anew with it.
        #expect(try Administration.listKeys(configuration).last?.hash == hash)
        for _ in 0..<4 { _ = try Administration.rotateStorageKey(configuration) }
        let last = try ServerKeys(stateFolder: configuration.stateFolder)
        #expect(last.storageKeys == 4)
        #expect(throws: CryptographyError.self) { try last.open(sealed, context: "a round") }
        #expect(try Administration.listKeys(configuration).last?.hash == hash)
    }
}
