// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
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
            noteStranger(request, status: error.status)
            response = Self.refusal(error, to: request.headers)
        } catch let error as WireError {
            response = Self.refusal(APIError(400, error.description), to: request.headers)
        } catch {
            logger.error(
                "\(request.method) \(request.path): \(error)",
                metadata: request.identifier.map { ["request": "\($0)"] }
            )
            let reason = "server: cannot serve this now; try again later"
            response = Self.refusal(APIError(503, reason, headers: [("retry-after", "5")]), to: request.headers)
        }
        traffic.withLock { traffic in
            traffic.requests += 1
            traffic.bytesUp += request.body.count
            traffic.bytesDown += response.body.count
            if response.status >= 400 { traffic.refusals += 1 }
        }
        return response
    }

    private func route(_ request: APIRequest) async throws -> APIResponse {
        let (route, parameters) = try Self.route(method: request.method, target: request.target)
        var caller: Caller?
        var bearer: Operator?
        switch route.access {
        case .anyone, .invited:
            break
        case .client:
            let verified = try await compute.run { try self.verify(request) }
            if request.address != nil, let wait = limits.clients.take(verified.client, now: limits.now) {
                throw RequestLimits.refusal("client", wait)
            }
            caller = verified
        case .view, .operate:
            bearer = try await compute.run { try self.authorise(request, route.access) }
        }
        return try await route.answer(
            self,
            RoutedRequest(request: request, parameters: parameters, caller: caller, bearer: bearer)
        )
    }

    /// A refusal as its reader understands it: JSON for who asks for it, or bears or lacks an operator's token, else protobuf.
    static func refusal(_ error: APIError, to headers: [String: String]) -> APIResponse {
        let response = APIResponse.refusal(error.status, error.reason, headers: error.headers)
        let accepts = headers["accept"]?.contains("application/json") ?? false
        let isOperator = headers["authorization"] != nil || error.headers.contains { $0.name == "www-authenticate" }
        guard accepts || isOperator,
            let message = try? Sotto_V1_Refusal(
                wire: response.body,
                limit: 1 << 16,
                what: "refusal"
            ), var json = try? APIResponse.json(["reason": message.reason])
        else { return response }
        json.status = error.status
        json.headers = error.headers
        return json
    }

    /// The most bytes of a body that a request may bring, known before any of them is read; `nil` when that cannot be told
    /// now, and the sender should come back later.
    public func bodyLimit(method: String, target: String) async -> Int? {
        guard method == "PUT", let (_, parameters) = try? Self.route(method: method, target: target),
            let task = parameters["task"]
        else { return WireLimits.smallMessage }
        do {
            return try await compute.run {
                try self.store.read { session in
                    // An unknown task is refused whatever it brings.
                    guard let record = try session.task(task) else { return WireLimits.smallMessage }
                    return try self.plans.plan(record.planHash, session).uploadLimit
                }
            }
        } catch {
            logger.error("\(method) \(target.prefix { $0 != "?" }): \(error)")
            return nil
        }
    }
}
