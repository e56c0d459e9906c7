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
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        let limit: Int
        switch await aggregator.admit(method: method, target: target, headers: headers) {
        case .success(let bytes): limit = bytes
        case .failure(let refusal): return Self.response(refusal.response)
        }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            return Self.response(.refusal(413, "request: its body exceeds \(limit) bytes"))
        }
        let answer = await aggregator.respond(
            to: APIRequest(method: method, target: target, headers: headers, body: Array(body.readableBytesView))
        )
        return Self.response(answer)
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
