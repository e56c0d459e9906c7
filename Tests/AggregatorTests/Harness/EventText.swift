// SPDX-License-Identifier: Apache-2.0

import Aggregator
import TestKit

/// A reader of `text/event-stream`, written from
/// <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>.
struct EventText {
    struct Event {
        var name: String
        var data: JSONValue
        var number: Int64?
    }

    private(set) var events: [Event] = []
    private(set) var comments = 0
    private(set) var retry: Int?

    init(_ bytes: [UInt8]) throws {
        var name = "message"
        var data: [Substring] = []
        var number: Int64?
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty {
                if !data.isEmpty {
                    let text = data.joined(separator: "\n")
                    events.append(Event(name: name, data: try JSONValue(Array(text.utf8)), number: number))
                }
                (name, data) = ("message", [])
                continue
            }
            if line.hasPrefix(":") {
                comments += 1
                continue
            }
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? parts[1].trimmingPrefix(" ") : ""
            switch parts[0] {
            case "event": name = String(value)
            case "data": data.append(value)
            case "id": number = Int64(value)
            case "retry": retry = Int(value)
            default: break
            }
        }
    }

    func all(_ name: String) -> [Event] { events.filter { $0.name == name } }
}

extension EventStream {
    /// What waits in the stream, which is then ended.
    func drained() async throws -> EventText {
        end()
        var bytes: [UInt8] = []
        for await chunk in chunks { bytes += chunk }
        return try EventText(bytes)
    }
}
