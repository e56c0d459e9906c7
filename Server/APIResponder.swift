// SPDX-License-Identifier: Apache-2.0

import Aggregator
import HTTPTypes
import Hummingbird
import NIOCore

/// The skin between HTTP and the aggregator: bodies in, within their limit, and answers out.
struct APIResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let aggregator: Aggregator

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        let method = request.method.rawValue
        let target = request.uri.description
        guard let limit = await aggregator.bodyLimit(method: method, target: target) else {
            return Self.response(.refusal(503, "server: cannot serve this now; try again later"))
        }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            return Self.response(.refusal(413, "request: its body exceeds \(limit) bytes"))
        }
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        let answer = await aggregator.respond(
            to: APIRequest(method: method, target: target, headers: headers, body: Array(body.readableBytesView))
        )
        return Self.response(answer)
    }

    private static func response(_ answer: APIResponse) -> Response {
        Response(
            status: .init(code: answer.status),
            headers: [.contentType: answer.contentType],
            body: .init(byteBuffer: ByteBuffer(bytes: answer.body))
        )
    }
}
