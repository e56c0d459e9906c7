// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Counts of requests since the process started.
package final class RequestMetrics: Sendable {
    private struct Key: Hashable {
        let route: String
        let method: String
        let status: Int
    }

    private struct State {
        var requests: [Key: Int] = [:]
        var durations: [String: Histogram] = [:]
        var refusals: [String: Int] = [:]
        var bytesIn: [String: Int] = [:]
        var bytesOut: [String: Int] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// Counts an answered request.
    ///
    /// - Parameters:
    ///   - route: template of the path, or `other`: never what a stranger may choose.
    ///   - seconds: until the answer was ready to be sent.
    package func record(
        route: String,
        method: String,
        status: Int,
        bytesIn: Int,
        bytesOut: Int,
        seconds: Double
    ) {
        let method = ["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"].contains(method) ? method : "other"
        state.withLock { state in
            state.requests[Key(route: route, method: method, status: status / 100), default: 0] += 1
            state.durations[route, default: Histogram()].observe(seconds)
            state.bytesIn[route, default: 0] += bytesIn
            state.bytesOut[route, default: 0] += bytesOut
            if status >= 400 { state.refusals[Self.reason(status), default: 0] += 1 }
        }
    }

    /// The class of reasons that a status stands for (docs/protocol.md).
    static func reason(_ status: Int) -> String {
        switch status {
        case 400: "malformed"
        case 401: "unauthenticated"
        case 403: "forbidden"
        case 404: "not_found"
        case 405: "method"
        case 409: "conflict"
        case 410: "not_open"
        case 413: "too_long"
        case 416: "range"
        case 422: "does_not_fit"
        case 429: "too_many"
        case 503: "unavailable"
        default: status >= 500 ? "server_error" : "other"
        }
    }

    package func write(to text: inout MetricText) {
        let state = state.withLock { $0 }
        text.add(
            "sotto_http_requests_total",
            .counter,
            "Requests that were answered, by route, method and class of status.",
            state.requests
                .sorted { ($0.key.route, $0.key.method, $0.key.status) < ($1.key.route, $1.key.method, $1.key.status) }
                .map { key, count in
                    .init([("route", key.route), ("method", key.method), ("status", "\(key.status)xx")], count)
                }
        )
        text.add(
            "sotto_http_refusals_total",
            .counter,
            "Requests that were refused, by class of reason.",
            state.refusals.sorted { $0.key < $1.key }.map { .init([("reason", $0.key)], $0.value) }
        )
        text.add(
            "sotto_http_request_duration_seconds",
            "Time from a request's head until its answer was ready; of a stream, until it began.",
            state.durations.sorted { $0.key < $1.key }.map { ([("route", $0.key)], $0.value) }
        )
        text.add(
            "sotto_http_request_body_bytes_total",
            .counter,
            "Bytes of the bodies of requests, by route.",
            state.bytesIn.sorted { $0.key < $1.key }.map { .init([("route", $0.key)], $0.value) }
        )
        text.add(
            "sotto_http_response_body_bytes_total",
            .counter,
            "Bytes of the bodies of answers, by route; streams are not counted.",
            state.bytesOut.sorted { $0.key < $1.key }.map { .init([("route", $0.key)], $0.value) }
        )
    }
}
