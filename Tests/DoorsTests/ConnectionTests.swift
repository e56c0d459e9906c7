// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import TestKit
import Testing

/// Raw connections to a real server: everything that takes its time or its room.
@Suite("Hostile connections", .serialized, .timeLimit(.minutes(5)))
struct ConnectionTests {
    private static let limits = """
        header-seconds = 1
        body-seconds = 2
        idle-seconds = 2
        connections = 8
        body-memory = "1MiB"
        stranger-rate = 1000
        """

    private static let health = "GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n"

    private static func isServed(port: Int) async throws -> Bool {
        try await onThread {
            let connection = try RawConnection(port: port)
            guard connection.send(health) else { return false }
            return connection.read { $0.hasSuffix("ok\n") }?.hasPrefix("HTTP/1.1 200") ?? false
        }
    }

    @Test("A live stream goes on for longer than an answer may take, and does not keep the server from ending")
    func stream() async throws {
        let server = try await ServerProcess(limits: "body-seconds = 1\nidle-seconds = 1")
        let port = server.port
        // The first comment comes about 15 seconds after the beginning.
        let text = try await onThread {
            let connection = try RawConnection(port: port)
            _ = connection.send("GET /v1/events HTTP/1.1\r\nhost: test\r\nx-request-id: mine\r\n\r\n")
            return connection.read { $0.contains(": alive") }
        }
        #expect(text?.contains("\r\nContent-Type: text/event-stream\r\n") == true)
        #expect(text?.lowercased().contains("\r\nx-request-id: mine\r\n") == true)
        #expect(text?.contains("retry: 2000") == true && text?.contains(": alive") == true)
        let process = server.process
        try await onThread {
            let connection = try RawConnection(port: port)
            _ = connection.send("GET /v1/events HTTP/1.1\r\nhost: test\r\n\r\n")
            _ = connection.read { $0.contains("retry: 2000") }
            process.signal(15)
            #expect(connection.read()?.hasSuffix("0\r\n\r\n") == true)
        }
        #expect(try await process.ended().status == 0)
    }

    @Test("A head that never ends, a body that trickles and a connection without a request are cut off")
    func slow() async throws {
        let server = try await ServerProcess(limits: Self.limits)
        let port = server.port
        for beginning in ["", "GET /healthz HTTP/1.1\r\nhost: te"] {
            let rest = try await onThread {
                let connection = try RawConnection(port: port)
                _ = connection.send(beginning)
                return connection.read()
            }
            #expect(rest == "", "\(beginning)")
        }
        // A byte of the head now and then does not help.
        let head = try await onThread {
            let connection = try RawConnection(port: port)
            var sent = 0
            for byte in Array("GET /healthz HTTP/1.1\r\nx: ".utf8) + [UInt8](repeating: 0x41, count: 1000) {
                guard !connection.isReadable, connection.send([byte]) else { break }
                sent += 1
                usleep(50_000)
            }
            return sent
        }
        #expect(head < 500)
        let body = try await onThread {
            let connection = try RawConnection(port: port)
            _ = connection.send("POST /v1/enrolments HTTP/1.1\r\nhost: test\r\ncontent-length: 1000\r\n\r\n")
            var sent = 0
            while sent < 1000, !connection.isReadable, connection.send([0x41]) {
                sent += 1
                usleep(50_000)
            }
            return sent
        }
        #expect(body < 900)
        // Kept open after a request, for a while.
        let idle = try await onThread {
            let connection = try RawConnection(port: port)
            _ = connection.send(Self.health)
            return connection.read()
        }
        #expect(idle?.hasPrefix("HTTP/1.1 200") == true)
        #expect(try await Self.isServed(port: port))
    }

    @Test("A hundred megabytes, announced or not, are refused before they take memory")
    func large() async throws {
        let server = try await ServerProcess(limits: Self.limits)
        let port = server.port
        for path in ["/v1/enrolments", "/v1/tasks", "/v1/tasks/none/rounds/1/attempts/1/update"] {
            let method = path.hasSuffix("update") ? "PUT" : "POST"
            let announced = try await onThread {
                let connection = try RawConnection(port: port)
                _ = connection.send("\(method) \(path) HTTP/1.1\r\nhost: test\r\ncontent-length: 104857600\r\n\r\n")
                return connection.read { $0.contains("\r\n\r\n") }
            }
            #expect(announced?.hasPrefix("HTTP/1.1 413") == true, "\(path): \(announced?.prefix(20) ?? "nothing")")
            #expect(announced?.lowercased().contains("connection: close") == true)
            let (sent, answer) = try await onThread {
                let connection = try RawConnection(port: port)
                _ = connection.send("\(method) \(path) HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n")
                let chunk = Array("10000\r\n".utf8) + [UInt8](repeating: 0x41, count: 0x10000) + Array("\r\n".utf8)
                var sent = 0
                while sent < 1600, connection.send(chunk) { sent += 1 }
                return (sent, connection.read { $0.contains("\r\n\r\n") } ?? "")
            }
            // The system's own buffers take some megabytes on the way.
            #expect(sent < 400, "\(path): \(sent) chunks of 64 KiB")
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 413"), "\(answer.prefix(40))")
        }
        #expect(try await Self.isServed(port: port))
        server.process.signal(SIGTERM)
        let ended = try await server.process.ended()
        struct Report: Decodable { let peakMiB: Double }
        let report = try JSONDecoder().decode(Report.self, from: Data(ended.output.utf8))
        #expect(report.peakMiB < 100, "of which the server itself takes about a third")
    }

    @Test("Too many fields of a head, and one that is too long, are refused")
    func heads() async throws {
        let server = try await ServerProcess(limits: Self.limits)
        let port = server.port
        let many = (0..<200).map { "x-\($0): 1\r\n" }.joined()
        let long = "x: " + String(repeating: "a", count: 20_000) + "\r\n"
        let path = String(repeating: "a", count: 40_000)
        for head in [
            "GET /healthz HTTP/1.1\r\n\(many)\r\n", "GET /healthz HTTP/1.1\r\n\(long)\r\n",
            "GET /\(path) HTTP/1.1\r\nhost: test\r\n\r\n", "\u{1}\u{2}\r\n\r\n",
            "POST /v1/enrolments HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
            "POST /v1/enrolments HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let answer = try await onThread {
                let connection = try RawConnection(port: port)
                _ = connection.send(head)
                return connection.read()
            }
            let isRefused = answer?.hasPrefix("HTTP/1.1 4") == true || answer == ""
            #expect(isRefused, "\(head.prefix(30).debugDescription): \(answer?.prefix(30) ?? "stays open")")
        }
        #expect(try await Self.isServed(port: port))
    }

    @Test("More connections than allowed, all idle, end, and then others are served")
    func many() async throws {
        let server = try await ServerProcess(limits: Self.limits)
        let port = server.port
        let ended = try await onThread {
            let connections = try (0..<40).map { _ in try RawConnection(port: port) }
            for connection in connections { _ = connection.send("GET /") }
            let another = try RawConnection(port: port)
            _ = another.send(Self.health)
            let answer = another.read { $0.hasSuffix("ok\n") }
            return (connections.count { $0.read() == "" }, answer)
        }
        #expect(ended.0 == 40)
        #expect(ended.1?.hasPrefix("HTTP/1.1 200") == true)
    }

    @Test("Addresses are limited; behind a proxy that is trusted, the one that it names last")
    func rates() async throws {
        func statuses(_ server: ServerProcess, _ count: Int, _ forwarded: String) async throws -> [Int] {
            let port = server.port
            return try await onThread {
                let connection = try RawConnection(port: port)
                return try (0..<count).map { _ in
                    _ = connection.send("GET /healthz HTTP/1.1\r\nhost: test\r\nx-forwarded-for: \(forwarded)\r\n\r\n")
                    let answer = try #require(connection.read { $0.contains("ok\n") || $0.contains("wait ") })
                    return Int(answer.split(separator: " ")[1]) ?? 0
                }
            }
        }
        let open = try await ServerProcess(limits: "stranger-rate = 0.2")
        // Whoever writes that header itself is nobody else by it.
        #expect(try await statuses(open, 2, "192.0.2.1") == [200, 200])
        #expect(try await statuses(open, 1, "192.0.2.2") == [429])
        let proxied = try await ServerProcess(server: "trusted-proxy = true", limits: "stranger-rate = 0.2")
        #expect(try await statuses(proxied, 3, "198.51.100.9, 192.0.2.1") == [200, 200, 429])
        #expect(try await statuses(proxied, 1, "198.51.100.7, 192.0.2.1") == [429])
        #expect(try await statuses(proxied, 1, "192.0.2.1, 192.0.2.2") == [200])
    }
}
