// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Synchronization

/// Stands between a client and PostgreSQL, and breaks the connection once, at a chosen place of a commit. Its socket is
/// `.s.PGSQL.5432` in a folder of its own.
final class CommitProxy: Sendable {
    enum Fault {
        /// The commit never reaches the server.
        case beforeCommit
        /// The commit is made, but the answer never reaches the client.
        case afterCommit
        /// The client is cut off first; the commit reaches the server half a second later.
        case delayedCommit
        /// A statement, not a commit, never reaches the server.
        case beforeStatement
    }

    /// Where the fault happens: a transaction whose messages hold this text is the one.
    static let mark = "break this one"

    let faults = Counter()
    private let listener: Int32
    private let server: String
    private let fault: Fault

    init(folder: String, server: String, fault: Fault) {
        self.server = server + "/.s.PGSQL.5432"
        self.fault = fault
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        unsafe Self.withAddress(folder + "/.s.PGSQL.5432") { address, length in
            precondition(unsafe bind(listener, address, length) == 0 && listen(listener, 10) == 0, "a free path")
        }
        let serverPath = self.server
        DispatchQueue(label: "proxy").async {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                let upstream = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
                unsafe Self.withAddress(serverPath) { _ = unsafe connect(upstream, $0, $1) }
                DispatchQueue(label: "proxy pair").async { self.pass(client, upstream) }
            }
        }
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    /// Passes bytes both ways until one side ends.
    private func pass(_ client: Int32, _ upstream: Int32) {
        defer {
            close(client)
            close(upstream)
        }
        var isMarked = false
        var swallows = false
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            var both = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: upstream, events: Int16(POLLIN), revents: 0),
            ]
            guard unsafe poll(&both, 2, -1) > 0 else { return }
            if both[1].revents != 0 {
                let count = unsafe read(upstream, &buffer, buffer.count)
                guard count > 0 else { return }
                if swallows { return }
                Self.write(client, Array(buffer.prefix(count)))
            }
            guard both[0].revents != 0 else { continue }
            let count = unsafe read(client, &buffer, buffer.count)
            guard count > 0 else { return }
            let bytes = Array(buffer.prefix(count))
            if Self.contains(bytes, Self.mark), faults.value == 0 {
                isMarked = true
                if fault == .beforeStatement {
                    faults.add()
                    return
                }
            }
            if isMarked, Self.contains(bytes, "COMMIT"), faults.value == 0 {
                faults.add()
                switch fault {
                case .beforeCommit, .beforeStatement:
                    return
                case .afterCommit:
                    swallows = true
                case .delayedCommit:
                    shutdown(client, Int32(SHUT_RDWR))
                    usleep(500_000)
                    Self.write(upstream, bytes)
                    // Until the server has said what became of it.
                    _ = unsafe read(upstream, &buffer, buffer.count)
                    return
                }
            }
            Self.write(upstream, bytes)
        }
    }

    private static func contains(_ bytes: [UInt8], _ text: String) -> Bool {
        String(decoding: bytes, as: UTF8.self).contains(text)
    }

    private static func write(_ descriptor: Int32, _ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Void) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { place in
            for (index, byte) in path.utf8.enumerated() { unsafe place[index] = byte }
        }
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
