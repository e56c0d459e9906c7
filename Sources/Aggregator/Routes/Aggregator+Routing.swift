// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Messages
internal import Rounds
internal import Store
internal import Synchronization

/// From a request to its route and back to an answer.
extension Aggregator {
    /// Answers a request. Everything that goes wrong becomes a status and one line; nothing of a payload is repeated.
    public func respond(to request: APIRequest) async -> APIResponse {
        let response: APIResponse
        do {
            response = try await route(request)
        } catch let error as APIError {
            response = .refusal(error.status, error.reason, headers: error.headers)
        } catch let error as WireError {
            response = .refusal(400, error.description)
        } catch {
            logger.error("\(request.method) \(request.target): \(error)")
            response = .refusal(503, "server: cannot serve this now; try again later")
        }
        traffic.withLock { traffic in
            traffic.requests += 1
            traffic.bytesUp += request.body.count
            traffic.bytesDown += response.body.count
            if response.status >= 400 { traffic.refusals += 1 }
        }
        if response.status >= 400 {
            logger.debug("\(request.method) \(request.target): refused with \(response.status)")
        }
        return response
    }

    private func route(_ request: APIRequest) async throws -> APIResponse {
        let path = request.target.prefix { $0 != "?" }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        switch (request.method, parts.first, parts.count) {
        case ("GET", "healthz", 1):
            return APIResponse(status: 200, contentType: "text/plain", body: Array("ok\n".utf8))
        case (let method, "v1", 2...):
            return try await routeVersion1(method, Array(parts.dropFirst()), request)
        default:
            throw APIError(404, "\(path): no such path; machines use /v1/...")
        }
    }

    private func routeVersion1(_ method: String, _ parts: [String], _ request: APIRequest) async throws -> APIResponse {
        switch (method, parts[0], parts.count) {
        case ("POST", "enrolments", 1):
            return try await enrol(request)
        case ("POST", "assignments", 1):
            return try await assign(request)
        case ("GET", "blobs", 2):
            return try await blob(parts[1], request)
        case ("GET", "tasks", 1):
            return try await publicReports()
        case ("GET", "tasks", 2):
            return try await publicReport(on: parts[1])
        case ("PUT", "tasks", 7) where Self.isUpdate(parts):
            return try await accept(request, Self.identifier(parts))
        case ("GET", "tasks", 7) where Self.isUpdate(parts):
            return try await progress(request, Self.identifier(parts))
        case (_, "enrolments", 1), (_, "assignments", 1), (_, "blobs", 2), (_, "tasks", 1...2), (_, "tasks", 7):
            throw APIError(405, "/v1/\(parts[0]): does not support \(method)")
        default:
            throw APIError(404, "/v1/\(parts[0]): no such path")
        }
    }

    private static func isUpdate(_ parts: [String]) -> Bool {
        parts[2] == "rounds" && parts[4] == "attempts" && parts[6] == "update"
    }

    private static func identifier(_ parts: [String]) throws -> RoundIdentifier {
        guard let round = Int(parts[3]), let attempt = Int(parts[5]), round >= 1, attempt >= 1 else {
            throw APIError(404, "update: round and attempt must be whole numbers from 1")
        }
        return RoundIdentifier(task: parts[1], round: round, attempt: attempt)
    }

    /// The most bytes of a body that a request may bring, known before any of them is read; `nil` when that cannot be told
    /// now, and the sender should come back later.
    public func bodyLimit(method: String, target: String) async -> Int? {
        let parts = target.prefix { $0 != "?" }.split(separator: "/")
        guard method == "PUT", parts.count == 8, parts.last == "update" else { return WireLimits.smallMessage }
        let task = String(parts[2])
        do {
            return try await compute.run {
                try self.store.read { session in
                    // An unknown task is refused whatever it brings.
                    guard let record = try session.task(task) else { return WireLimits.smallMessage }
                    return try self.plans.plan(record.planHash, session).uploadLimit
                }
            }
        } catch {
            logger.error("\(method) \(target): \(error)")
            return nil
        }
    }
}
