// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Cryptography
import Messages
import Randomness
import Rounds
import Store
import Testing
import Updates

/// Requests of every shape, from noise to nearly right. The server answers each, never with a failure of its own.
@Suite("Fuzzed requests", .timeLimit(.minutes(2)))
struct FuzzTests {
    @Test("Four thousand random requests: every answer is a success or a refusal in one line")
    func requests() async throws {
        let world = try await World()
        var members: [ScriptedClient] = []
        for _ in 0..<3 { members.append(try await ScriptedClient(enrolledIn: world)) }
        for member in members { _ = try await member.assignment() }
        let assignment = try #require(try await members[0].assignment())
        var fuzzer = try Fuzzer(
            client: members[0],
            routes: [
                ("PUT", ScriptedClient.target(assignment)), ("PUT", ScriptedClient.target(assignment)),
                ("POST", Paths.assignments), ("POST", Paths.enrolments), ("GET", Paths.tasks),
                ("GET", Paths.task("digits")), ("GET", Paths.blob(world.task().modelHash)), ("GET", "/healthz"),
            ],
            bodies: [members[0].body(assignment), members[0].assignmentRequest(refusing: ["a", "b"]).body]
        )
        var statuses: [Int: Int] = [:]
        for _ in 0..<4000 {
            let request = fuzzer.next()
            let response = await world.respond(to: request)
            statuses[response.status, default: 0] += 1
            if response.status >= 300 {
                let reason = response.reason ?? ""
                #expect((400..<500).contains(response.status), "\(request.method) \(request.target): \(reason)")
                #expect(!reason.isEmpty && !reason.contains("\n") && reason.utf8.count < 500, "\(reason)")
            }
        }
        // The fuzzer reaches every stage: parsing, signatures, paths, contents.
        #expect(
            Set(statuses.keys).isSuperset(of: [200, 206, 400, 401, 404, 405, 409, 410, 413, 416, 422]),
            "\(statuses)"
        )

        // The round goes on for those who behave.
        for member in members {
            guard let assignment = try await member.assignment() else { continue }
            #expect(await member.put(try member.body(assignment), assignment).status == 200)
        }
        #expect(try world.task().round == 1)
        #expect(try world.ledger().entries.prefix(2).map(\.charge.kind) == [.reserved, .spent])
    }
}

/// Makes requests that are wrong in one or several ways.
private struct Fuzzer {
    let client: ScriptedClient
    let routes: [(method: String, target: String)]
    let bodies: [[UInt8]]
    private var stream = InsecureTestStream(seed: 20_251)

    init(client: ScriptedClient, routes: [(method: String, target: String)], bodies: [[UInt8]]) {
        self.client = client
        self.routes = routes
        self.bodies = bodies
    }

    private mutating func below(_ bound: Int) -> Int { Int(stream.uniform(below: UInt64(bound))) }

    private mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }

    mutating func next() -> APIRequest {
        let route = pick(routes)
        var request = client.request(
            below(12) == 0 ? pick(["GET", "PUT", "POST", "DELETE", text(3)]) : route.method,
            changed(route.target),
            body: body(),
            range: range(),
            signing: signing()
        )
        if below(8) == 0, let header = request.headers.keys.sorted().first {
            request.headers[header] = text(below(80))
        }
        if below(8) == 0 { request.body = bytes(below(300)) }
        if below(40) == 0 { request.headers = [:] }
        return request
    }

    private mutating func changed(_ text: String) -> String {
        var target = Array(text.unicodeScalars)
        switch below(8) {
        case 0:
            for _ in 0...below(3) where !target.isEmpty { target[below(target.count)] = scalar() }
        case 1:
            // Another number, somewhere.
            target = target.map { $0.properties.numericType == nil ? $0 : Unicode.Scalar(UInt8(48 + below(10))) }
        default: break
        }
        return target.reduce(into: "") { $0.unicodeScalars.append($1) }
    }

    private mutating func body() -> [UInt8] {
        var body = pick(bodies)
        switch below(6) {
        case 0: for _ in 0...below(4) where !body.isEmpty { body[below(body.count)] ^= 1 << UInt8(below(8)) }
        case 1: body.removeLast(below(body.count + 1))
        case 2: body += bytes(below(40))
        case 3: body = bytes(below(200))
        case 4: body = below(10) == 0 ? bytes(40_000) : []
        default:
            // The headers of an update carry most of the meaning.
            for _ in 0...below(3) where !body.isEmpty { body[below(min(body.count, 140))] = UInt8(below(256)) }
        }
        return body
    }

    private mutating func range() -> String {
        pick(["", "", "", "bytes=0-9", "bytes=9-0", "bytes=\(below(5000))-", text(12)])
    }

    private mutating func signing() -> ScriptedClient.Signing {
        var signing = ScriptedClient.Signing()
        if below(20) == 0 { signing.time = stream.next() }
        if below(20) == 0 { signing.nonce = bytes(16) }
        if below(20) == 0 { signing.server = bytes(32) }
        if below(20) == 0 { signing.name = text(below(70)) }
        return signing
    }

    private mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(below(256)) } }

    private mutating func text(_ count: Int) -> String {
        (0..<count).reduce(into: "") { text, _ in text.unicodeScalars.append(scalar()) }
    }

    /// Any character, line breaks and zeros included.
    private mutating func scalar() -> Unicode.Scalar {
        below(4) == 0 ? Unicode.Scalar(UInt32(below(0xD800))) ?? "?" : Unicode.Scalar(UInt8(below(128)))
    }
}
