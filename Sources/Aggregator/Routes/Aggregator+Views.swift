// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Messages
internal import Pages
internal import Synchronization

/// What people and their tools look at. None of it changes anything.
extension Aggregator {
    /// `GET /` and its parts, as they lie in the program.
    static func page(_ file: PageFile, _ request: APIRequest) -> APIResponse {
        let tag = "\"\(Hexadecimal.text(SHA256.hash(file.bytes).prefix(12)))\""
        let headers = PageFile.securityHeaders + [("cache-control", "no-cache"), ("etag", tag)]
        guard request.headers["if-none-match"] != tag else {
            return APIResponse(status: 304, contentType: file.contentType, headers: headers, body: [])
        }
        return APIResponse(status: 200, contentType: file.contentType, headers: headers, body: file.bytes)
    }

    /// `GET /metrics`
    func metrics() async throws -> APIResponse {
        try await compute.run {
            let text = ServerMetrics.text(
                requests: self.requestMetrics,
                streams: self.streams.counts,
                // What the database cannot tell is left out, and the page says so.
                overview: try? self.observatory.overview(),
                process: .current(startTime: self.startTime)
            )
            return APIResponse(status: 200, contentType: MetricText.contentType, body: Array(text.utf8))
        }
    }

    /// The most attempts of one answer; who wants more goes on from the last one's round.
    static let mostAttempts = 10_000

    /// `GET /v1/tasks/{task}/rounds?from=R`
    func rounds(of task: String, _ request: APIRequest) async throws -> APIResponse {
        var first = 1
        if let value = try request.query(["from"])["from"] {
            guard let number = Int(value), number >= 1 else {
                throw APIError(400, "rounds: from must be a whole number from 1")
            }
            first = number
        }
        let from = first
        return try await compute.run {
            guard let attempts = try self.observatory.attempts(of: task, from: from, limit: Self.mostAttempts) else {
                throw APIError(404, "task \(task): does not exist")
            }
            return try .json(attempts)
        }
    }

    /// `GET /v1/events`
    func events(_ request: APIRequest) async throws -> APIResponse {
        let last = request.headers["last-event-id"]
        guard last == nil || last.flatMap({ Int64($0) }).map({ $0 >= 0 }) == true else {
            throw APIError(400, "events: last-event-id must be the number of an event")
        }
        let found = try await compute.run {
            try self.streams.listen(after: last.flatMap { Int64($0) }) { [weak self] in self?.mayView(request) ?? false
            }
        }
        guard let stream = found else {
            throw APIError(
                503,
                "events: \(EventStreams.mostStreams) streams are open, which is the limit; come back later",
                headers: [("retry-after", "10")]
            )
        }
        var response = APIResponse(
            status: 200,
            contentType: "text/event-stream",
            headers: [("cache-control", "no-store"), ("x-accel-buffering", "no")],
            body: []
        )
        response.stream = stream
        return response
    }

    /// Whether a request that was let in would still be: a token may have been revoked since, or have ended.
    private func mayView(_ request: APIRequest) -> Bool {
        do {
            _ = try authorise(request, .view)
            return true
        } catch {
            // A database that is away takes nobody's right.
            return !(error is APIError)
        }
    }
}

extension PageFile {
    /// Nothing from elsewhere, nothing inline, in nobody's frame.
    static let securityHeaders: [(name: String, value: String)] = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
                + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"), ("cross-origin-resource-policy", "same-origin"),
    ]
}

extension APIRequest {
    /// The query's values by name.
    ///
    /// - Throws: ``APIError`` 400 for a name that is not one of `names`, or that comes twice.
    func query(_ names: Set<String>) throws(APIError) -> [String: String] {
        guard let mark = target.firstIndex(of: "?") else { return [:] }
        var values: [String: String] = [:]
        for pair in target[target.index(after: mark)...].split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard names.contains(name), values.updateValue(parts.count > 1 ? String(parts[1]) : "", forKey: name) == nil
            else { throw APIError(400, "query: takes \(names.sorted().joined(separator: ", ")), each once") }
        }
        return values
    }
}
