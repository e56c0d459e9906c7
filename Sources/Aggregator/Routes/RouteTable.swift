// SPDX-License-Identifier: Apache-2.0

internal import Pages
internal import Rounds

/// Who may use a route. What a route does for anyone else is nothing: it changes no state.
package enum Access: String, Sendable, CaseIterable {
    /// Everybody; it changes nothing.
    case anyone
    /// Whoever holds an unused invite, which is in the body.
    case invited
    /// An enrolled client, by its signature.
    case client
    /// An operator with the role `view` or above, by a token; everybody, where reports are public. It changes nothing.
    case view
    /// An operator with the role `operate`, by a token.
    case operate
}

/// One way in: a method and a path, and who may use it. The path is also what requests are counted by.
package struct Route: Sendable {
    package let method: String
    /// A part in braces stands for any one part.
    package let path: String
    package let access: Access
    let answer: @Sendable (Aggregator, RoutedRequest) async throws -> APIResponse
    private let parts: [String]

    init(
        _ method: String,
        _ path: String,
        _ access: Access,
        _ answer: @escaping @Sendable (Aggregator, RoutedRequest) async throws -> APIResponse
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.answer = answer
        parts = Self.split(path)
    }

    static func split(_ path: some StringProtocol) -> [String] {
        path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { String($0) }
    }

    /// What stands for the parts in braces, by their names; `nil` when the path is another one.
    func parameters(_ given: [String]) -> [String: String]? {
        guard given.count == parts.count else { return nil }
        var parameters: [String: String] = [:]
        for (part, value) in zip(parts, given) {
            if part.hasPrefix("{") {
                guard !value.isEmpty else { return nil }
                parameters[String(part.dropFirst().dropLast())] = value
            } else if part != value {
                return nil
            }
        }
        return parameters
    }
}

/// A request that has found its route, and whose sender may use it.
struct RoutedRequest: Sendable {
    let request: APIRequest
    let parameters: [String: String]
    /// The client that signed it, where the route is for clients.
    let caller: Aggregator.Caller?
    /// The bearer of its token, where the route is for operators.
    let bearer: Operator?

    func parameter(_ name: String) -> String { parameters[name] ?? "" }

    /// The sender of a route that is for clients.
    func client() throws -> Aggregator.Caller {
        guard let caller else { throw APIError(401, "request: is not signed") }
        return caller
    }

    /// The sender of a route that is for operators.
    func operatorName() throws -> Operator {
        guard let bearer else { throw APIError(401, "request: bears no token") }
        return bearer
    }

    func attempt() throws -> RoundIdentifier {
        guard let round = Int(parameter("round")), let attempt = Int(parameter("attempt")), round >= 1, attempt >= 1
        else { throw APIError(404, "update: round and attempt must be whole numbers from 1") }
        return RoundIdentifier(task: parameter("task"), round: round, attempt: attempt)
    }
}

extension Aggregator {
    /// Every way in. There is no other: the router and the metrics read this table, and so do the tests that try every wrong
    /// sender and that hold the description of the API against the server.
    package static let routes: [Route] = [
        Route("GET", "/", .anyone) { _, call in page(.page, call.request) },
        Route("GET", "/page.css", .anyone) { _, call in page(.style, call.request) },
        Route("GET", "/page.js", .anyone) { _, call in page(.script, call.request) },
        Route("GET", "/icon.svg", .anyone) { _, call in page(.icon, call.request) },
        Route("GET", "/v1/openapi.json", .anyone) { _, call in page(.description, call.request) },
        Route("GET", "/healthz", .anyone) { _, _ in
            APIResponse(status: 200, contentType: "text/plain", body: Array("ok\n".utf8))
        },

        Route("POST", "/v1/enrolments", .invited) { server, call in try await server.enrol(call.request) },
        Route("POST", "/v1/assignments", .client) { server, call in
            try await server.assign(call.request, try call.client())
        },
        Route("GET", "/v1/blobs/{sha256}", .client) { server, call in
            try await server.blob(call.parameter("sha256"), call.request, try call.client())
        },
        Route("PUT", updatePath, .client) { server, call in
            try await server.accept(call.request, try call.attempt(), try call.client())
        },
        Route("GET", updatePath, .client) { server, call in
            try await server.progress(try call.attempt(), try call.client())
        },

        Route("GET", "/v1/tasks", .view) { server, _ in try await server.publicReports() },
        Route("GET", "/v1/tasks/{task}", .view) { server, call in
            try await server.publicReport(on: call.parameter("task"))
        },
        Route("GET", "/v1/tasks/{task}/rounds", .view) { server, call in
            try await server.rounds(of: call.parameter("task"), call.request)
        },
        Route("GET", "/v1/events", .view) { server, call in try await server.events(call.request) },
        Route("GET", "/metrics", .view) { server, _ in try await server.metrics() },

        Route("POST", "/v1/tasks", .operate) { server, call in
            try await server.createTask(call.request.body, by: try call.operatorName())
        },
        Route("POST", "/v1/tasks/{task}/start", .operate) { server, call in
            try await server.setStatus(.start, of: call.parameter("task"), by: try call.operatorName())
        },
        Route("POST", "/v1/tasks/{task}/pause", .operate) { server, call in
            try await server.setStatus(.pause, of: call.parameter("task"), by: try call.operatorName())
        },
        Route("POST", "/v1/tasks/{task}/stop", .operate) { server, call in
            try await server.setStatus(.stop, of: call.parameter("task"), by: try call.operatorName())
        },
        Route("POST", "/v1/tasks/{task}/rollback", .operate) { server, call in
            try await server.rollBack(call.parameter("task"), call.request.body, by: try call.operatorName())
        },
    ]

    /// Where updates go, whole or in parts.
    private static let updatePath = "/v1/tasks/{task}/rounds/{round}/attempts/{attempt}/update"

    /// The path of a request's route with its parts in braces, or `other` for a path that nothing is known of: fit for a
    /// label, because a stranger cannot make up new ones.
    package static func label(_ target: String) -> String {
        let path = target.prefix { $0 != "?" }
        let parts = path.hasPrefix("/") ? Route.split(path) : []
        return routes.first { $0.parameters(parts) != nil }?.path ?? "other"
    }

    /// The route of a request.
    ///
    /// - Throws: ``APIError`` 404 for an unknown path, 405 for a known one with another method.
    static func route(method: String, target: String) throws -> (route: Route, parameters: [String: String]) {
        // Names of tasks and files have no others, and a database may not be able to look for them.
        guard target.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw APIError(400, "path: has characters that must be percent-encoded")
        }
        let path = target.prefix { $0 != "?" }
        let parts = path.hasPrefix("/") ? Route.split(path) : []
        var methods: Set<String> = []
        for route in routes {
            guard let parameters = route.parameters(parts) else { continue }
            if route.method == method { return (route, parameters) }
            methods.insert(route.method)
        }
        guard methods.isEmpty else {
            let allowed = methods.sorted().joined(separator: ", ")
            throw APIError(
                405,
                "\(path): does not support \(method); it does \(allowed)",
                headers: [("allow", allowed)]
            )
        }
        throw APIError(404, "\(path): no such path; machines use /v1/...")
    }
}
