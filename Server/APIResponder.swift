// SPDX-License-Identifier: Apache-2.0

import Aggregator
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

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
        let watch = aggregator.watch(method: method, target: target, headers: headers, address: address)
        let (answer, bytesIn) = try await answer(
            APIRequest(
                method: method,
                target: target,
                headers: headers,
                address: address,
                identifier: watch.identifier
            ),
            body: request.body
        )
        watch.end(status: answer.status, bytesIn: bytesIn, bytesOut: answer.body.count)
        return response(answer, identifier: watch.identifier)
    }

    /// - Returns: the answer, and how many bytes of the body were read.
    private func answer(_ request: APIRequest, body: RequestBody) async throws -> (APIResponse, Int) {
        let headers = request.headers
        let limit: Int
        switch await aggregator.admit(
            method: request.method,
            target: request.target,
            headers: headers,
            address: request.address
        ) {
        case .success(let bytes): limit = bytes
        case .failure(let refusal): return (refusal.response, 0)
        }
        // A body whose length is told before is not read in vain, and takes no more room than it needs.
        let length = headers["content-length"].flatMap { Int($0) }
        let room = min(length ?? limit, limit)
        guard length ?? 0 <= limit else {
            return (.refusal(413, "request: its body exceeds \(limit) bytes"), 0)
        }
        guard room <= budget.total else {
            let reason = "request: its body exceeds the \(budget.total) bytes that this server holds; send parts"
            return (.refusal(413, reason), 0)
        }
        guard budget.take(room) else {
            let reason = "server: is reading too many bodies; try again later"
            return (.refusal(503, reason, headers: [("retry-after", "1")]), 0)
        }
        defer { budget.give(room) }
        var request = request
        do {
            request.body = Array(try await body.collect(upTo: room).readableBytesView)
        } catch is NIOTooManyBytesError {
            return (.refusal(413, "request: its body exceeds \(room) bytes"), room)
        }
        return (await aggregator.respond(to: request), request.body.count)
    }

    /// Who sends: the other end of the connection, or whom a proxy in front saw there.
    private func sender(_ context: ConnectionContext, _ headers: [String: String]) -> String {
        let peer = context.address ?? "unknown"
        guard trustsProxy, let chain = headers["x-forwarded-for"] else { return peer }
        let last = chain.split(separator: ",").last.map { $0.filter { $0 != " " && $0 != "\t" } } ?? ""
        return last.isEmpty || last.utf8.count > 45 ? peer : last
    }

    private func response(_ answer: APIResponse, identifier: String) -> Response {
        var fields: HTTPFields = [.contentType: answer.contentType]
        for header in answer.headers {
            if let name = HTTPField.Name(header.name) { fields[name] = header.value }
        }
        if let name = HTTPField.Name("x-request-id") { fields[name] = identifier }
        return Response(
            status: .init(code: answer.status),
            headers: fields,
            body: answer.stream.map { body(of: $0) } ?? .init(byteBuffer: ByteBuffer(bytes: answer.body))
        )
    }

    /// A body that goes on until either side ends it, or the server is told to stop and has told what was last.
    private func body(of stream: EventStream) -> ResponseBody {
        let streams = aggregator.streams
        return ResponseBody { writer in
            defer { stream.end() }
            try await withGracefulShutdownHandler {
                for await chunk in stream.chunks { try await writer.write(ByteBuffer(bytes: chunk)) }
            } onGracefulShutdown: {
                streams.close()
            }
            try await writer.finish(nil)
        }
    }
}
