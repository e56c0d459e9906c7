// SPDX-License-Identifier: Apache-2.0

import Aggregator
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// What the responder is told of a connection: where it comes from.
struct ConnectionContext: InitializableFromSource {
    let address: String?

    init(source: ApplicationRequestContextSource) {
        address = source.channel.remoteAddress?.ipAddress
    }
}

/// The skin between HTTP and the aggregator: bodies in, within their limit, and answers out.
struct APIResponder: HTTPResponder {
    typealias Context = ConnectionContext

    let aggregator: Aggregator
    let trustsProxy: Bool
    let budget: BodyBudget

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let method = request.method.rawValue
        let target = request.uri.description
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        let address = limitedAddress(sender(context, headers))
        let limit: Int
        switch await aggregator.admit(method: method, target: target, headers: headers, address: address) {
        case .success(let bytes): limit = bytes
        case .failure(let refusal): return Self.response(refusal.response)
        }
        // A body whose length is told before is not read in vain, and takes no more room than it needs.
        let length = headers["content-length"].flatMap { Int($0) }
        let room = min(length ?? limit, limit)
        guard length ?? 0 <= limit else {
            return Self.response(.refusal(413, "request: its body exceeds \(limit) bytes"))
        }
        guard room <= budget.total else {
            return Self.response(
                .refusal(413, "request: its body exceeds the \(budget.total) bytes that this server holds; send parts")
            )
        }
        guard budget.take(room) else {
            return Self.response(
                .refusal(503, "server: is reading too many bodies; try again later", headers: [("retry-after", "1")])
            )
        }
        defer { budget.give(room) }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: room)
        } catch is NIOTooManyBytesError {
            return Self.response(.refusal(413, "request: its body exceeds \(room) bytes"))
        }
        let answer = await aggregator.respond(
            to: APIRequest(
                method: method,
                target: target,
                headers: headers,
                body: Array(body.readableBytesView),
                address: address
            )
        )
        return Self.response(answer)
    }

    /// Who sends: the other end of the connection, or whom a proxy in front saw there.
    private func sender(_ context: ConnectionContext, _ headers: [String: String]) -> String {
        let peer = context.address ?? "unknown"
        guard trustsProxy, let chain = headers["x-forwarded-for"] else { return peer }
        let last = chain.split(separator: ",").last.map { $0.filter { $0 != " " && $0 != "\t" } } ?? ""
        return last.isEmpty || last.utf8.count > 45 ? peer : last
    }

    private static func response(_ answer: APIResponse) -> Response {
        var fields: HTTPFields = [.contentType: answer.contentType]
        for header in answer.headers {
            if let name = HTTPField.Name(header.name) { fields[name] = header.value }
        }
        return Response(
            status: .init(code: answer.status),
            headers: fields,
            body: .init(byteBuffer: ByteBuffer(bytes: answer.body))
        )
    }
}
