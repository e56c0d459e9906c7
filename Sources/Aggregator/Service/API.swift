// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Messages

/// One request, whatever brought it: HTTP, or a client in the same process.
public struct APIRequest: Sendable {
    public var method: String
    /// Path with query, as in the request line.
    public var target: String
    /// Names in lower case.
    public var headers: [String: String]
    public var body: [UInt8]
    /// Where it came from over the network, for limits by address; `nil` within a process, where there are none.
    public var address: String?
    /// What names it in the log.
    public var identifier: String?

    public init(
        method: String,
        target: String,
        headers: [String: String] = [:],
        body: [UInt8] = [],
        address: String? = nil,
        identifier: String? = nil
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.address = address
        self.identifier = identifier
    }

    /// The target without its query, which may hold what should not be in a log.
    var path: Substring { target.prefix { $0 != "?" } }

    var range: String { headers["range"] ?? "" }
    var contentRange: String { headers["content-range"] ?? "" }
    /// What a signature covers as the range.
    var signedRange: String { contentRange.isEmpty ? range : contentRange }
}

/// One answer.
public struct APIResponse: Sendable {
    public var status: Int
    public var contentType: String
    /// Further headers, names in lower case.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    /// What follows the body without an end of its own; `nil` for an answer that ends with its body.
    package var stream: EventStream?

    init(status: Int, contentType: String, headers: [(name: String, value: String)] = [], body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    static let protobuf = "application/x-protobuf"
    static let json = "application/json"
    private static let reasonLimit = 400

    static func message(_ bytes: [UInt8]) -> APIResponse {
        APIResponse(status: 200, contentType: protobuf, body: bytes)
    }

    static func json(_ value: some Encodable) throws -> APIResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return APIResponse(status: 200, contentType: json, body: [UInt8](try encoder.encode(value)))
    }

    /// A refusal that a machine can read, in one line, whatever of the request the reason repeats.
    public static func refusal(
        _ status: Int,
        _ reason: String,
        headers: [(name: String, value: String)] = []
    ) -> APIResponse {
        var message = Sotto_V1_Refusal()
        message.reason = reason.unicodeScalars.prefix(reasonLimit).reduce(into: "") { line, scalar in
            let category = scalar.properties.generalCategory
            let breaks = category == .control || category == .lineSeparator || category == .paragraphSeparator
            line.unicodeScalars.append(breaks ? " " : scalar)
        }
        return APIResponse(status: status, contentType: protobuf, headers: headers, body: message.wireBytes())
    }
}

/// Why a request is refused: an HTTP status and one line.
struct APIError: Error {
    let status: Int
    let reason: String
    let headers: [(name: String, value: String)]

    init(_ status: Int, _ reason: String, headers: [(name: String, value: String)] = []) {
        self.status = status
        self.reason = reason
        self.headers = headers
    }
}
