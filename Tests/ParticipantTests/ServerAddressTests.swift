// SPDX-License-Identifier: Apache-2.0

import Participant
import Testing

@Suite("Server addresses")
struct ServerAddressTests {
    @Test(
        "HTTPS anywhere and HTTP on the loopback interface are taken, without trailing slashes",
        arguments: [
            ("https://example.org", "https://example.org"), ("https://example.org/", "https://example.org"),
            ("https://example.org:8443//", "https://example.org:8443"), ("https://10.0.0.1", "https://10.0.0.1"),
            ("https://[2001:db8::1]:443", "https://[2001:db8::1]:443"), ("https://a-b.c_d", "https://a-b.c_d"),
            ("http://localhost", "http://localhost"), ("http://localhost:8080/", "http://localhost:8080"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1"), ("http://127.255.255.254", "http://127.255.255.254"),
            ("http://[::1]", "http://[::1]"), ("http://[::1]:65535", "http://[::1]:65535"),
        ]
    )
    func accepted(text: String, url: String) throws {
        #expect(try ServerAddress(text).description == url)
    }

    @Test(
        "Plain HTTP to any other host is refused, whatever it looks like",
        arguments: [
            "example.org", "10.0.0.1", "0.0.0.0", "127.0.0.1.evil.com", "localhost.evil.com", "localhostevil.com",
            "evil.com:127.0.0.1", "127.0.0.256", "127.0.0", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1",
            "127.0.0.1.", "127..0.1", "128.0.0.1", "[::2]", "[::ffff:127.0.0.1]", "[::1].evil.com", "[::1",
            "[::1]evil.com", "::1", "localhost.", "127.0.0.+1",
        ]
    )
    func notLoopback(host: String) {
        for port in ["", ":8080"] {
            #expect(throws: ParticipantError.self, "\(host)\(port)") { try ServerAddress("http://\(host)\(port)") }
        }
    }

    @Test(
        "What is not a host with an optional port is refused in one line",
        arguments: [
            "", "localhost", "ftp://localhost", "HTTP://localhost", "//localhost", "https:/example.org",
            "http://", "https://", "https:///", "https://:443", "https://example.org/path", "https://example.org?q",
            "https://example.org#f", "http://localhost#.evil.com", "http://localhost?.evil.com",
            #"http://localhost\.evil.com"#, #"https://example.org\"#, "http://localhost@evil.com",
            "http://localhost:80@evil.com", "https://user:word@example.org", "https://example.org:",
            "https://example.org:x",
            "https://example.org:0", "https://example.org:65536", "https://example.org:+80",
            "https://example.org:80:80",
            "http://localhost:80.evil.com", "http://localhost:evil", "https://exa mple.org", "https://example.org\t",
            "https://example.org\nHost: evil.com", "https://example.org\0", "https://ex%61mple.org",
            "https://éxample.org",
            "https://[::1", "https://::1", "https://[]", "https://[::1]443", "https://[evil.com]", "https://[::1%25lo]",
            "https://a[b]",
        ]
    )
    func refused(text: String) {
        let error = #expect(throws: ParticipantError.self) { try ServerAddress(text) }
        guard case .input(let line) = error else {
            Issue.record("not an input error")
            return
        }
        #expect(line.hasPrefix("--server") && !line.contains { $0.isNewline })
    }
}
