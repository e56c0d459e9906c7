// SPDX-License-Identifier: Apache-2.0

import Cryptography
import FoundationEssentials
import Glibc
import Participant
import TestKit
import Testing

/// The server's TLS, judged by libcurl.
@Suite("TLS", .serialized, .timeLimit(.minutes(5)))
struct TLSTests {
    private func status(_ address: String, trusting certificate: String?) async throws -> Int {
        try await onThread {
            let transport = try CurlTransport(
                address: ServerAddress(address),
                certificate: certificate,
                timeoutSeconds: 30
            )
            return try transport.send(TransportRequest(method: "GET", target: "/healthz", replyLimit: 100)).status
        }
    }

    @Test("A development certificate is made once, privately, and a client that is given it trusts it and no other")
    func development() async throws {
        let server = try await ServerProcess(server: "tls = \"development\"")
        let certificate = server.folder.file("server/development-certificate.pem")
        for host in ["localhost", "127.0.0.1"] {
            #expect(try await status("https://\(host):\(server.port)", trusting: certificate) == 200)
            await #expect(throws: TransportError.self) {
                try await status("https://\(host):\(server.port)", trusting: nil)
            }
        }
        let other = try SelfSignedCertificate.make(hosts: ["localhost", "127.0.0.1"], days: 1)
        try server.folder.put(other.certificate, in: "other.pem")
        await #expect(throws: TransportError.self) {
            try await status("https://localhost:\(server.port)", trusting: server.folder.file("other.pem"))
        }
        // Plain HTTP to the same port gets nothing.
        await #expect(throws: TransportError.self) {
            try await status("http://localhost:\(server.port)", trusting: nil)
        }
        let mode = try FileManager.default.attributesOfItem(
            atPath: server.folder.file("server/development-key.pem")
        )[.posixPermissions]
        #expect(mode as? Int == 0o600)
        // What is not for this name is not taken, though it is trusted.
        let original = server.folder.file("original.pem")
        try FileManager.default.copyItem(atPath: certificate, toPath: original)
        let elsewhere = try SelfSignedCertificate.make(hosts: ["elsewhere.example"], days: 1)
        try server.folder.put(elsewhere.certificate, in: "elsewhere.pem")
        try replace(elsewhere, certificate: certificate, key: server.folder.file("server/development-key.pem"))
        try await changed { (try? await status("https://localhost:\(server.port)", trusting: original)) == nil }
        await #expect(throws: TransportError.self) {
            try await status("https://localhost:\(server.port)", trusting: server.folder.file("elsewhere.pem"))
        }
        // And files that are replaced are taken up by the server that runs.
        try replace(other, certificate: certificate, key: server.folder.file("server/development-key.pem"))
        try await changed {
            (try? await status("https://localhost:\(server.port)", trusting: server.folder.file("other.pem"))) == 200
        }
    }

    private func replace(_ made: borrowing SelfSignedCertificate, certificate: String, key: String) throws {
        try Data(made.key.copied()).write(to: URL(filePath: key))
        try Data(made.certificate).write(to: URL(filePath: certificate))
    }

    private func changed(_ isSo: () async throws -> Bool) async throws {
        for _ in 0..<300 {
            if try await isSo() { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw TooLate(description: "the server takes up a new certificate")
    }

    @Test("Certificates that are missing, damaged, expired, not valid yet, or of another key are one line each")
    func refused() async throws {
        let folder = try MemoryFolder()
        func put(_ name: String, _ made: borrowing SelfSignedCertificate) throws {
            try folder.put(made.certificate, in: "\(name).pem")
            try folder.put(made.key.copied(), in: "\(name).key")
        }
        try put("good", SelfSignedCertificate.make(hosts: ["localhost"], days: 1))
        try put("old", SelfSignedCertificate.make(hosts: ["localhost"], days: 1, begins: -3 * 86_400))
        try put("young", SelfSignedCertificate.make(hosts: ["localhost"], days: 1, begins: 3600))
        try put("other", SelfSignedCertificate.make(hosts: ["localhost"], days: 1))
        try folder.put("nothing", in: "damaged.pem")
        for (certificate, key, reason) in [
            ("none.pem", "good.key", "cannot be read"), ("damaged.pem", "good.key", "certificate"),
            ("old.pem", "old.key", "has expired"), ("young.pem", "young.key", "not valid yet"),
            ("good.pem", "other.key", "is not the key"), ("good.pem", "none.key", "cannot be read"),
            ("good.pem", "damaged.pem", "cannot be read"),
        ] {
            try folder.put(
                file(folder, "certificate = \"\(folder.file(certificate))\"\nkey = \"\(folder.file(key))\""),
                in: "s.toml"
            )
            let ended = try await Executable.run(
                "sotto-server",
                ["run", "--config", folder.file("s.toml")],
                in: folder
            )
            #expect(ended.status == 2, "\(certificate) \(key): \(ended.errors)")
            #expect(ended.complaint?.contains(reason) == true, "\(certificate) \(key): \(ended.errors)")
        }
        for (lines, reason) in [
            ("certificate = \"a\"", "belong together"), ("key = \"a\"", "belong together"),
            ("tls = \"on\"", "development"), ("tls = \"development\"\nkey = \"a\"", "exclude each other"),
            ("listen = \"0.0.0.0:0\"", "loopback"), ("public-reports = 1", "true or false"),
        ] {
            let text =
                lines.contains("listen")
                ? file(folder, "").replacing("listen = \"127.0.0.1:0\"", with: lines) : file(folder, lines)
            try folder.put(text, in: "s.toml")
            let ended = try await Executable.run(
                "sotto-server",
                ["run", "--config", folder.file("s.toml")],
                in: folder
            )
            #expect(ended.status == 2 && ended.complaint?.contains(reason) == true, "\(lines): \(ended.errors)")
        }
    }

    private func file(_ folder: MemoryFolder, _ lines: String) -> String {
        """
        [server]
        state = "\(folder.file("state"))"
        listen = "127.0.0.1:0"
        \(lines)

        [[population]]
        name = "people"
        epsilon = 10
        delta = 1e-5
        """
    }
}
