// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Cryptography
import FoundationEssentials
import GRDB
import Messages
import Store
import TestKit
import Testing

@Suite("Invites, clients, tokens and the audit log", .serialized, .timeLimit(.minutes(5)))
struct AccessTests {
    @Test("An invite is used once, ends, and can be taken back; its secret is stored nowhere")
    func invites() async throws {
        let place = try await Place(tasks: [])
        let configuration = place.configuration
        func make(_ expiresAfter: UInt64? = nil) throws -> InviteToken {
            try InviteToken(
                Administration.invites(1, note: "for a", expiresAfter: expiresAfter, configuration: configuration)[0]
            )
        }
        func enrol(_ invite: InviteToken, _ device: Device) async -> Int {
            await place.respond(to: device.enrolment(secret: invite.secret)).status
        }
        let (used, revoked, expired, unused) = try (make(), make(), make(60_000), make(60_000_000))
        let device = Device(unknownTo: place)
        #expect(await enrol(used, device) == 200)
        #expect(await enrol(used, device) == 200, "a lost answer is asked for again")
        #expect(await enrol(used, Device(unknownTo: place)) == 403)
        func id(_ invite: InviteToken) -> String { Hexadecimal.text(SHA256.hash(invite.secret).prefix(8)) }
        try Administration.revokeInvite(id(revoked), configuration: configuration)
        #expect(await enrol(revoked, Device(unknownTo: place)) == 403)
        for wrong in [id(revoked), id(used), "abc", "zzzz", "0000000000000000", ""] {
            #expect(throws: AggregatorError.self, "\(wrong)") {
                try Administration.revokeInvite(wrong, configuration: configuration)
            }
        }
        place.clock.advance(seconds: 61)
        #expect(await enrol(expired, Device(unknownTo: place)) == 403)
        #expect(await enrol(unused, Device(unknownTo: place)) == 200)
        let states = try Administration.listInvites(configuration).reduce(into: [:]) { $0[$1.id] = $1.status }
        #expect(states[id(used)] == "used" && states[id(revoked)] == "revoked" && states[id(unused)] == "used")
        #expect(try Administration.listInvites(configuration).allSatisfy { $0.note == "for a" })
        try expectNowhere([used, revoked, expired, unused].map { Hexadecimal.text($0.secret) }, place)
        #expect(throws: AggregatorError.self) {
            try Administration.invites(1, note: "two\nlines", expiresAfter: nil, configuration: configuration)
        }
    }

    @Test("A revoked client is refused on every route that is for clients")
    func clients() async throws {
        let place = try await Place(tasks: [])
        let device = try await Device(enrolledIn: place)
        func ask() async -> Int {
            await place.respond(to: device.signed(Device.assignmentRequest(accepting: []))).status
        }
        #expect(await ask() == 200)
        try Administration.revokeClient(device.name, configuration: place.configuration)
        #expect(await ask() == 403)
        #expect(try Administration.listClients(place.configuration).map(\.status) == ["revoked"])
        for name in [device.name, "c-none", ""] {
            #expect(throws: AggregatorError.self) {
                try Administration.revokeClient(name, configuration: place.configuration)
            }
        }
    }

    @Test("A token is shown once, of which only the hash is stored; names are never used again")
    func tokens() async throws {
        let place = try await Place(tasks: [])
        let text = try place.token("anna", .operate)
        let parts = text.split(separator: ".").map(String.init)
        #expect(parts.count == 3 && parts[0] == "sotto-op-1" && parts[1].count == 16 && parts[2].count == 64)
        try expectNowhere([parts[2]], place)
        let stored = try #require(try place.store().read { session in try session.token(id: parts[1]) })
        // SHA-256 of the secret's bytes, whoever computes it.
        #expect(stored.secretHash == SHA256.hash(try #require(Hexadecimal.bytes(parts[2]))))
        #expect(throws: AggregatorError.self) { try place.token("anna", .view) }
        try Administration.revokeToken("anna", configuration: place.configuration)
        #expect(throws: AggregatorError.self) { try place.token("anna", .view) }
        for name in ["", "a b", "a\n", String(repeating: "a", count: 65), "ä"] {
            #expect(throws: AggregatorError.self) { try place.token(name, .view) }
        }
    }

    /// No file of the state folder holds any of these, as text or as bytes.
    private func expectNowhere(_ secrets: [String], _ place: Place) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: place.configuration.stateFolder) {
            let path = place.configuration.stateFolder + "/" + name
            guard let data = FileManager.default.contents(atPath: path) else { continue }
            for secret in secrets {
                #expect(data.firstRange(of: Data(secret.utf8)) == nil, "\(name)")
                #expect(data.firstRange(of: Data(Hexadecimal.bytes(secret) ?? [])) == nil, "\(name)")
            }
        }
    }

    @Test("Every act is in the audit log, in the transaction of the act; a changed entry is found")
    func audit() async throws {
        let place = try await Place()
        let configuration = place.configuration
        let token = try place.token("anna", .operate)
        func post(_ path: String, _ body: String = "") async -> APIResponse {
            await place.respond(
                to: APIRequest(method: "POST", target: path, body: Array(body.utf8)).bearing(token)
            )
        }
        #expect(await post("/v1/tasks/digits/start").status == 200)
        #expect(await post("/v1/tasks/digits/pause").status == 200)
        // What is refused is no act.
        #expect(await post("/v1/tasks/digits/rollback", "{\"round\":1}").status == 409)
        #expect(await post("/v1/tasks/none/start").status == 404)
        #expect(await post("/v1/tasks", Place.task("digits")).status == 409)
        #expect(await post("/v1/tasks", Place.task("second")).status == 201)
        #expect(await post("/v1/tasks", "[task").status == 400)
        #expect(await post("/v1/tasks", Place.task("third").replacing("0.05", with: "5")).status == 422)
        #expect(await post("/v1/tasks", Place.task("third").replacing("people", with: "others")).status == 422)
        #expect(await post("/v1/tasks/digits/stop").status == 200)
        #expect(await post("/v1/tasks/digits/start").status == 409)
        let log = try Administration.audit(configuration)
        #expect(log.map(\.act) == ["task create", "token new", "task start", "task pause", "task create", "task stop"])
        #expect(log.map(\.subject) == ["digits", "anna", "digits", "digits", "second", "digits"])
        #expect(log.dropFirst(2).allSatisfy { $0.who == "token:anna" } && log[0].who.hasPrefix("cli:"))
        for change in [
            "UPDATE audit SET who = 'cli:nobody' WHERE position = 2",
            "UPDATE audit SET time = time + 1 WHERE position = 2",
            "DELETE FROM audit WHERE position = 2", "UPDATE audit SET detail = 'x' WHERE position = 0",
        ] {
            try rewrite(place, "CREATE TABLE kept AS SELECT * FROM audit", change)
            #expect(throws: AggregatorError.self, "\(change)") { try Administration.audit(configuration) }
            try rewrite(place, "DELETE FROM audit", "INSERT INTO audit SELECT * FROM kept", "DROP TABLE kept")
            #expect(try Administration.audit(configuration).count == 6)
        }
    }

    /// What somebody does who has the database.
    private func rewrite(_ place: Place, _ statements: String...) throws {
        let queue = try DatabaseQueue(path: place.databasePath)
        try queue.write { database in for statement in statements { try database.execute(sql: statement) } }
    }

    @Test("Reports are for everybody on the loopback interface, and for bearers of a token where the operator says so")
    func reports() async throws {
        for isPublic in [true, false] {
            var doors = DoorConfiguration()
            if !isPublic { doors.publicReports = false }
            let place = try await Place(doors: doors)
            let request = APIRequest(method: "GET", target: "/v1/tasks/digits")
            let anonymous = await place.respond(to: request)
            #expect(anonymous.status == (isPublic ? 200 : 401))
            #expect(await place.respond(to: request.bearing(try place.token("v", .view))).status == 200)
            #expect(await place.respond(to: request.bearing(try place.token("o", .operate))).status == 200)
            // Somebody who means to be somebody is told when he is not.
            #expect(await place.respond(to: request.bearing("sotto-op-1.00.00")).status == 401)
        }
        #expect(DoorConfiguration().publicReports(on: try ListenAddress("192.0.2.1:1", allowsOthers: true)) == false)
    }
}
