// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestKit
import Testing

/// A real server with a server file of the test's.
struct ServerProcess {
    let folder: MemoryFolder
    let process: RunningProcess
    let port: Int

    /// - Parameters:
    ///   - server: further lines of `[server]`.
    ///   - limits: the lines of `[limits]`.
    init(server: String = "", limits: String = "") async throws {
        let folder = try MemoryFolder()
        let file = """
            [server]
            name = "test"
            state = "\(folder.file("server"))"
            listen = "127.0.0.1:0"
            \(server)

            [limits]
            \(limits)

            [[population]]
            name = "people"
            epsilon = 10
            delta = 1e-5
            """
        try folder.put(file, in: "server.toml")
        let process = try RunningProcess(
            "sotto-server",
            ["run", "--config", folder.file("server.toml"), "--json"],
            in: folder
        )
        var port: Int?
        try await process.wait("the server listens; it said: \(process.errors)") {
            let line = process.errors.split(separator: "\n").first { $0.contains("listening on http") }
            port = line?.split(separator: ":").last.flatMap { Int($0) }
            return port != nil
        }
        self.folder = folder
        self.process = process
        self.port = try #require(port)
    }

    func command(_ arguments: [String]) async throws -> Ended {
        try await Executable.run("sotto-server", arguments + ["--config", folder.file("server.toml")], in: folder)
    }
}

/// A TCP connection that sends what a test says, when it says so.
final class RawConnection {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw TooLate(description: "a connection to port \(port)") }
    }

    deinit { close(descriptor) }

    /// - Returns: `false` when the other side has closed.
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let rest = Array(bytes[sent...])
            var event = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard unsafe poll(&event, 1, 30_000) == 1 else { return false }
            let count = unsafe Glibc.send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            if count < 0, errno == EAGAIN { continue }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// What comes until the other side closes, or until `isEnough`; `nil` when neither happens in half a minute.
    func read(until isEnough: (String) -> Bool = { _ in false }) -> String? {
        var bytes: [UInt8] = []
        while true {
            if isEnough(String(decoding: bytes, as: UTF8.self)) { return String(decoding: bytes, as: UTF8.self) }
            var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&event, 1, 30_000) == 1 else { return nil }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk.prefix(count)
        }
    }

    /// Whether something can be read now, or the other side has closed.
    var isReadable: Bool {
        var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&event, 1, 0) == 1
    }
}

/// Runs something that blocks on a thread of its own.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.start { continuation.resume(with: Result(catching: body)) }
    }
}

private enum Thread {
    private final class Box {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    static func start(_ body: @escaping () -> Void) {
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
        unsafe pthread_create(
            &thread,
            nil,
            { pointer in
                guard let pointer = unsafe pointer else { return nil }
                unsafe Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body()
                return nil
            },
            box
        )
        pthread_detach(thread)
    }
}
