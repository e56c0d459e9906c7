// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Messages
internal import Rounds
internal import Store

/// From a request to its route and back to an answer.
extension Aggregator {
    /// Answers a request. Everything that goes wrong becomes a status and one line; nothing of a payload is repeated.
    public func respond(to request: APIRequest) -> APIResponse {
        traffic.requests += 1
        traffic.bytesUp += request.body.count
        let response: APIResponse
        do {
            response = try route(request)
        } catch let error as APIError {
            response = .refusal(error.status, error.reason, headers: error.headers)
        } catch let error as WireError {
            response = .refusal(400, error.description)
        } catch {
            logger.error("\(request.method) \(request.target): \(error)")
            response = .refusal(503, "server: cannot serve this now; try again later")
        }
        if response.status >= 400 {
            traffic.refusals += 1
            logger.debug("\(request.method) \(request.target): refused with \(response.status)")
        }
        traffic.bytesDown += response.body.count
        return response
    }

    private func route(_ request: APIRequest) throws -> APIResponse {
        let path = request.target.prefix { $0 != "?" }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        switch (request.method, parts.first, parts.count) {
        case ("GET", "healthz", 1):
            return APIResponse(status: 200, contentType: "text/plain", body: Array("ok\n".utf8))
        case (let method, "v1", 2...):
            return try routeVersion1(method, Array(parts.dropFirst()), request)
        default:
            throw APIError(404, "\(path): no such path; machines use /v1/...")
        }
    }

    private func routeVersion1(_ method: String, _ parts: [String], _ request: APIRequest) throws -> APIResponse {
        switch (method, parts[0], parts.count) {
        case ("POST", "enrolments", 1):
            return try enrol(request)
        case ("POST", "assignments", 1):
            return try assign(request)
        case ("GET", "blobs", 2):
            return try blob(parts[1], request)
        case ("GET", "tasks", 1):
            return try .json(store.tasks().map { try publicReport(on: $0) })
        case ("GET", "tasks", 2):
            guard let task = try store.task(parts[1]) else { throw APIError(404, "task \(parts[1]): does not exist") }
            return try .json(publicReport(on: task))
        case ("PUT", "tasks", 7) where parts[2] == "rounds" && parts[4] == "attempts" && parts[6] == "update":
            guard let round = Int(parts[3]), let attempt = Int(parts[5]), round >= 1, attempt >= 1 else {
                throw APIError(404, "update: round and attempt must be whole numbers from 1")
            }
            return try accept(request, RoundIdentifier(task: parts[1], round: round, attempt: attempt))
        case (_, "enrolments", 1), (_, "assignments", 1), (_, "blobs", 2), (_, "tasks", 1...2), (_, "tasks", 7):
            throw APIError(405, "/v1/\(parts[0]): does not support \(method)")
        default:
            throw APIError(404, "/v1/\(parts[0]): no such path")
        }
    }

    /// The most bytes of a body that a request may bring, known before any of them is read; `nil` when that cannot be told
    /// now, and the sender should come back later.
    public func bodyLimit(method: String, target: String) -> Int? {
        let parts = target.prefix { $0 != "?" }.split(separator: "/")
        guard method == "PUT", parts.count == 8, parts.last == "update" else { return WireLimits.smallMessage }
        let task = String(parts[2])
        if let known = uploadLimits[task] { return known }
        do {
            // An unknown task is refused whatever it brings.
            guard let record = try store.task(task), let bytes = try store.blob(record.planHash) else {
                return WireLimits.smallMessage
            }
            let limit = TaskRuntime.uploadLimit(try Sotto_V1_Plan(wire: bytes, what: "plan of task \(task)").plan())
            uploadLimits[task] = limit
            return limit
        } catch {
            logger.error("\(method) \(target): \(error)")
            return nil
        }
    }
}
