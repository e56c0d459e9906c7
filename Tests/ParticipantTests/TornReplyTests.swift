// SPDX-License-Identifier: Apache-2.0

import Glibc
import Participant
import TestKit
import Testing

@Suite("Replies that end early", .timeLimit(.minutes(1)))
struct TornReplyTests {
    @Test("Of a reply that is cut at any byte, head or body, nothing is taken; the whole one is")
    func everyPrefix() async throws {
        let whole = Array("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 3\r\nServer: sotto\r\n\r\nabc".utf8)
        let replies = try await onThread {
            let listener = try Listener()
            return try (0...whole.count).map { count in
                let transport = try CurlTransport(
                    address: ServerAddress("http://127.0.0.1:\(listener.port)"),
                    timeoutSeconds: 20
                )
                listener.answerOnce(with: Array(whole.prefix(count)))
                return try? transport.send(TransportRequest(method: "POST", target: "/x", replyLimit: 100))
            }
        }
        #expect(replies.dropLast().indices.filter { replies[$0] != nil } == [], "cut after so many bytes")
        #expect(replies.last??.status == 200 && replies.last??.body == Array("abc".utf8))
    }
}

/// A server that reads a request and answers with given bytes, whatever they are.
private final class Listener: Sendable {
    private let descriptor: Int32
    let port: Int

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard unsafe bind(descriptor, pointer, length) == 0, listen(descriptor, 8) == 0 else {
                    return Int32(-1)
                }
                return unsafe getsockname(descriptor, pointer, &length)
            }
        }
        try #require(status == 0)
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }

    func answerOnce(with bytes: [UInt8]) {
        Task {
            try await onThread { [self] in
                let connection = accept(descriptor, nil, nil)
                defer { close(connection) }
                var request: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 4096)
                while !String(decoding: request, as: UTF8.self).contains("\r\n\r\n") {
                    let count = unsafe recv(connection, &chunk, chunk.count, 0)
                    guard count > 0 else { return }
                    request += chunk.prefix(count)
                }
                _ = unsafe send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                // Unread bytes would turn the end into a reset; there are none, so the client sees an end in good order.
                shutdown(connection, Int32(SHUT_WR))
            }
        }
    }
}
