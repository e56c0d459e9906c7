// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import FoundationEssentials
internal import Store

/// What operators do over HTTP: the same as by the command line, under the name of their token.
extension Aggregator {
    /// The bearer of a request's token, when it is valid and its role suffices.
    ///
    /// - Returns: `nil` where nobody needs a token and none is shown.
    func authorise(_ request: APIRequest, _ access: Access) throws -> Operator? {
        let doors = environment.configuration.doors
        let header = request.headers["authorization"]
        if access == .view, header == nil, doors.publicReports(on: environment.configuration.listen) { return nil }
        func challenge(_ reason: String) -> APIError {
            APIError(401, reason, headers: [("www-authenticate", "Bearer realm=\"sotto\"")])
        }
        guard let header else { throw challenge("request: needs an operator's token, as Authorization: Bearer TOKEN") }
        guard let shown = BearerToken(authorization: header) else {
            throw challenge("request: its Authorization is not Bearer and a token, sotto-op-1.<id>.<secret>")
        }
        let token = try store.read { session in try session.token(id: shown.id) }
        // As long as for a known one.
        let isRight = constantTimeEqual(shown.secretHash, token?.secretHash ?? [UInt8](repeating: 0, count: 32))
        guard let token, isRight else { throw challenge("token: is not known here") }
        guard token.revokedAt == nil else { throw challenge("token \(token.name): was revoked") }
        if let end = token.expiresAt, end <= now() {
            throw challenge("token \(token.name): has expired; ask for a new one")
        }
        guard token.role.includes(access == .operate ? .operate : .view) else {
            throw APIError(403, "token \(token.name): may \(token.role.rawValue) only; this needs the role operate")
        }
        return .token(token.name)
    }

    /// `POST /v1/tasks`: a task from its file.
    func createTask(_ body: [UInt8], by who: Operator) async throws -> APIResponse {
        let lines = try await compute.run {
            let task: TaskConfiguration
            do {
                _ = try TOMLFile(bytes: body, named: "task file")
            } catch {
                throw APIError(400, "\(error)")
            }
            do {
                task = try TaskConfiguration(bytes: body)
                return try Administration.createTask(
                    task,
                    file: "task file",
                    configuration: self.environment.configuration,
                    store: self.store,
                    by: who
                )
            } catch {
                throw Self.refusal(error)
            }
        }
        var answer = try APIResponse.json(CreatedTask(lines: lines))
        answer.status = 201
        return answer
    }

    private struct CreatedTask: Encodable {
        let lines: [String]
    }

    /// `POST /v1/tasks/{task}/start`, `pause`, `stop`.
    func setStatus(_ change: Administration.StatusChange, of task: String, by who: Operator) async throws -> APIResponse
    {
        try await compute.run {
            do {
                try Administration.setStatus(change, task: task, store: self.store, by: who)
            } catch {
                throw Self.refusal(error)
            }
        }
        return try await publicReport(on: task)
    }

    /// `POST /v1/tasks/{task}/rollback`: `{"round": N}`.
    func rollBack(_ task: String, _ body: [UInt8], by who: Operator) async throws -> APIResponse {
        guard let target = try? JSONDecoder().decode(RollBack.self, from: Data(body)) else {
            throw APIError(400, "rollback: the body must be {\"round\": N}")
        }
        let line = try await compute.run {
            do {
                return try Administration.rollBack(task, to: target.round, store: self.store, by: who)
            } catch {
                throw Self.refusal(error)
            }
        }
        return try .json(CreatedTask(lines: [line]))
    }

    private struct RollBack: Decodable {
        let round: Int
    }

    private static func refusal(_ error: any Error) -> any Error {
        switch error {
        case let error as AdministrationRefusal:
            switch error {
            case .missing(let reason): APIError(404, reason)
            case .conflict(let reason): APIError(409, reason)
            }
        case AggregatorError.input(let reason), AggregatorError.limit(let reason): APIError(422, reason)
        default: error
        }
    }
}
