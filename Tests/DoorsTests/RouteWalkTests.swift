// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Cryptography
import FoundationEssentials
import Messages
import Rounds
import Store
import TestKit
import Testing

/// Every way in, tried by everybody who may not.
@Suite("Routes and callers", .serialized, .timeLimit(.minutes(5)))
struct RouteWalkTests {
    /// A request that would be served if it came from the right sender, and the statuses that say so.
    private struct Case {
        let request: APIRequest
        let honest: Set<Int>
    }

    /// Devices in their parts.
    private struct Cast {
        let place: Place
        let plan: [UInt8]
        /// A member of the open round who has delivered nothing.
        let member: Device
        /// Enrolled, and no member.
        let newcomer: Device
        let revoked: Device
        let stranger: Device
        /// Has an invite.
        let enrolling: Device
        let operate: String
        let view: String
        let revokedToken: String
        let shortToken: String
        let update: APIRequest
        let invite: InviteToken
    }

    private func cast() async throws -> Cast {
        var doors = DoorConfiguration()
        doors.publicReports = false
        let place = try await Place(doors: doors)
        let configuration = place.configuration
        try Administration.setStatus(.start, task: "digits", configuration: configuration)
        let plan = try #require(try place.store().read { session in try session.task("digits") }).planHash
        let revoked = try await Device(enrolledIn: place)
        try Administration.revokeClient(revoked.name, configuration: configuration)
        var members: [Device] = []
        for _ in 0..<3 { members.append(try await Device(enrolledIn: place)) }
        for member in members { _ = try await member.ask(accepting: plan) }
        await place.aggregator.tick()
        let answer = try await members[0].ask(accepting: plan).answer
        guard case .assignment(let signed) = answer else {
            throw TooLate(description: "a round for three clients that wait: \(String(describing: answer))")
        }
        let assignment = try Sotto_V1_Assignment(wire: signed.body.byteArray, what: "assignment")
        _ = try place.token("gone", .operate)
        let revokedToken = try place.token("revoked", .operate)
        try Administration.revokeToken("revoked", configuration: configuration)
        return Cast(
            place: place,
            plan: plan,
            member: members[0],
            newcomer: members[1],
            revoked: revoked,
            stranger: Device(unknownTo: place),
            enrolling: Device(unknownTo: place),
            operate: try place.token("operator", .operate),
            view: try place.token("viewer", .view),
            revokedToken: revokedToken,
            shortToken: try place.token("short", .operate, expiresAfter: 0),
            update: try members[0].update(for: assignment),
            invite: try InviteToken(Administration.invite(configuration))
        )
    }

    /// One for each route. A route that has none here fails the test: say what an honest request of it is.
    private func cases(_ cast: Cast) -> [String: Case] {
        let hash = Hexadecimal.text(cast.plan)
        let update = "/v1/tasks/{task}/rounds/{round}/attempts/{attempt}/update"
        func get(_ target: String) -> APIRequest { APIRequest(method: "GET", target: target) }
        func post(_ target: String, _ body: String = "") -> APIRequest {
            APIRequest(method: "POST", target: target, body: Array(body.utf8))
        }
        return [
            "GET /": Case(request: get("/"), honest: [200]),
            "GET /page.css": Case(request: get("/page.css"), honest: [200]),
            "GET /page.js": Case(request: get("/page.js"), honest: [200]),
            "GET /icon.svg": Case(request: get("/icon.svg"), honest: [200]),
            "GET /v1/openapi.json": Case(request: get("/v1/openapi.json"), honest: [200]),
            "GET /v1/tasks/{task}/rounds": Case(request: get("/v1/tasks/digits/rounds"), honest: [200]),
            "GET /v1/events": Case(request: get("/v1/events"), honest: [200]),
            "GET /metrics": Case(request: get("/metrics"), honest: [200]),
            "GET /healthz": Case(request: get("/healthz"), honest: [200]),
            "POST /v1/enrolments": Case(request: cast.enrolling.enrolment(secret: cast.invite.secret), honest: [200]),
            "POST /v1/assignments": Case(request: Device.assignmentRequest(accepting: cast.plan), honest: [200]),
            "GET /v1/blobs/{sha256}": Case(request: get("/v1/blobs/\(hash)"), honest: [200]),
            "PUT \(update)": Case(request: cast.update, honest: [200]),
            "GET \(update)": Case(request: get(cast.update.target), honest: [200]),
            "GET /v1/tasks": Case(request: get("/v1/tasks"), honest: [200]),
            "GET /v1/tasks/{task}": Case(request: get("/v1/tasks/digits"), honest: [200]),
            "POST /v1/tasks": Case(request: post("/v1/tasks", Place.task("more")), honest: [201]),
            "POST /v1/tasks/{task}/start": Case(request: post("/v1/tasks/digits/start"), honest: [200]),
            "POST /v1/tasks/{task}/pause": Case(request: post("/v1/tasks/digits/pause"), honest: [200]),
            "POST /v1/tasks/{task}/stop": Case(request: post("/v1/tasks/digits/stop"), honest: [200]),
            // Nothing is committed yet, so that the honest request reaches the act and is told so.
            "POST /v1/tasks/{task}/rollback": Case(
                request: post("/v1/tasks/digits/rollback", "{\"round\": 1}"),
                honest: [409]
            ),
        ]
    }

    /// Everybody who may not send this, by name, with the statuses that are right.
    private func wrongCallers(
        _ route: Route,
        _ request: APIRequest,
        _ cast: Cast
    ) -> [(String, APIRequest, Set<Int>)] {
        switch route.access {
        case .anyone: return []
        case .invited: return wrongInvites(request, cast)
        case .client: return wrongSignatures(request, cast)
        case .view: return wrongTokens(request, cast)
        case .operate:
            return wrongTokens(request, cast) + [("a token to view", request.bearing(cast.view), [403])]
        }
    }

    private func wrongInvites(_ request: APIRequest, _ cast: Cast) -> [(String, APIRequest, Set<Int>)] {
        func changed(_ change: (inout Sotto_V1_EnrolmentRequest) -> Void) -> APIRequest {
            guard var message = try? Sotto_V1_EnrolmentRequest(wire: request.body, what: "enrolment") else {
                preconditionFailure("the honest request is one")
            }
            change(&message)
            return APIRequest(method: "POST", target: request.target, body: message.wireBytes())
        }
        return [
            ("an unknown invite", changed { $0.inviteSecret = Data(repeating: 7, count: 16) }, [403]),
            ("a short secret", changed { $0.inviteSecret = Data(repeating: 7, count: 15) }, [400]),
            ("no secret", changed { $0.inviteSecret = Data() }, [400]),
            ("a short key", changed { $0.publicKey = Data(repeating: 1, count: 31) }, [400]),
            ("an enrolled key", changed { $0.inviteSecret = Data(SHA256.hash([1]).prefix(16)) }, [403]),
        ]
    }

    private func wrongSignatures(_ request: APIRequest, _ cast: Cast) -> [(String, APIRequest, Set<Int>)] {
        let member = cast.member
        func lie(_ change: (inout Device.Lies) -> Void) -> APIRequest {
            var lies = Device.Lies()
            change(&lies)
            return member.signed(request, lies)
        }
        let honest = member.signed(request)
        let other = member.signed(
            APIRequest(method: request.method, target: request.target + "?a=b", body: request.body)
        )
        var result: [(String, APIRequest, Set<Int>)] = [
            ("nobody", request, [401]),
            ("an unknown client", cast.stranger.signed(request), [403]),
            ("a revoked client", cast.revoked.signed(request), [403]),
            ("another client's key", cast.newcomer.signed(request).with("sotto-client", member.name), [401]),
            ("a signature for another method", lie { $0.method = "DELETE" }, [401]),
            ("a signature for another path", lie { $0.target = "/v1/other" }, [401]),
            ("a signature for a query", lie { $0.target = request.target + "?a=b" }, [401]),
            ("a signature for another body", lie { $0.body = request.body + [0] }, [401]),
            ("a signature for a range", lie { $0.range = "bytes=0-1" }, [401]),
            ("a range that is not signed", honest.with("range", "bytes=0-1"), [401]),
            ("a content range that is not signed", honest.with("content-range", "bytes 0-0/2"), [401]),
            ("a signature for another server", lie { $0.server = SHA256.hash([1]) }, [401]),
            ("a signature for another client", lie { $0.client = "c-other" }, [401]),
            ("a stale time", lie { $0.shift = -302 }, [401]),
            ("a future time", lie { $0.shift = 3600 }, [401]),
            ("another time than the signed one", honest.with("sotto-time", "\(cast.place.clock.now + 1000)"), [401]),
            ("another nonce than the signed one", honest.with("sotto-nonce", String(repeating: "0", count: 32)), [401]),
            ("a long nonce", honest.with("sotto-nonce", String(repeating: "0", count: 34)), [401]),
            ("a time that is no number", honest.with("sotto-time", "soon"), [401]),
            ("a negative time", honest.with("sotto-time", "-1"), [401]),
            ("a huge time", honest.with("sotto-time", "18446744073709551615"), [401]),
            ("a signature of zeros", honest.with("sotto-signature", String(repeating: "0", count: 128)), [401]),
            ("half a signature", honest.with("sotto-signature", String(repeating: "0", count: 64)), [401]),
            ("a signature that is no number", honest.with("sotto-signature", "none"), [401]),
            ("a long name", honest.with("sotto-client", String(repeating: "c", count: 65)), [401]),
            ("an operator", request.bearing(cast.operate), [401]),
        ]
        for header in ["sotto-client", "sotto-time", "sotto-nonce", "sotto-signature"] {
            result.append(("no \(header)", honest.with(header, nil), [401]))
        }
        if request.method == "PUT" || request.method == "POST" {
            var changed = honest
            changed.body.append(0)
            result.append(("a body that was changed on its way", changed, [401]))
        }
        var moved = other
        moved.target = request.target
        result.append(("a query that was taken away", moved, [401]))
        return result
    }

    private func wrongTokens(_ request: APIRequest, _ cast: Cast) -> [(String, APIRequest, Set<Int>)] {
        let parts = cast.operate.split(separator: ".").map(String.init)
        let zeros = String(repeating: "0", count: 64)
        return [
            ("nobody", request, [401]),
            ("a client", cast.member.signed(request), [401]),
            ("a revoked token", request.bearing(cast.revokedToken), [401]),
            ("a token that has expired", request.bearing(cast.shortToken), [401]),
            ("a wrong secret", request.bearing("\(parts[0]).\(parts[1]).\(zeros)"), [401]),
            ("an unknown token", request.bearing("\(parts[0]).0000000000000000.\(parts[2])"), [401]),
            ("a token of another kind", request.bearing("sotto-op-2.\(parts[1]).\(parts[2])"), [401]),
            ("half a token", request.bearing("\(parts[0]).\(parts[1])"), [401]),
            ("an empty token", request.bearing(""), [401]),
            ("another scheme", request.with("authorization", "Basic \(cast.operate)"), [401]),
            ("a token without scheme", request.with("authorization", cast.operate), [401]),
        ]
    }

    /// Methods that a path does not have, by anybody.
    private func otherMethods(_ route: Route, _ request: APIRequest, _ cast: Cast) -> [(String, APIRequest, Set<Int>)] {
        let known = Set(Aggregator.routes.filter { $0.path == route.path }.map(\.method))
        var result: [(String, APIRequest, Set<Int>)] = []
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "BREW", ""] where !known.contains(method) {
            var other = request
            other.method = method
            result.append(("\(method) by nobody", other, [405]))
            result.append(("\(method) by an operator", other.bearing(cast.operate), [405]))
            result.append(("\(method) by a client", cast.member.signed(other), [405]))
        }
        return result
    }

    @Test("No wrong caller of any route changes anything in the database")
    func walk() async throws {
        let cast = try await cast()
        let cases = cases(cast)
        let place = cast.place
        var tried = 0
        var replays: [APIRequest] = []
        for route in Aggregator.routes {
            let name = "\(route.method) \(route.path)"
            let one = try #require(cases[name], "\(name): has no honest request in this test")
            let before = try place.dump(nonces: true)
            let wrong = wrongCallers(route, one.request, cast) + otherMethods(route, one.request, cast)
            for (caller, request, statuses) in wrong {
                let response = await place.respond(to: request)
                let outcome = "\(name) by \(caller): \(response.status) \(response.reason ?? "")"
                #expect(statuses.contains(response.status), "\(outcome)")
                #expect(response.reason?.isEmpty == false && response.reason?.contains("\n") == false, "\(outcome)")
                if response.status == 401, route.access == .operate || route.access == .view {
                    #expect(response.headers.contains { $0.name == "www-authenticate" }, "\(outcome)")
                }
                #expect(try place.dump(nonces: true) == before, "\(outcome)")
                tried += 1
            }
            // The same from the right sender: what was refused was refused for its sender.
            let honest: APIRequest =
                switch route.access {
                case .anyone, .invited: one.request
                case .client: cast.member.signed(one.request)
                case .view: one.request.bearing(cast.view)
                case .operate: one.request.bearing(cast.operate)
                }
            let response = await place.respond(to: honest)
            #expect(one.honest.contains(response.status), "\(name): \(response.status) \(response.reason ?? "")")
            if route.access == .anyone || route.access == .view {
                #expect(try place.dump(nonces: true) == before, "\(name) changes something")
            }
            if route.access == .client { replays.append(honest) }
        }
        #expect(cases.count == Aggregator.routes.count)
        #expect(tried > 300)
        try await replayed(replays, place)
    }

    /// Requests that were served, again: at once, on another server of the database, after their time, and after the time
    /// for which their nonces are kept.
    private func replayed(_ requests: [APIRequest], _ place: Place) async throws {
        let other = try await place.second()
        for (seconds, forgets) in [(UInt64(0), false), (290, false), (20, false), (700, true)] {
            place.clock.advance(seconds: seconds)
            if forgets { try place.store().write { session in try session.forgetExpired(now: place.clock.now) } }
            let before = try place.dump(nonces: true)
            for request in requests {
                for server in [place.aggregator, other] {
                    let response = await place.respond(to: request, on: server)
                    #expect(response.status == 401, "\(request.method) \(request.target): \(response.status)")
                    #expect(try place.dump(nonces: true) == before)
                }
            }
        }
    }

    @Test("A retry of an update with a fresh nonce gets the stored answer; a changed one is a conflict")
    func retry() async throws {
        let cast = try await cast()
        let first = await cast.place.respond(to: cast.member.signed(cast.update))
        #expect(first.status == 200)
        let before = try cast.place.dump(nonces: false)
        let again = await cast.place.respond(to: cast.member.signed(cast.update))
        #expect(again.status == 200 && again.body == first.body)
        var changed = cast.update
        changed.body.append(contentsOf: [0x28, 0])
        let conflict = await cast.place.respond(to: cast.member.signed(changed))
        #expect(conflict.status == 409)
        #expect(try cast.place.dump(nonces: false) == before)
    }

    @Test("Bodies and paths that mean nothing are refused and change nothing, whoever signs them")
    func malformed() async throws {
        let cast = try await cast()
        let place = cast.place
        let before = try place.dump(nonces: false)
        let garbage: [[UInt8]] = [[], [0xFF], Array(repeating: 0x0A, count: 16_384), Array("[task]\nname = 3\n".utf8)]
        for route in Aggregator.routes
        where route.method != "GET" && !route.path.hasSuffix("/start")
            && !route.path.hasSuffix("/pause") && !route.path.hasSuffix("/stop")
        {
            for body in garbage {
                // An empty message is a whole one where every field may be left out.
                if route.path == "/v1/assignments", body.isEmpty { continue }
                let path = route.path.replacing("{task}", with: "digits").replacing("{round}", with: "1")
                    .replacing("{attempt}", with: "1")
                let request = APIRequest(method: route.method, target: path, body: body)
                let sent = route.access == .client ? cast.member.signed(request) : request.bearing(cast.operate)
                let response = await place.respond(to: sent)
                #expect((400..<500).contains(response.status), "\(route.method) \(path): \(response.status)")
                #expect(response.reason?.isEmpty == false)
                #expect(try place.dump(nonces: false) == before, "\(route.method) \(path)")
            }
        }
        for target in [
            "", "/", "//", "/v1", "/v1/", "/v2/tasks", "v1/tasks", "/v1/tasks//start", "/v1/tasks/none/stop",
        ] {
            for method in ["POST", "PUT"] {
                let response = await place.respond(to: APIRequest(method: method, target: target).bearing(cast.operate))
                #expect(response.status == 404 || response.status == 405, "\(method) \(target): \(response.status)")
            }
        }
        #expect(try place.dump(nonces: false) == before)
    }
}
