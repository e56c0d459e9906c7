// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Cryptography
import FoundationEssentials
import Messages
import Rounds
import Store
import Testing

@Suite("Who may ask, and when", .timeLimit(.minutes(2)))
struct RequestRuleTests {
    @Test("The same body again brings the same receipt, another body a conflict, also when the round is over")
    func duplicates() async throws {
        let world = try await World()
        var clients: [ScriptedClient] = []
        for _ in 0..<4 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for client in clients { _ = try await client.assignment() }
        let client = clients[1]
        let assignment = try #require(try await client.assignment())
        let body = try client.body(assignment, value: 1)
        let first = await client.put(body, assignment)
        try #require(first.status == 200)
        var before = try databaseDump(world.databasePath)

        func check() async throws {
            let again = await client.put(body, assignment)
            #expect(again.status == 200 && again.body == first.body)
            for other in [try client.body(assignment, value: 1), try client.body(assignment, value: 2), [1, 2, 3]] {
                let refused = await client.put(other, assignment)
                #expect(refused.status == 409)
                #expect(refused.reason?.contains("the first one stays") == true)
            }
            #expect(try databaseDump(world.databasePath) == before)
        }
        try await check()
        try await world.restart()
        // The first look after a restart gives the round the time that it was away.
        await world.aggregator.tick()
        before = try databaseDump(world.databasePath)
        try await check()

        let others = [clients[0], clients[2], clients[3]]
        var delivered = 0
        for other in others {
            guard let assignment = try await other.assignment() else { continue }
            #expect(await other.put(try other.body(assignment), assignment).status == 200)
            delivered += 1
        }
        #expect(delivered == 2)
        #expect(try world.task().round == 1)
        before = try databaseDump(world.databasePath)
        try await check()
        // A receipt is not given for somebody else's body, nor a place in the round.
        let stranger = await clients[3].put(body, assignment)
        #expect([409, 410].contains(stranger.status))
    }

    @Test("What a newer client adds to its messages is let through and changes nothing")
    func unknownFields() async throws {
        let world = try await World()
        // A field 1000 with a number, and a field 1001 with four bytes (protobuf's wire format).
        let more: [UInt8] = [0xC0, 0x3E, 7, 0xCA, 0x3E, 4, 1, 2, 3, 4]
        var enrolment = ScriptedClient.enrolment(
            secret: try InviteToken(world.invite()).secret,
            key: Ed25519PrivateKey().publicKey.bytes
        )
        enrolment.body += more
        #expect(await world.respond(to: enrolment).status == 200)

        var clients: [ScriptedClient] = []
        for _ in 0..<4 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        let plan = try world.task().planHash
        for client in clients {
            let asked = client.assignmentRequest(accepting: [plan])
            let request = client.request(asked.method, asked.target, body: asked.body + more)
            #expect(await world.respond(to: request).status == 200)
        }
        for client in clients {
            guard let assignment = try await client.assignment() else { continue }
            let body = try client.body(assignment) + more
            let first = await client.put(body, assignment)
            #expect(first.status == 200)
            #expect(await client.put(body, assignment).body == first.body)
        }
        #expect(try world.task().round == 1)
    }

    @Test("Rounds that are over, not yet open or of nobody; clients outside the cohort")
    func rounds() async throws {
        let world = try await World()
        var clients: [ScriptedClient] = []
        for _ in 0..<4 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for client in clients.prefix(3) { _ = try await client.assignment() }
        var assignments: [Sotto_V1_Assignment] = []
        for client in clients.prefix(3) { assignments.append(try #require(try await client.assignment())) }
        let body = try clients[0].body(assignments[0])
        func put(_ client: ScriptedClient, _ task: String, _ round: Int, _ attempt: Int) async throws -> APIResponse {
            let before = try databaseDump(world.databasePath)
            let target = Paths.update(RoundIdentifier(task: task, round: round, attempt: attempt))
            let response = await world.respond(to: client.request("PUT", target, body: body))
            #expect(try databaseDump(world.databasePath) == before)
            return response
        }
        for (task, round, attempt) in [
            ("digits", 2, 1), ("digits", 1, 2), ("digits", Int.max, Int.max), ("none", 1, 1), ("DIGITS", 1, 1),
        ] {
            let response = try await put(clients[0], task, round, attempt)
            #expect(response.status == 410 && response.reason?.contains("ask for a new assignment") == true)
        }
        #expect(try await clients[3].assignment() == nil)
        let outsider = try await put(clients[3], "digits", 1, 1)
        #expect(outsider.status == 409 && outsider.reason?.contains("not a member") == true)

        for (client, assignment) in zip(clients, assignments) {
            #expect(await client.put(try client.body(assignment), assignment).status == 200)
        }
        let late = try await put(clients[3], "digits", 1, 1)
        #expect(late.status == 410)
    }

    @Test("Nobody becomes a member before accepting the plan, and who refuses it holds nobody up")
    func acceptance() async throws {
        let world = try await World()
        let planHash = try world.task().planHash
        let undecided = try await ScriptedClient(enrolledIn: world)
        let unwilling = try await ScriptedClient(enrolledIn: world)
        func ask(_ request: APIRequest) async throws -> Sotto_V1_AssignmentReply {
            try Sotto_V1_AssignmentReply(wire: await world.respond(to: request).body, what: "reply")
        }
        for _ in 0..<3 {
            let told = try await ask(undecided.assignmentRequest())
            #expect(told.wait.plansToReview.map(\.byteArray) == [planHash])
            let answer = try await ask(unwilling.assignmentRequest(refusing: ["digits"]))
            #expect(answer.finished.reason.contains("no task is open"))
        }
        #expect(try world.stored { try $0.openRounds() }.isEmpty)
        var willing: [ScriptedClient] = []
        for _ in 0..<3 { willing.append(try await ScriptedClient(enrolledIn: world)) }
        for client in willing { _ = try await client.assignment() }
        for client in [undecided, unwilling] {
            guard case .wait = try await ask(client.assignmentRequest()).answer else {
                Issue.record("a client that has not accepted the plan waits")
                continue
            }
        }
        for client in willing { try await client.deliverZeros() }
        #expect(try world.task().round == 1)
    }

    @Test("Signatures: whose, of what, for whom, when and how often")
    func signatures() async throws {
        let world = try await World()
        let client = try await ScriptedClient(enrolledIn: world)
        let before = try databaseDump(world.databasePath)
        func refused(_ request: APIRequest, _ status: Int, _ reason: String) async throws {
            let response = await world.respond(to: request)
            #expect(response.status == status && response.reason?.contains(reason) == true, "\(response.reason ?? "")")
            #expect(try databaseDump(world.databasePath) == before)
        }
        let good = client.assignmentRequest()
        func changed(_ change: (inout APIRequest) -> Void) -> APIRequest {
            var request = good
            change(&request)
            return request
        }
        let notIts = "is not that of client"
        try await refused(ScriptedClient(unknownTo: world).assignmentRequest(), 403, "not enrolled")
        for header in ["sotto-client", "sotto-time", "sotto-nonce", "sotto-signature"] {
            try await refused(changed { $0.headers[header] = nil }, 401, "lacks")
            try await refused(changed { $0.headers[header] = "?" }, header == "sotto-client" ? 403 : 401, "")
        }
        try await refused(changed { $0.headers["sotto-client"] = String(repeating: "c", count: 65) }, 401, "lacks")
        try await refused(changed { $0.headers["sotto-nonce"]?.append("00") }, 401, "lacks")
        try await refused(changed { $0.headers["sotto-signature"] = String(repeating: "0", count: 128) }, 401, notIts)
        try await refused(changed { $0.headers["sotto-signature"]?.append("00") }, 401, notIts)
        try await refused(changed { $0.body = [0x0A, 1, 0x61] }, 401, notIts)
        try await refused(changed { $0.target += "?x=1" }, 401, notIts)
        try await refused(changed { $0.headers["range"] = "bytes=0-" }, 401, notIts)
        try await refused(changed { $0.headers["sotto-time"] = "\(world.clock.now + 1)" }, 401, notIts)
        try await refused(changed { $0.headers["sotto-nonce"] = String(repeating: "0", count: 32) }, 401, notIts)
        let elsewhere = ScriptedClient.Signing(server: SHA256.hash([7]))
        try await refused(client.request("POST", Paths.assignments, signing: elsewhere), 401, notIts)
        let someoneElse = ScriptedClient.Signing(name: try await ScriptedClient(enrolledIn: World()).name)
        try await refused(client.request("POST", Paths.assignments, signing: someoneElse), 403, "not enrolled")
        for time in [0, world.clock.now - 300_001, world.clock.now + 300_001, UInt64.max] {
            let signing = ScriptedClient.Signing(time: time)
            try await refused(client.request("POST", Paths.assignments, signing: signing), 401, "set the clock")
        }
        for time in [world.clock.now - 300_000, world.clock.now + 300_000] {
            let request = client.request("POST", Paths.assignments, signing: ScriptedClient.Signing(time: time))
            #expect(await world.respond(to: request).status == 200)
            // Also after a restart, and as long as its time would do.
            try await refused(request, 401, "used before")
            try await world.restart()
            try await refused(request, 401, "used before")
        }
        world.clock.advance(milliseconds: 300_000)
        let early = client.request("POST", Paths.assignments)
        #expect(await world.respond(to: early).status == 200)
        world.clock.advance(milliseconds: 299_000)
        try await refused(early, 401, "used before")
        #expect(await world.respond(to: client.assignmentRequest()).status == 200)
    }

    @Test("An invite enrols one key, as often as that key asks")
    func invites() async throws {
        let world = try await World()
        let invite = try InviteToken(world.invite())
        let (first, second) = (Ed25519PrivateKey().publicKey.bytes, Ed25519PrivateKey().publicKey.bytes)
        let answer = await world.respond(to: ScriptedClient.enrolment(secret: invite.secret, key: first))
        #expect(answer.status == 200)
        let unused = try InviteToken(world.invite())
        let before = try databaseDump(world.databasePath)
        let again = await world.respond(to: ScriptedClient.enrolment(secret: invite.secret, key: first))
        #expect(again.status == 200 && again.body == answer.body)
        for (secret, key, status, reason) in [
            (invite.secret, second, 403, "unknown, used, expired or revoked"),
            (SystemRandom.bytes(16), second, 403, "unknown"),
            (unused.secret, first, 403, "another invite"),
            (Array(unused.secret.dropLast()), second, 400, "16 bytes"),
            (unused.secret, Array(second.dropLast()), 400, "32"),
            (unused.secret, [], 400, "32"),
        ] {
            let response = await world.respond(to: ScriptedClient.enrolment(secret: secret, key: key))
            #expect(response.status == status && response.reason?.contains(reason) == true, "\(response.reason ?? "")")
        }
        #expect(try databaseDump(world.databasePath) == before)
    }

    @Test("Blobs by hash and range")
    func blobs() async throws {
        let world = try await World()
        let client = try await ScriptedClient(enrolledIn: world)
        let task = try world.task()
        let model = try #require(try world.stored { try $0.blob(task.modelHash) })
        let path = Paths.blob(task.modelHash)
        func get(_ path: String, _ range: String) async -> APIResponse {
            await world.respond(to: client.request("GET", path, range: range))
        }
        #expect(await get(path, "").body == model)
        for (range, expected) in [
            ("bytes=0-", 0..<model.count), ("bytes=0-0", 0..<1), ("bytes=10-19", 10..<20),
            ("bytes=\(model.count - 1)-", model.count - 1..<model.count), ("bytes=5-\(Int.max)", 5..<model.count),
        ] {
            let response = await get(path, range)
            #expect(response.status == 206 && response.body == Array(model[expected]), "\(range)")
        }
        for range in [
            "bytes=", "bytes=-", "bytes=-5", "bytes=5", "bytes=5-4", "bytes=\(model.count)-", "bytes=a-b",
            "bytes=0-1,3-4",
            "items=0-1", "bytes=99999999999999999999-", "bytes=0-99999999999999999999", "bytes= 0-1", "0-1",
        ] {
            let response = await get(path, range)
            #expect(response.status == 416 && response.reason?.contains("bytes=FIRST-LAST") == true, "\(range)")
        }
        for name in ["", "00", "zz", String(repeating: "0", count: 63), String(repeating: "g", count: 64)] {
            #expect(await get("/v1/blobs/\(name)", "").status == 404)
        }
        #expect(await get(Paths.blob(SHA256.hash([3])), "").status == 404)
        #expect(await world.respond(to: APIRequest(method: "GET", target: path)).status == 401)
    }
}
