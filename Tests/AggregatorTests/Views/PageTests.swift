// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Logging
import Synchronization
import TestKit
import Testing

@Suite("The page and its requests", .timeLimit(.minutes(1)))
struct PageTests {
    @Test("The page needs nothing from elsewhere and nothing inline, and its headers allow neither")
    func page() async throws {
        let world = try await World()
        func get(_ target: String) async -> (response: APIResponse, headers: [String: String], text: String) {
            let response = await world.respond(to: APIRequest(method: "GET", target: target))
            let headers = Dictionary(uniqueKeysWithValues: response.headers.map { ($0.name, $0.value) })
            return (response, headers, String(decoding: response.body, as: UTF8.self))
        }
        let page = await get("/")
        #expect(page.response.status == 200 && page.response.contentType == "text/html; charset=utf-8")
        let policy = try #require(page.headers["content-security-policy"])
        #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"))
        for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")] {
            #expect(page.headers[name] == value)
        }
        // No inline script, style or handler, and no address that is not a path of this server.
        for forbidden in ["<style", " style=", "javascript:", "http://", "https://", "<script>", "<base"] {
            #expect(!page.text.contains(forbidden), "\(forbidden)")
        }
        #expect(page.text.firstMatch(of: /\son[a-z]+\s*=/) == nil)
        let assets = page.text.matches(of: /(?:href|src)="([^"#]+)"/).map { String($0.1) }
        #expect(Set(assets).isSuperset(of: ["page.css", "page.js", "icon.svg", "metrics", "v1/openapi.json"]))
        for asset in Set(assets) {
            #expect(await get("/" + asset).response.status == 200, "\(asset)")
        }
        let style = await get("/page.css").text
        #expect(!style.contains("url(") && !style.contains("@import"))
        for query in ["prefers-color-scheme: dark", "prefers-reduced-motion", "max-width", ":focus-visible"] {
            #expect(style.contains(query), "\(query)")
        }
        let script = await get("/page.js").text
        for forbidden in ["innerHTML", "eval(", "document.write", "import(", "localStorage"] {
            #expect(!script.contains(forbidden), "\(forbidden)")
        }
        // Every part of the template that the script fills is there.
        for part in Set(script.matches(of: /this\.set(?:With)?\("([a-z-]+)"/).map { String($0.1) }) {
            #expect(page.text.contains("data-x=\"\(part)\""), "\(part)")
        }
        for name in Set(script.matches(of: /byId\("([a-z-]+)"\)/).map { String($0.1) }) {
            #expect(page.text.contains("id=\"\(name)\""), "\(name)")
        }
    }

    @Test("A request's identity is taken over where it is a token, and made otherwise")
    func identity() {
        func identifier(_ given: String?) -> String {
            let headers = given.map { ["x-request-id": $0] } ?? [:]
            return RequestWatch(
                method: "GET",
                target: "/",
                headers: headers,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                metrics: RequestMetrics()
            ).identifier
        }
        for good in ["a", "A-z_0.9", String(repeating: "x", count: 64)] { #expect(identifier(good) == good) }
        for bad in [nil, "", String(repeating: "x", count: 65), "a b", "a\nb", "ä", "a\"b", "a;b"] {
            let made = identifier(bad)
            #expect(made.wholeMatch(of: /[0-9a-f]{16}/) != nil && made != identifier(bad))
        }
    }

    @Test("The log has a line for a request: path without its query, a client only by a name as enrolment gives it")
    func accessLog() throws {
        let log = Memory()
        var logger = Logger(label: "test") { _ in log }
        logger.logLevel = .debug
        func end(_ target: String, _ headers: [String: String], _ status: Int) -> [Memory.Line] {
            log.lines.withLock { $0 = [] }
            let watch = RequestWatch(
                method: "GE\u{1B}T",
                target: target,
                headers: headers,
                logger: logger,
                metrics: RequestMetrics()
            )
            watch.end(status: status, bytesIn: 1, bytesOut: 2)
            return log.lines.withLock { $0 }
        }
        let name = "c-0123456789abcdef0123"
        let good = try #require(
            end("/v1/tasks?token=secret", ["sotto-client": name, "authorization": "Bearer secret"], 200).first
        )
        #expect(good.level == .debug && good.metadata["path"] == "/v1/tasks" && good.metadata["client"] == "\(name)")
        func text(_ name: String) -> String { good.metadata[name].map { "\($0)" } ?? "" }
        #expect(text("status") == "200" && text("bytes-out") == "2" && text("method") == "GE?T")
        #expect(!"\(good)".contains("secret"))
        let bad = try #require(
            end("/\n\u{7}" + String(repeating: "x", count: 500), ["sotto-client": "c-../../etc"], 404).first
        )
        #expect(bad.level == .info && bad.metadata["client"] == nil)
        #expect("\(bad.metadata["path"] ?? "")".hasPrefix("/??xxx") && "\(bad.metadata["path"] ?? "")".count == 200)
        #expect(end("/", [:], 503).first?.level == .warning)
        logger.logLevel = .notice
        #expect(end("/", [:], 404).isEmpty)
    }

    /// A log that is kept.
    private final class Memory: LogHandler {
        struct Line: Sendable {
            let level: Logger.Level
            let metadata: Logger.Metadata
        }

        let lines = Mutex<[Line]>([])
        private let level = Mutex(Logger.Level.trace)

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }
        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        var logLevel: Logger.Level {
            get { level.withLock { $0 } }
            set { level.withLock { $0 = newValue } }
        }

        func log(event: LogEvent) {
            lines.withLock { $0.append(Line(level: event.level, metadata: event.metadata ?? [:])) }
        }
    }
}
