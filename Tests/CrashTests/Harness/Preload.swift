// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestKit

/// The library that stands between a process and its system calls (`Tests/CCrashPoints`).
enum Preload {
    /// The environment that puts it before a process, with further settings of it.
    static func environment(_ settings: [String: String] = [:]) throws -> [String: String] {
        let library = try Executable.path("libCrashPoints.so")
        return settings.merging(["LD_PRELOAD": library]) { $1 }
    }
}

/// One counted call, as `SOTTO_CRASH_LOG` has it.
struct CountedCall: Hashable, Sendable {
    let name: String
    /// The last part of the file's path, or `socket`.
    let target: String

    static func list(_ bytes: [UInt8]?) -> [CountedCall] {
        String(decoding: bytes ?? [], as: UTF8.self).split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ", maxSplits: 2)
            guard parts.count == 3 else { return nil }
            let file = parts[2].split(separator: "/").last ?? parts[2]
            return CountedCall(name: String(parts[1]), target: String(file))
        }
    }
}

/// An upload as far as the network took it from a client.
struct SentUpload: Hashable, Sendable {
    let target: String
    let client: String
    let body: [UInt8]
    /// Whether the whole body was taken.
    let isComplete: Bool

    init(target: String, client: String, body: [UInt8], isComplete: Bool) {
        self.target = target
        self.client = client
        self.body = body
        self.isComplete = isComplete
    }

    /// Every upload in what `SOTTO_SENT_LOG` kept of one client, whose requests follow each other.
    ///
    /// A request begins with a call of its own, whatever became of the one before.
    static func list(_ log: [UInt8]?) -> [SentUpload] {
        var requests: [[UInt8]] = []
        var rest = (log ?? [])[...]
        while rest.count >= 4 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            let bytes = rest.dropFirst(4).prefix(length)
            if requests.isEmpty || ["GET /", "PUT /", "POST /"].contains(where: { bytes.starts(with: $0.utf8) }) {
                requests.append(Array(bytes))
            } else {
                requests[requests.count - 1] += bytes
            }
            rest = rest.dropFirst(4 + length)
        }
        return requests.compactMap(SentUpload.init)
    }

    /// `nil` for another request than an upload, or one whose head was not sent whole.
    private init?(_ request: [UInt8]) {
        guard request.starts(with: "PUT /".utf8), let end = Self.endOfHead(request) else { return nil }
        let lines = String(decoding: request[..<end], as: UTF8.self).split(whereSeparator: \.isNewline)
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " }) }
        }
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count == 3, let client = headers["sotto-client"],
            let length = headers["content-length"].flatMap({ Int($0) })
        else { return nil }
        target = String(words[1])
        self.client = client
        body = Array(request[end...])
        isComplete = body.count == length
    }

    private static func endOfHead(_ request: [UInt8]) -> Int? {
        let mark = Array("\r\n\r\n".utf8)
        guard request.count >= 4 else { return nil }
        return (4...request.count).first { Array(request[$0 - 4..<$0]) == mark }
    }
}
