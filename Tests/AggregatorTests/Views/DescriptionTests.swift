// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Cryptography
import Messages
import Store
import TestKit
import Testing
import Updates

@Suite("The OpenAPI description", .timeLimit(.minutes(1)))
struct DescriptionTests {
    private let world: World
    private let document: JSONValue

    init() async throws {
        var terms = Terms()
        terms.rounds = 2
        terms.evaluation = "digits"
        world = try await World(terms)
        let response = await world.respond(to: APIRequest(method: "GET", target: "/v1/openapi.json"))
        try #require(response.status == 200)
        document = try JSONValue(response.body)
    }

    @Test("It has every route of the server and no other, and docs/ shows the same file")
    func routes() throws {
        #expect(document["openapi"] == .string("3.1.0"))
        let paths = try #require(document["paths"]?.object)
        let described = Set(paths.flatMap { path, methods in (methods.object ?? [:]).keys.map { "\($0) \(path)" } })
        #expect(described == Set(Aggregator.routes.map { "\($0.method.lowercased()) \($0.path)" }))
        for route in Aggregator.routes {
            let operation = try #require(paths[route.path]?[route.method.lowercased()])
            let named = (operation["parameters"]?.array ?? []).filter { $0["in"] == .string("path") }
                .compactMap { $0["name"]?.string }
            let inPath = route.path.split(separator: "/").filter { $0.hasPrefix("{") }.map {
                $0.dropFirst().dropLast()
            }
            #expect(named == inPath.map(String.init), "\(route.path)")
            // Who may use it: what the table of routes says.
            let schemes = (operation["security"]?.array ?? []).map { Set(($0.object ?? [:]).keys) }
            let expected: [Set<String>] =
                switch route.access {
                case .anyone, .invited: []
                case .client: [["signature"]]
                case .view: [["operator"], []]
                case .operate: [["operator"]]
                }
            #expect(schemes == expected, "\(route.method) \(route.path)")
            let answers = Set((operation["responses"]?.object ?? [:]).keys)
            #expect(answers.isSuperset(of: ["429", "503"]), "\(route.path)")
            #expect(route.access == .anyone || route.access == .invited || answers.contains("401"), "\(route.path)")
        }
        #expect(try JSONValue(fixture("../../docs/openapi.json")) == document)
    }

    @Test("What is not a route is 404, another method 405 with the right one")
    func others() async {
        for target in ["/nowhere", "/v1", "/v1/", "//", "/v1/tasks/", "/v1/tasks/a/b/c", "/page.css/", "/V1/tasks"] {
            let response = await world.respond(to: APIRequest(method: "GET", target: target))
            // An empty name is a name of no task.
            #expect(response.status == 404, "\(target)")
            #expect(response.reason != nil)
        }
        for route in Aggregator.routes {
            let target = route.path.replacing("{round}", with: "1").replacing("{attempt}", with: "1")
            let response = await world.respond(to: APIRequest(method: "PATCH", target: target))
            #expect(response.status == 405, "\(target)")
            let methods = Aggregator.routes.filter { $0.path == route.path }.map(\.method).sorted()
            let allowed = methods.joined(separator: ", ")
            #expect(response.headers.contains { $0.name == "allow" && $0.value == allowed }, "\(target)")
        }
        let asked = APIRequest(method: "GET", target: "/nowhere", headers: ["accept": "application/json, */*"])
        let response = await world.respond(to: asked)
        #expect(response.contentType == "application/json")
        #expect((try? JSONValue(response.body))?["reason"]?.string?.contains("no such path") == true)
    }

    /// What a running server gave, by operation.
    private final class Seen {
        var statuses: [String: Set<Int>] = [:]
    }

    /// Sends a request and holds the answer against the description.
    private func expect(
        _ status: Int,
        _ request: APIRequest,
        _ seen: Seen,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> APIResponse {
        let response = await world.respond(to: request)
        let method = request.method.lowercased()
        let template = Aggregator.label(request.target)
        let place = "\(method) \(template) \(response.status)"
        #expect(response.status == status, "\(place)", sourceLocation: sourceLocation)
        seen.statuses["\(method) \(template)", default: []].insert(response.status)
        let operation = document["paths"]?[template]?[method]
        let answer = try #require(
            operation?["responses"]?["\(response.status)"],
            "\(place) is not described",
            sourceLocation: sourceLocation
        )
        guard let content = answer["content"] else {
            #expect(response.body.isEmpty, "\(place)", sourceLocation: sourceLocation)
            return response
        }
        let media = try #require(
            content[response.contentType],
            "\(place): \(response.contentType) is not described",
            sourceLocation: sourceLocation
        )
        if response.contentType == "application/json", let schema = media["schema"], template != "/v1/openapi.json" {
            let violations = JSONSchema(document: document)
                .violations(of: try JSONValue(response.body), against: schema)
            #expect(violations.isEmpty, "\(place)", sourceLocation: sourceLocation)
        }
        response.stream?.end()
        return response
    }

    @Test("Every operation answers good and bad requests as it is described, with the JSON that is described")
    func answers() async throws {
        let seen = Seen()
        func get(_ target: String, _ headers: [String: String] = [:]) -> APIRequest {
            APIRequest(method: "GET", target: target, headers: headers)
        }
        for target in ["/", "/page.css", "/page.js", "/icon.svg", "/v1/openapi.json"] {
            let page = try await expect(200, get(target), seen)
            let tag = try #require(page.headers.first { $0.name == "etag" }).value
            _ = try await expect(304, get(target, ["if-none-match": tag]), seen)
        }
        for target in ["/healthz", "/metrics", "/v1/tasks", "/v1/tasks/digits", "/v1/tasks/digits/rounds"] {
            _ = try await expect(200, get(target), seen)
        }
        try await clients(seen)
        // The same once more, now with rounds to tell of.
        for target in ["/v1/tasks", "/v1/tasks/digits", "/v1/tasks/digits/rounds", "/v1/tasks/digits/rounds?from=2"] {
            _ = try await expect(200, get(target), seen)
        }
        let all = try JSONValue(await world.respond(to: get("/v1/tasks/digits/rounds")).body).array ?? []
        let some = try JSONValue(await world.respond(to: get("/v1/tasks/digits/rounds?from=2")).body).array ?? []
        #expect(all.compactMap { $0["round"]?.number } == [1, 2] && some == [all[1]])
        #expect(all.allSatisfy { $0["stage"] == .string("committed") && $0["accuracy"]?.number ?? -1 >= 0 })
        for json in [[:], ["accept": "application/json"]] {
            _ = try await expect(404, get("/v1/tasks/nobody", json), seen)
            _ = try await expect(404, get("/v1/tasks/nobody/rounds", json), seen)
            for query in ["from=0", "from=x", "from=1&from=2", "to=1", "from"] {
                _ = try await expect(400, get("/v1/tasks/digits/rounds?\(query)", json), seen)
            }
            _ = try await expect(400, get("/v1/events", json.merging(["last-event-id": "x"]) { $1 }), seen)
        }
        #expect(try await expect(200, get("/v1/events"), seen).contentType == "text/event-stream")
        try await operators(seen)

        let operations = (document["paths"]?.object ?? [:])
            .flatMap { path, methods in (methods.object ?? [:]).map { ("\($0) \(path)", $1) } }
        for (name, operation) in operations {
            let statuses = seen.statuses[name] ?? []
            #expect(statuses.contains { $0 < 300 }, "\(name): no good request")
            // Limits of rate and a database that is away are for other tests.
            let refusals = (operation["responses"]?.object ?? [:]).keys.filter {
                !["429", "503"].contains($0) && $0 > "300"
            }
            #expect(refusals.isEmpty || statuses.contains { $0 >= 300 }, "\(name): no bad request")
        }
    }

    /// Two rounds by clients that also make every mistake that the description knows.
    private func clients(_ seen: Seen) async throws {
        let invite = try InviteToken(world.invite())
        let key = Ed25519PrivateKey().publicKey.bytes
        let enrolment = ScriptedClient.enrolment(secret: invite.secret, key: key)
        _ = try await expect(200, enrolment, seen)
        _ = try await expect(403, ScriptedClient.enrolment(secret: SystemRandom.bytes(16), key: key), seen)
        _ = try await expect(400, APIRequest(method: "POST", target: "/v1/enrolments", body: [1, 2, 3]), seen)
        let long = [UInt8](repeating: 0, count: 16 * 1024 + 1)
        _ = try await expect(413, APIRequest(method: "POST", target: "/v1/enrolments", body: long), seen)

        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        let (one, stranger) = (clients[0], ScriptedClient(unknownTo: world))
        let hash = try world.task().planHash
        _ = try await expect(200, one.assignmentRequest(accepting: [hash]), seen)
        _ = try await expect(403, stranger.assignmentRequest(accepting: [hash]), seen)
        _ = try await expect(401, APIRequest(method: "POST", target: "/v1/assignments"), seen)
        _ = try await expect(400, one.request("POST", "/v1/assignments", body: [1, 2, 3]), seen)

        let blob = "/v1/blobs/\(Hexadecimal.text(hash))"
        _ = try await expect(200, one.request("GET", blob), seen)
        _ = try await expect(206, one.request("GET", blob, range: "bytes=0-9"), seen)
        _ = try await expect(416, one.request("GET", blob, range: "bytes=9999999-"), seen)
        _ = try await expect(404, one.request("GET", "/v1/blobs/\(String(repeating: "0", count: 64))"), seen)
        _ = try await expect(401, APIRequest(method: "GET", target: blob), seen)
        _ = try await expect(403, stranger.request("GET", blob), seen)

        for round in 1...2 {
            for client in clients { _ = try await client.assignment() }
            for client in clients {
                let assignment = try #require(try await client.assignment())
                let target = ScriptedClient.target(assignment)
                if round == 1, client === one {
                    let wrong = try client.body(
                        assignment,
                        plaintext: [UInt8](repeating: 0, count: 1024),
                        codec: .packed
                    ) { $0.count = 1 }
                    _ = try await expect(422, client.request("PUT", target, body: wrong), seen)
                    _ = try await expect(400, client.request("PUT", target, body: [1, 2, 3]), seen)
                    _ = try await expect(403, stranger.request("PUT", target, body: wrong), seen)
                    _ = try await expect(401, APIRequest(method: "PUT", target: target), seen)
                    _ = try await expect(413, client.request("PUT", target, body: long + long + long), seen)
                    let zero = target.replacing("rounds/1", with: "rounds/0")
                    _ = try await expect(404, client.request("PUT", zero, body: wrong), seen)
                    _ = try await expect(200, client.request("GET", target), seen)
                    _ = try await expect(404, client.request("GET", zero), seen)
                    _ = try await expect(403, stranger.request("GET", target), seen)
                    _ = try await expect(401, APIRequest(method: "GET", target: target), seen)
                    let later = target.replacing("rounds/1", with: "rounds/2")
                    _ = try await expect(410, client.request("PUT", later, body: wrong), seen)
                }
                _ = try await expect(200, client.request("PUT", target, body: try client.body(assignment)), seen)
                if round == 1, client === one {
                    let other = try client.body(assignment, value: 1)
                    _ = try await expect(409, client.request("PUT", target, body: other), seen)
                }
            }
        }
        #expect(try world.task().status == .finished)
    }

    /// Operators who create and change tasks, and make every mistake that the description knows.
    private func operators(_ seen: Seen) async throws {
        func token(_ name: String, _ role: OperatorRole) throws -> String {
            try Administration.newToken(name, role: role, expiresAfter: nil, configuration: world.configuration)
        }
        let (operate, view) = (try token("operator", .operate), try token("viewer", .view))
        func send(_ method: String, _ target: String, _ token: String?, _ body: String = "") -> APIRequest {
            let headers = token.map { ["authorization": "Bearer \($0)"] } ?? [:]
            return APIRequest(method: method, target: target, headers: headers, body: Array(body.utf8))
        }
        for target in ["/metrics", "/v1/events", "/v1/tasks", "/v1/tasks/digits", "/v1/tasks/digits/rounds"] {
            _ = try await expect(200, send("GET", target, view), seen)
            _ = try await expect(401, send("GET", target, "sotto-op-1.wrong"), seen)
        }
        var terms = Terms()
        terms.name = "second"
        let created: [(Int, String)] = [
            (400, "[task"), (422, "[task]\nname = \"x\""), (201, terms.toml), (409, terms.toml),
            (413, String(repeating: "#", count: 16 * 1024 + 1)),
        ]
        for (status, file) in created { _ = try await expect(status, send("POST", "/v1/tasks", operate, file), seen) }
        _ = try await expect(401, send("POST", "/v1/tasks", nil, terms.toml), seen)
        _ = try await expect(403, send("POST", "/v1/tasks", view, terms.toml), seen)
        for (act, refused) in [("start", "digits"), ("pause", "digits"), ("stop", "digits")] {
            _ = try await expect(200, send("POST", "/v1/tasks/second/\(act)", operate), seen)
            _ = try await expect(409, send("POST", "/v1/tasks/\(refused)/\(act)", operate), seen)
            _ = try await expect(404, send("POST", "/v1/tasks/nobody/\(act)", operate), seen)
            _ = try await expect(403, send("POST", "/v1/tasks/second/\(act)", view), seen)
            _ = try await expect(401, send("POST", "/v1/tasks/second/\(act)", nil), seen)
        }
        let back = #"{"round": 1}"#
        _ = try await expect(200, send("POST", "/v1/tasks/digits/rollback", operate, back), seen)
        _ = try await expect(400, send("POST", "/v1/tasks/digits/rollback", operate, "1"), seen)
        _ = try await expect(404, send("POST", "/v1/tasks/nobody/rollback", operate, back), seen)
        _ = try await expect(409, send("POST", "/v1/tasks/second/rollback", operate, back), seen)
        _ = try await expect(403, send("POST", "/v1/tasks/digits/rollback", view, back), seen)
        _ = try await expect(401, send("POST", "/v1/tasks/digits/rollback", nil, back), seen)
    }

    @Test("The checker refuses what does not fit a schema")
    func checker() throws {
        let document = try JSONValue(
            Array(
                """
                {"s": {"type": "object", "required": ["a"], "additionalProperties": false,
                  "properties": {"a": {"type": "integer", "minimum": 1}, "b": {"$ref": "#/t"}}},
                 "t": {"type": "array", "items": {"enum": ["x", "y"]}},
                 "u": {"type": "string", "pattern": "^[0-9]+$"}, "v": {"unheard": 1}}
                """.utf8
            )
        )
        let checker = JSONSchema(document: document)
        func violations(_ text: String, _ name: String) throws -> Int {
            checker.violations(of: try JSONValue(Array(text.utf8)), against: try #require(document[name])).count
        }
        #expect(try violations(#"{"a": 1, "b": ["x"]}"#, "s") == 0 && violations(#""12""#, "u") == 0)
        for bad in [#"{}"#, #"{"a": 0}"#, #"{"a": 1.5}"#, #"{"a": 1, "c": 1}"#, #"{"a": 1, "b": ["z"]}"#] {
            #expect(try violations(bad, "s") == 1, "\(bad)")
        }
        #expect(try violations("1", "v") == 1 && violations(#""a""#, "u") == 1)
    }
}
