// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Cryptography
import FoundationEssentials
import Messages
import Rounds
import Store
import Testing
import Updates

/// Everything here ends in a status, one line, and a store in which nothing has changed but used nonces.
@Suite("Bad requests", .timeLimit(.minutes(2)))
struct RefusalTests {
    /// A world with an open round: `members` have their assignment, `outside` has none, nobody has delivered.
    private struct Stage {
        let world: World
        let members: [ScriptedClient]
        let assignments: [Sotto_V1_Assignment]
        let outside: ScriptedClient

        init() async throws {
            var terms = Terms()
            terms.samplingRate = 0.2
            world = try await World(terms)
            var members: [ScriptedClient] = []
            for _ in 0..<3 { members.append(try await ScriptedClient(enrolledIn: world)) }
            outside = try await ScriptedClient(enrolledIn: world)
            for member in members { _ = try await member.assignment() }
            var assignments: [Sotto_V1_Assignment] = []
            for member in members { assignments.append(try #require(try await member.assignment())) }
            self.members = members
            self.assignments = assignments
        }

        /// Sends a request that must be refused.
        func refuses(
            _ request: APIRequest,
            _ status: Int,
            _ reason: String,
            at location: SourceLocation = #_sourceLocation
        ) async throws {
            let before = try databaseDump(world.databasePath)
            let response = await world.respond(to: request)
            #expect(response.status == status, sourceLocation: location)
            let line = response.reason ?? ""
            #expect(line.contains(reason) && !line.contains("\n"), "\(line)", sourceLocation: location)
            #expect(try databaseDump(world.databasePath) == before, sourceLocation: location)
        }

        /// The round still ends as it would have.
        func finishesTheRound() async throws {
            for (member, assignment) in zip(members, assignments) {
                let response = await member.put(try member.body(assignment), assignment)
                #expect(response.status == 200)
            }
            #expect(try world.task().round == 1)
        }
    }

    @Test("Paths and methods that do not exist")
    func paths() async throws {
        let stage = try await Stage()
        let client = stage.members[0]
        for path in ["/v1", "/v1/", "/v2/tasks", "/v1/none", "", "//", "/v1/tasks/a/b", "/../v1/tasks"] {
            try await stage.refuses(APIRequest(method: "GET", target: path), 404, "no such path")
        }
        try await stage.refuses(APIRequest(method: "GET", target: "/v1/tasks/none"), 404, "does not exist")
        for (method, path) in [
            ("GET", "/v1/assignments"), ("DELETE", "/v1/tasks"), ("PUT", "/v1/enrolments"),
            ("POST", "/v1/tasks/digits"),
            ("POST", "/v1/tasks/digits/rounds/1/attempts/1/update"), ("BREW", "/v1/blobs/00"),
        ] {
            try await stage.refuses(client.request(method, path), 405, "does not support \(method)")
        }
        for path in ["rounds/0/attempts/1", "rounds/1/attempts/0", "rounds/-1/attempts/1", "rounds/x/attempts/1"] {
            try await stage.refuses(
                client.request("PUT", "/v1/tasks/digits/\(path)/update"),
                404,
                "whole numbers from 1"
            )
        }
        try await stage.finishesTheRound()
    }

    @Test("Bodies that are too long, cut or of another kind")
    func bodies() async throws {
        let stage = try await Stage()
        let (client, assignment) = (stage.members[0], stage.assignments[0])
        let target = ScriptedClient.target(assignment)
        let good = try client.body(assignment)

        let limit = try #require(await stage.world.aggregator.bodyLimit(method: "PUT", target: target))
        #expect(limit < good.count + 16 * 1024 && limit >= good.count)
        let long = [UInt8](repeating: 0, count: limit + 1)
        try await stage.refuses(client.request("PUT", target, body: long), 413, "exceeds \(limit) bytes")
        for path in ["/v1/assignments", "/v1/enrolments", "/v1/tasks/none/rounds/1/attempts/1/update"] {
            let limit = await stage.world.aggregator.bodyLimit(method: "PUT", target: path)
            #expect(limit == 16 * 1024)
        }
        for length in [1, 5, 40, 100, good.count / 2, good.count - 1] {
            try await stage.refuses(client.request("PUT", target, body: Array(good.prefix(length))), 400, "valid")
        }
        try await stage.refuses(client.request("PUT", target), 422, "another plan")
        try await stage.refuses(client.request("POST", Paths.assignments, body: [0x0A, 0xFF]), 400, "valid")
        try await stage.refuses(APIRequest(method: "POST", target: Paths.enrolments, body: [0x0A, 9]), 400, "valid")
        try await stage.finishesTheRound()
    }

    @Test("Updates that are not what the round expects")
    func updates() async throws {
        let stage = try await Stage()
        let (client, assignment) = (stage.members[0], stage.assignments[0])
        let target = ScriptedClient.target(assignment)
        let plan = try stage.world.plan()
        let ring = try Ring(bits: plan.ringBits)
        let values = (0..<plan.model.parameters).map { Int64($0 % 7) - 3 }
        let (codec, plaintext) = UpdateEncoding.encode(values.span, in: ring)
        func refuses(_ reason: String, _ change: (inout Sotto_V1_UpdateUpload) -> Void) async throws {
            let body = try client.body(assignment, plaintext: plaintext, codec: codec, changing: change)
            try await stage.refuses(client.request("PUT", target, body: body), 422, reason)
        }
        let other = Data(SHA256.hash([1]))
        try await refuses("another plan") { $0.planHash = other }
        try await refuses("another plan") { $0.planHash = Data() }
        try await refuses("another model") { $0.modelHash = other }
        try await refuses("another key") { $0.keyID = "0123456789abcdef" }
        try await refuses("values") { $0.count = 0 }
        try await refuses("values") { $0.count += 1 }
        try await refuses("values") { $0.count = .max }
        for bits in [0, 1, plan.ringBits - 1, plan.ringBits + 1, 63, Int(UInt32.max)] {
            try await refuses("ring of \(bits) bits") { $0.ringBits = UInt32(bits) }
        }
        try await refuses("unknown codec 2") { $0.codec = 2 }
        try await refuses("unknown codec") { $0.codec = .max }
        // The other codec is a known one, but not that of the seal.
        try await refuses("sealing") { $0.codec = 1 - $0.codec }
        for length in [0, 1, plaintext.count - 1, plaintext.count + 1024, Int.max] {
            try await refuses("plaintext length") { $0.plaintextLength = UInt64(length) }
        }
        for length in [0, 15, 16, 17, 1039, plaintext.count, plaintext.count + 15] {
            try await refuses("length") { $0.ciphertext = Data($0.ciphertext.prefix(length)) }
        }
        for length in [0, 31, 33] {
            try await refuses("encapsulated key") { $0.encapsulatedKey = Data(repeating: 9, count: length) }
        }
        // Points of low order (RFC 7748, section 6.1): the shared secret would be zero.
        try await refuses("sealing") { $0.encapsulatedKey = Data(repeating: 0, count: 32) }
        try await refuses("sealing") { $0.encapsulatedKey = Data([1] + [UInt8](repeating: 0, count: 31)) }
        for place in [0, 1, 4, 500, plaintext.count - 1, plaintext.count, plaintext.count + 15] {
            try await refuses("sealing") { $0.ciphertext[$0.ciphertext.startIndex + place] ^= 0x10 }
        }
        try await stage.finishesTheRound()
    }

    @Test("Plaintexts that are sealed as they should be and hold what they should not")
    func plaintexts() async throws {
        let stage = try await Stage()
        let (client, assignment) = (stage.members[0], stage.assignments[0])
        let target = ScriptedClient.target(assignment)
        let plan = try stage.world.plan()
        let count = plan.model.parameters
        let planes = (plan.ringBits + 7) / 8
        #expect(plan.ringBits % 8 != 0, "the highest plane has room for values beyond the ring")
        func refuses(_ reason: String, _ codec: UpdateCodec, _ plaintext: [UInt8]) async throws {
            let body = try client.body(assignment, plaintext: plaintext, codec: codec)
            try await stage.refuses(client.request("PUT", target, body: body), 422, reason)
        }
        func frame(_ statedSize: UInt64?, _ blocks: HandmadeFrame.Block...) -> [UInt8] {
            HandmadeFrame.plaintext(around: HandmadeFrame(statedSize: statedSize, blocks: blocks).bytes)
        }
        let size = UInt64(planes * count)

        // Out of range.
        let highest = HandmadeFrame.Block.run(0xFF, count: count)
        try await refuses("highest plane", .zstd, frame(size, .run(0, count: (planes - 1) * count), highest))
        // Bombs: a gigabyte stated, a gigabyte hidden, no size at all, a size that is not reached.
        let bomb = [HandmadeFrame.Block](repeating: .run(0, count: 128 << 10), count: 300)
        try await refuses(
            "header",
            .zstd,
            HandmadeFrame.plaintext(around: HandmadeFrame(statedSize: 1 << 30, blocks: bomb).bytes)
        )
        try await refuses(
            "",
            .zstd,
            HandmadeFrame.plaintext(around: HandmadeFrame(statedSize: size, blocks: bomb).bytes)
        )
        try await refuses("header", .zstd, frame(nil, .run(0, count: planes * count)))
        try await refuses("header", .zstd, frame(.max, .run(0, count: 1)))
        try await refuses("", .zstd, frame(size, .run(0, count: planes * count - 1)))
        // Corrupt: not a frame, a cut frame, two frames.
        try await refuses("header", .zstd, HandmadeFrame.plaintext(around: [UInt8](repeating: 7, count: 300)))
        let whole = HandmadeFrame(statedSize: size, blocks: [.run(0, count: planes * count)]).bytes
        try await refuses("", .zstd, HandmadeFrame.plaintext(around: Array(whole.dropLast())))
        try await refuses("", .zstd, HandmadeFrame.plaintext(around: whole + whole))
        // Packed: too short, too long, a bit behind the last value, a wrong length field, dirty padding.
        let packed = [UInt8](repeating: 0, count: (count * plan.ringBits + 7) / 8)
        try await refuses("packed payload", .packed, HandmadeFrame.plaintext(around: Array(packed.dropLast())))
        try await refuses("packed payload", .packed, HandmadeFrame.plaintext(around: packed + [0]))
        let unused = 8 * packed.count - count * plan.ringBits
        if unused > 0 {
            try await refuses("last byte", .packed, HandmadeFrame.plaintext(around: packed.dropLast() + [0x80]))
        }
        var bytes = HandmadeFrame.plaintext(around: packed)
        bytes[bytes.count - 1] = 1
        try await refuses("padding", .packed, bytes)
        bytes = HandmadeFrame.plaintext(around: packed)
        bytes[0] = 0xFF
        try await refuses("length field", .packed, bytes)
        try await stage.finishesTheRound()
    }
}
