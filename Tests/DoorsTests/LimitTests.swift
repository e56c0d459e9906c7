// SPDX-License-Identifier: Apache-2.0

import Aggregator
import TestKit
import Testing

@Suite("Limits of rate", .timeLimit(.minutes(5)))
struct LimitTests {
    @Test("A bucket gives its burst at once and then its rate, for each key alone")
    func bucket() {
        let limiter = RateLimiter(rate: 2, burst: 5)
        for _ in 0..<5 { #expect(limiter.take("a", now: 0) == nil) }
        #expect(limiter.take("a", now: 0) == 1)
        #expect(limiter.take("b", now: 0) == nil)
        #expect(limiter.look("a", now: 0.25) == 1 && limiter.look("a", now: 0.5) == nil)
        #expect(limiter.take("a", now: 0.5) == nil && limiter.take("a", now: 0.5) == 1)
        // Over 100 s in steps of 1/8 s: two a second, and not one more.
        let served = (0..<800).count { limiter.take("a", now: 0.5 + Double($0 + 1) / 8) == nil }
        #expect(served == 200)
        // However long nothing comes, no more than the burst is saved up.
        #expect((0..<20).count { _ in limiter.take("a", now: 1e6) == nil } == 5)
        // A clock that goes back gives nothing.
        #expect(limiter.take("a", now: 5) != nil)
        let slow = RateLimiter(rate: 0.1, burst: 1)
        #expect(slow.take("a", now: 0) == nil && slow.take("a", now: 0) == 10 && slow.take("a", now: 4) == 6)
    }

    @Test("However many addresses send, memory is bounded")
    func bounded() {
        let limiter = RateLimiter(rate: 1, burst: 2)
        for index in 0..<(RateLimiter.mostKeys + 10_000) { _ = limiter.take("\(index)", now: 0) }
        #expect(limiter.keys <= RateLimiter.mostKeys)
    }

    @Test("A limit is kept for an IPv4 address, and for the first half of an IPv6 address")
    func addresses() {
        #expect(limitedAddress("192.0.2.7") == "192.0.2.7")
        #expect(limitedAddress("::ffff:192.0.2.7") == "192.0.2.7")
        // RFC 4291, section 2.2: the same address in its forms.
        for text in ["2001:db8::8:800:200C:417A", "2001:DB8:0:0:8:800:200C:417A", "2001:db8::1"] {
            #expect(limitedAddress(text) == limitedAddress("2001:db8:0:0:ffff::1"), "\(text)")
        }
        #expect(limitedAddress("2001:db8:0:1::1") != limitedAddress("2001:db8::1"))
        #expect(limitedAddress("fe80::1%eth0") == limitedAddress("fe80::2"))
        #expect(limitedAddress("::1") == limitedAddress("0:0:0:0:0:0:0:1"))
        #expect(limitedAddress("::") == limitedAddress("::1"))
    }

    @Test("Over the network, too many requests of a client, of an address, and too many enrolments get 429 and a pause")
    func refusals() async throws {
        var doors = DoorConfiguration()
        doors.clientRate = 0.1
        doors.strangerRate = 0.5
        doors.enrolmentsPerMinute = 1
        let place = try await Place(doors: doors, tasks: [])
        let (first, second) = (try await Device(enrolledIn: place), try await Device(enrolledIn: place))
        func send(_ request: APIRequest, from address: String) async -> APIResponse {
            var request = request
            request.address = address
            switch await place.aggregator.admit(
                method: request.method,
                target: request.target,
                headers: request.headers,
                address: address
            ) {
            case .failure(let refusal): return refusal.response
            case .success: return await place.aggregator.respond(to: request)
            }
        }
        func ask(_ device: Device, from address: String) async -> Int {
            await send(device.signed(Device.assignmentRequest(accepting: [])), from: address).status
        }
        // A client has its own bucket, of one request here, whatever its address.
        #expect(await ask(first, from: "192.0.2.1") == 200)
        #expect(await ask(first, from: "192.0.2.2") == 429)
        #expect(await ask(second, from: "192.0.2.1") == 200)
        // Forged requests in a client's name are counted against their address, not against the client.
        let health = APIRequest(method: "GET", target: "/healthz")
        var statuses: [Int] = []
        for _ in 0..<8 { statuses.append(await send(health, from: "192.0.2.3").status) }
        #expect(Array(statuses.prefix(5)) == [200, 200, 200, 200, 200] && statuses.last == 429, "\(statuses)")
        #expect(await send(health, from: "192.0.2.4").status == 200)
        var forged = Device(unknownTo: place).signed(Device.assignmentRequest(accepting: []))
        forged.headers["sotto-client"] = second.name
        var outcomes: [Int] = []
        for _ in 0..<8 { outcomes.append(await send(forged, from: "192.0.2.5").status) }
        #expect(outcomes.first == 401 && outcomes.last == 429, "\(outcomes)")
        let invite = APIRequest(method: "POST", target: "/v1/enrolments", body: [1])
        #expect(await send(invite, from: "192.0.2.6").status == 400)
        let refused = await send(invite, from: "192.0.2.7")
        let pause = refused.headers.first { $0.name == "retry-after" }.flatMap { Int($0.value) }
        #expect(refused.status == 429 && (1...60).contains(pause ?? 0))
    }
}
